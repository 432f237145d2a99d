import { once } from "node:events";
import type { Connection } from "../ports/transport.ts";
import { PtyHost } from "../simulators/pty-bay.ts";
import { serialTransport } from "./serial-transport.ts";

/**
 * Run by settled-close.test.ts under strace, which holds reads up: opens a pty, lets its device send and hang up, and
 * opens the next at once, which gets the same file descriptor. Prints how many of the devices' lines arrived whole.
 */
const LINE = "ST,GS,+00012.5kg\r\n";
const LINE_WAIT_MS_MAX = 3000;

async function isReadWhole(host: PtyHost): Promise<boolean> {
  const bay = host.bay();
  await bay.plug();
  const arrived = new EventTarget();
  let text = "";
  const closed = once(arrived, "closed");
  const connection: Connection = await serialTransport({
    address: { kind: "path", path: bay.address },
    settings: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
    hangupCheckMs: 10,
  }).open(
    {
      data: (bytes) => {
        text += Buffer.from(bytes).toString("latin1");
        if (text === LINE) arrived.dispatchEvent(new Event("line"));
      },
      closed: () => arrived.dispatchEvent(new Event("closed")),
    },
    { signal: new AbortController().signal },
  );
  const line = once(arrived, "line", { signal: AbortSignal.timeout(LINE_WAIT_MS_MAX) }).then(
    () => true,
    () => false,
  );
  bay.socket.send(Buffer.from(LINE, "latin1"));
  const isWhole = await line;
  await bay.unplug();
  await closed;
  await connection.close();
  return isWhole;
}

const turns = Number(process.argv[2]);
const host = await PtyHost.start();
let whole = 0;
for (let turn = 0; turn < turns; turn++) if (await isReadWhole(host)) whole += 1;
process.stdout.write(`${whole} of ${turns}\n`);
await host.stop();
