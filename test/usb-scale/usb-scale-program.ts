import { ScaleDriver } from "../../firmware-bridge/drivers/scale-driver.ts";
import { usbHidScale } from "../../firmware-bridge/protocol/usb-hid-scale/usb-hid-scale.ts";
import { transportTo } from "../../firmware-bridge/transport/port-name.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../../firmware-bridge/transport/system-time.ts";

/** What the USB test runs under the emulated bus: prints states and readings as JSON lines until it is told to stop. */
const SETTINGS = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 } as const;
const scale = new ScaleDriver({
  transport: transportTo("usb:0922:8003", SETTINGS, usbHidScale.hidReportIds),
  dialect: usbHidScale,
  clock: systemBridgeClock,
  entropy: systemBridgeEntropy,
});
const say = (event: object): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`);
};
scale.onState((state) => say({ state: state.kind, code: "fault" in state ? state.fault.code : null }));
scale.onReading(({ value, unit, stable }) => say({ value, unit, stable }));
scale.open({ signal: new AbortController().signal });
process.once("SIGTERM", () => {
  void scale.close().then(() => process.exit(0));
});
