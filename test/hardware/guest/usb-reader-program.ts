import { transportTo } from "../../../firmware-bridge/transport/port-name.ts";

/** Another program that reads a USB device: prints a line when it has it, and ends when it is killed. */
const [, , port = ""] = process.argv;
const transport = transportTo(port, { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 });
const events = { data: () => {}, closed: () => {} };
const { signal } = new AbortController();
for (;;) {
  try {
    await transport.open(events, { signal });
    break;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "port-missing")) throw error;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
process.stdout.write("open\n");
