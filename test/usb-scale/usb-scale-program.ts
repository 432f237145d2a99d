import { ScaleDriver } from "../../firmware-bridge/drivers/scale-driver.ts";
import { usbHidScale } from "../../firmware-bridge/protocol/usb-hid-scale/usb-hid-scale.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../../firmware-bridge/transport/system-time.ts";
import { usbHidTransport } from "../../firmware-bridge/transport/usb-hid-transport.ts";

/** What the USB test runs under the emulated bus: prints states and readings as JSON lines until it is told to stop. */
const scale = new ScaleDriver({
  transport: usbHidTransport({ ids: { vendorId: "0922", productId: "8003" } }),
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
