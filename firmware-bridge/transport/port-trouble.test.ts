import { chmod, realpath } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deviceReceived, LineWatch } from "../../test/hardware/line-watch.ts";
import { hasTool } from "../../test/require-tool.ts";
import type { SerialSettings } from "../ports/dialect.ts";
import { BridgeFault } from "../ports/fault.ts";
import type { ConnectionEvents } from "../ports/transport.ts";
import { PtyHost } from "../simulators/pty-bay.ts";
import type { DeviceBay } from "../simulators/socket.ts";
import { tcpBay } from "../simulators/tcp-bay.ts";
import { Line } from "./line.ts";
import { transportTo } from "./port-name.ts";
import { systemBridgeClock, systemBridgeEntropy } from "./system-time.ts";

const SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };
const TIME = { clock: systemBridgeClock, entropy: systemBridgeEntropy };
const NO_EVENTS: ConnectionEvents = { data: () => {}, closed: () => {} };
const NOBODY = 65_534;
const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));

let host: PtyHost | undefined;
const hasPython = hasTool("python3");
beforeAll(async () => {
  if (hasPython) host = await PtyHost.start();
});
afterAll(() => host?.stop());

async function withBay(bay: DeviceBay, test: (bay: DeviceBay) => Promise<void>): Promise<void> {
  await bay.plug();
  try {
    await test(bay);
  } finally {
    await bay.close();
  }
}

const noSignal = (): { readonly signal: AbortSignal } => ({ signal: new AbortController().signal });

/**
 * Runs `task` without root's right to open everything: as another user for its time, in this very process. A user who
 * is not root has no such right anyway.
 */
async function withoutPrivilege(task: () => Promise<void>): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    await task();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

describe.skipIf(!hasPython)("a serial port", () => {
  const pty = (): DeviceBay => {
    if (host === undefined) throw new Error("no pty host");
    return host.bay();
  };

  it("tells the second of two programs that it is busy", () =>
    withBay(pty(), async ({ address }) => {
      const transport = transportTo(address, SETTINGS);
      const first = await transport.open(NO_EVENTS, noSignal());
      const second = await transport.open(NO_EVENTS, noSignal()).catch((error: unknown) => error);
      expect(second).toBeInstanceOf(BridgeFault);
      expect(second).toMatchObject({
        code: "port-busy",
        retry: "after-operator",
        hint: { zh: expect.stringContaining("占用"), en: expect.stringContaining("Another program") },
      });
      await first.close();
    }));

  it("without permission says which group is missing", () =>
    withBay(pty(), async ({ address }) => {
      await chmod(await realpath(address), 0o000);
      await withoutPrivilege(async () => {
        const refused = await transportTo(address, SETTINGS)
          .open(NO_EVENTS, noSignal())
          .catch((error: unknown) => error);
        expect(refused).toMatchObject({
          code: "port-permission",
          retry: "after-operator",
          hint: { zh: expect.stringContaining("dialout"), en: expect.stringContaining("dialout") },
        });
      });
    }));
});

describe.each([
  { name: "a TCP gateway", make: tcpBay },
  ...(hasPython
    ? [
        {
          name: "a serial port",
          make: async (): Promise<DeviceBay> => {
            if (host === undefined) throw new Error("no pty host");
            return host.bay();
          },
        },
      ]
    : []),
])("a device at $name that sends without end", ({ make }) => {
  const BLOCK = new Uint8Array(64 * 1024).fill(0x55);
  // A tenth of what a pty carries here, so that a slow machine floods too.
  const BYTES_PER_SECOND_MAX = 8 * 1024;

  it("is given up with a named fault, within bounds, while another line goes on", async () => {
    const calm = await tcpBay();
    await withBay(calm, async () =>
      withBay(await make(), async (flooding) => {
        const watch = new LineWatch();
        let passedBytes = 0;
        let answers = 0;
        // The second second, in which it is given up, begins when the first is flooded and the other line had its turns.
        const clock = {
          ...systemBridgeClock,
          mono: () => (answers < 2 || line.counters().floodBytes === 0 ? 0 : 1000),
        };
        const line: Line = new Line(
          transportTo(flooding.address, SETTINGS),
          { ...TIME, clock, bytesPerSecondMax: BYTES_PER_SECOND_MAX },
          { ...watch.listener, data: (bytes) => (passedBytes += bytes.length) },
        );
        const calmWatch = new LineWatch();
        const calmLine = new Line(transportTo(calm.address, SETTINGS), TIME, calmWatch.listener);
        line.open(noSignal().signal);
        calmLine.open(noSignal().signal);
        await watch.until(() => line.state.kind === "open");
        await calmWatch.until(() => calmLine.state.kind === "open");
        const flood = setInterval(() => flooding.socket.send(BLOCK), 50);
        // Questions and answers of the calm line, for as long as the flood lasts: the event loop is alive.
        while (line.state.kind === "open") {
          const asked = deviceReceived(calm, "SI\r\n");
          await calmLine.write(text("SI\r\n"));
          await asked;
          answers += 1;
        }
        clearInterval(flood);
        expect(await watch.untilFault("port-flood")).toMatchObject({
          fault: {
            hint: { zh: expect.stringContaining("波特率"), en: expect.stringContaining("baud rate") },
          },
        });
        expect(answers).toBeGreaterThan(1);
        expect(passedBytes).toBeLessThanOrEqual(3 * BYTES_PER_SECOND_MAX);
        await line.close();
        await calmLine.close();
      }),
    );
  });
});
