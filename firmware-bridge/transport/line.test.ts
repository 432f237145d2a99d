import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeLineContract } from "../../test/hardware/line-contract.ts";
import { LineWatch } from "../../test/hardware/line-watch.ts";
import { hasTool } from "../../test/require-tool.ts";
import type { SerialSettings } from "../ports/dialect.ts";
import type { ConnectionEvents, Transport } from "../ports/transport.ts";
import { PtyHost } from "../simulators/pty-bay.ts";
import { tcpBay } from "../simulators/tcp-bay.ts";
import { Line } from "./line.ts";
import { portFault } from "./port-faults.ts";
import { transportTo } from "./port-name.ts";
import { serialTransport } from "./serial-transport.ts";

const SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };
const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));

const hasPython = hasTool("python3");
let host: PtyHost | undefined;
beforeAll(async () => {
  if (hasPython) host = await PtyHost.start();
});
afterAll(() => host?.stop());

describeLineContract({
  name: "a TCP gateway",
  make: tcpBay,
  transportTo: (bay) => transportTo(bay.address, SETTINGS),
  replugs: 1000,
});

if (hasPython)
  describeLineContract({
    name: "a serial port",
    make: async () => {
      if (host === undefined) throw new Error("no pty host");
      return host.bay();
    },
    transportTo: (bay) =>
      serialTransport({
        address: { kind: "path", path: bay.address },
        settings: SETTINGS,
        hangupCheckMs: 10,
      }),
    replugs: 1000,
  });

/** A transport whose connections the test opens and drops by hand, on a clock that it moves. */
class ManualTransport implements Transport {
  readonly label = "manual";
  events: ConnectionEvents | undefined;
  refuses = true;
  write: () => Promise<void> = () => Promise.resolve();

  async open(events: ConnectionEvents): Promise<{ write(): Promise<void>; close(): Promise<void> }> {
    if (this.refuses) throw portFault("port-missing", "manual: away");
    this.events = events;
    return { write: () => this.write(), close: async () => events.closed(undefined) };
  }
}

class ManualClock {
  readonly waits: number[] = [];
  nowMs = 0;
  #task: (() => void) | undefined;
  mono(): number {
    return this.nowMs;
  }
  after(waitMs: number, task: () => void): { cancel(): void } {
    this.waits.push(waitMs);
    this.#task = task;
    return { cancel: () => {} };
  }
  async fire(): Promise<void> {
    this.#task?.();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

describe("a line", () => {
  it("doubles its waits up to half a second, with full jitter", async () => {
    const clock = new ManualClock();
    const line = new Line(
      new ManualTransport(),
      { clock, entropy: { uniform: () => 0.5 } },
      new LineWatch().listener,
    );
    line.open(new AbortController().signal);
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 6; turn++) await clock.fire();
    expect(clock.waits).toEqual([50, 75, 125, 225, 275, 275, 275]);
    await line.close();
  });

  it("drops what is over the limit of a second, and never joins what came before with what comes after", async () => {
    const clock = new ManualClock();
    const transport = new ManualTransport();
    transport.refuses = false;
    const watch = new LineWatch();
    const line = new Line(
      transport,
      { clock, entropy: { uniform: () => 0 }, bytesPerSecondMax: 10 },
      watch.listener,
    );
    line.open(new AbortController().signal);
    await watch.until(() => line.state.kind === "open");
    transport.events?.data(text("0123456789ab"));
    transport.events?.data(text("cdef"));
    clock.nowMs = 1000;
    transport.events?.data(text("xy"));
    expect(watch.received).toBe("0123456789xy");
    expect(watch.epochs.size).toBe(2);
    expect(line.counters().floodBytes).toBe(6);
    await line.close();
  });

  it("gives up a device that floods for a second second, says so, and leaves it alone for five", async () => {
    const clock = new ManualClock();
    const transport = new ManualTransport();
    transport.refuses = false;
    const watch = new LineWatch();
    const line = new Line(
      transport,
      { clock, entropy: { uniform: () => 0 }, bytesPerSecondMax: 10 },
      watch.listener,
    );
    line.open(new AbortController().signal);
    await watch.until(() => line.state.kind === "open");
    transport.events?.data(text("0123456789ab"));
    clock.nowMs = 1000;
    transport.events?.data(text("0123456789ab"));
    expect(await watch.untilFault("port-flood")).toMatchObject({
      fault: { retry: "after-operator", hint: { zh: expect.stringContaining("波特率") } },
    });
    expect(clock.waits).toEqual([5000]);
    transport.events?.data(text("more"));
    expect(watch.received).toBe("01234567890123456789");
    clock.nowMs = 6000;
    await clock.fire();
    await watch.until(() => line.state.kind === "open");
    transport.events?.data(text("0123456789ab"));
    await watch.untilFault("port-flood");
    await line.close();
  });

  it("tells why a write failed, not only that the device is gone", async () => {
    const transport = new ManualTransport();
    transport.refuses = false;
    transport.write = () => Promise.reject(portFault("write-stalled", "manual: stalled"));
    const watch = new LineWatch();
    const line = new Line(
      transport,
      { clock: new ManualClock(), entropy: { uniform: () => 0 } },
      watch.listener,
    );
    line.open(new AbortController().signal);
    await watch.until(() => line.state.kind === "open");
    expect(await line.write(text("T\r\n"))).toEqual({ kind: "refused", reason: "lost" });
    await watch.untilFault("write-stalled");
    await line.close();
  });

  it("takes no byte of a connection that it has lost", async () => {
    const clock = new ManualClock();
    const transport = new ManualTransport();
    transport.refuses = false;
    const watch = new LineWatch();
    const line = new Line(transport, { clock, entropy: { uniform: () => 0 } }, watch.listener);
    line.open(new AbortController().signal);
    await watch.until(() => line.state.kind === "open");
    const old = transport.events;
    old?.closed(portFault("port-lost", "manual: gone"));
    await clock.fire();
    await watch.until(() => line.state.kind === "open");
    old?.data(text("stale"));
    transport.events?.data(text("fresh"));
    expect(watch.received).toBe("fresh");
    await line.close();
  });
});
