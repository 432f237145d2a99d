import { Line } from "../../firmware-bridge/transport/line.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../../firmware-bridge/transport/system-time.ts";
import { usbHidTransport } from "../../firmware-bridge/transport/usb-hid-transport.ts";
import { holdings } from "../hardware/line-watch.ts";

/**
 * Runs under the emulated bus: one line that is unplugged again and again. Prints states, each change of weight or
 * epoch, and what the process holds at the 20th connection and at the last.
 * An unhandled rejection ends it, as it would end the service.
 */
const WARM_UP = 20;
const replugs = Number(process.argv[2]);
const say = (event: object): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`);
};

let connections = 0;
let last = "";
const line = new Line(
  usbHidTransport({ ids: { vendorId: "0922", productId: "8003" }, reportIds: [3] }),
  { clock: systemBridgeClock, entropy: systemBridgeEntropy, retryWaitMsMin: 150, retryWaitMsMax: 150 },
  {
    data: (report, epoch) => {
      const weight = (report[4] ?? 0) + 256 * (report[5] ?? 0);
      const event = JSON.stringify({ weight, epoch });
      if (event !== last) process.stdout.write(`${event}\n`);
      last = event;
    },
    state: (state) => {
      say({ state: state.kind, code: "fault" in state ? state.fault.code : null });
      if (state.kind !== "open") return;
      connections += 1;
      if (connections === WARM_UP || connections === replugs) say({ holdings: holdings(), connections });
    },
  },
);
line.open(new AbortController().signal);
process.once("SIGTERM", () => {
  void line.close().then(() => process.exit(0));
});
