import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasTool } from "../../test/require-tool.ts";
import type { SerialSettings } from "../ports/dialect.ts";
import { BridgeFault } from "../ports/fault.ts";
import type { ConnectionEvents, Transport } from "../ports/transport.ts";
import { PtyHost } from "../simulators/pty-bay.ts";
import type { DeviceBay } from "../simulators/socket.ts";
import { tcpBay } from "../simulators/tcp-bay.ts";
import { Line, type LineState } from "./line.ts";
import { isDeviceGone, portFault } from "./port-faults.ts";
import { rfc2217Opening, TelnetFilter, telnetEscaped } from "./rfc2217.ts";
import { serialTransport } from "./serial-transport.ts";
import { systemBridgeClock, systemBridgeEntropy } from "./system-time.ts";
import { tcpTransport } from "./tcp-transport.ts";
import { findUsbTty } from "./usb-tty.ts";

const SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };
const REAL_TIME = { clock: systemBridgeClock, entropy: systemBridgeEntropy };
const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));

/** What a line did, and promises of what it will do. */
class Watch {
  readonly states: LineState[] = [];
  received = "";
  readonly epochs = new Set<number>();
  readonly #waiters = new Set<() => void>();

  readonly listener = {
    data: (bytes: Uint8Array, epoch: number): void => {
      this.received += Buffer.from(bytes).toString("latin1");
      this.epochs.add(epoch);
      this.#wake();
    },
    state: (state: LineState): void => {
      this.states.push(state);
      this.#wake();
    },
  };

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!holds()) return;
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
      check();
    });
  }

  #wake(): void {
    for (const check of [...this.#waiters]) check();
  }
}

function received(bay: DeviceBay, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    let so = "";
    const stop = bay.socket.onReceived((bytes) => {
      so += Buffer.from(bytes).toString("latin1");
      if (so !== wanted) return;
      stop();
      resolve();
    });
  });
}

const hasPython = hasTool("python3");
let host: PtyHost | undefined;
beforeAll(async () => {
  if (hasPython) host = await PtyHost.start();
});
afterAll(() => host?.stop());

const bays = [
  {
    name: "a TCP gateway",
    make: tcpBay,
    transportTo: (bay: DeviceBay) => {
      const [hostName = "", port] = bay.address.split(":");
      return tcpTransport({ host: hostName, port: Number(port) });
    },
    replugs: 1000,
  },
  {
    name: "a serial port",
    make: async () => {
      if (host === undefined) throw new Error("no pty host");
      return host.bay();
    },
    transportTo: (bay: DeviceBay) =>
      serialTransport({
        address: { kind: "path", path: bay.address },
        settings: SETTINGS,
        hangupCheckMs: 10,
      }),
    replugs: 1000,
  },
].filter(({ name }) => hasPython || name !== "a serial port");

describe.each(bays)("a line to $name", ({ make, transportTo, replugs }) => {
  async function withLine(test: (bay: DeviceBay, line: Line, watch: Watch) => Promise<void>): Promise<void> {
    const bay = await make();
    const watch = new Watch();
    const line = new Line(transportTo(bay), { ...REAL_TIME, retryWaitMsMin: 1 }, watch.listener);
    try {
      await test(bay, line, watch);
    } finally {
      await line.close();
      await bay.close();
    }
  }
  const isOpen = (line: Line) => () => line.state.kind === "open";

  it("carries bytes both ways", () =>
    withLine(async (bay, line, watch) => {
      await bay.plug();
      line.open(new AbortController().signal);
      await watch.until(isOpen(line));
      const asked = received(bay, "SI\r\n");
      expect(await line.write(text("SI\r\n"))).toMatchObject({ kind: "written" });
      await asked;
      bay.socket.send(text("S S 1.00 g\r\n"));
      await watch.until(() => watch.received === "S S 1.00 g\r\n");
    }));

  it("waits for a device that is not there yet, and says what is wrong", () =>
    withLine(async (bay, line, watch) => {
      line.open(new AbortController().signal);
      await watch.until(() => line.state.kind === "waiting");
      expect(watch.states.find((state) => state.kind === "waiting")).toSatisfy(
        (state: LineState) => state.kind === "waiting" && isDeviceGone(state.fault),
      );
      await bay.plug();
      await watch.until(isOpen(line));
    }));

  it("refuses to write while the device is away, and sends nothing of it later", () =>
    withLine(async (bay, line, watch) => {
      await bay.plug();
      line.open(new AbortController().signal);
      await watch.until(isOpen(line));
      await bay.unplug();
      await watch.until(() => line.state.kind === "waiting");
      expect(await line.write(text("T\r\n"))).toEqual({ kind: "refused", reason: "not-open" });
      let seen = "";
      bay.socket.onReceived((bytes) => {
        seen += Buffer.from(bytes).toString("latin1");
      });
      await bay.plug();
      await watch.until(isOpen(line));
      const marked = received(bay, "SI\r\n");
      await line.write(text("SI\r\n"));
      await marked;
      expect(seen).toBe("SI\r\n");
    }));

  it("closes when its signal aborts, and then stays closed", () =>
    withLine(async (bay, line, watch) => {
      const stop = new AbortController();
      await bay.plug();
      line.open(stop.signal);
      await watch.until(isOpen(line));
      stop.abort();
      await line.close();
      expect(watch.states.at(-1)).toEqual({ kind: "closed" });
      expect(await line.write(text("SI\r\n"))).toEqual({ kind: "refused", reason: "not-open" });
    }));

  it(`survives ${replugs} replugs without a stale byte or a listener left over`, { timeout: 300_000 }, () =>
    withLine(async (bay, line, watch) => {
      line.open(new AbortController().signal);
      for (let turn = 0; turn < replugs; turn++) {
        await bay.plug();
        await watch.until(isOpen(line));
        const state = line.state;
        const epochs = watch.epochs.size;
        bay.socket.send(text("half of a fr"));
        await watch.until(() => watch.epochs.size === epochs + 1);
        await bay.unplug();
        await watch.until(() => line.state.kind === "waiting" || line.state.kind === "connecting");
        expect(state.kind).toBe("open");
        watch.states.length = 0;
      }
      expect(line.counters().connections).toBe(replugs);
      expect(watch.received).toBe("half of a fr".repeat(replugs));
      expect(watch.epochs.size).toBe(replugs);
    }),
  );
});

/** A transport whose connections the test opens and drops by hand, on a clock that it moves. */
class ManualTransport implements Transport {
  readonly label = "manual";
  events: ConnectionEvents | undefined;
  refuses = true;

  async open(events: ConnectionEvents): Promise<{ write(): Promise<void>; close(): Promise<void> }> {
    if (this.refuses) throw portFault("port-missing", "manual: away");
    this.events = events;
    return { write: () => Promise.resolve(), close: async () => events.closed(undefined) };
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
      new Watch().listener,
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
    const watch = new Watch();
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

  it("takes no byte of a connection that it has lost", async () => {
    const clock = new ManualClock();
    const transport = new ManualTransport();
    transport.refuses = false;
    const watch = new Watch();
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

describe("two programs at one serial port", () => {
  it.skipIf(!hasPython)("are told that the port is busy", async () => {
    const bay = await (host as PtyHost).bay();
    await bay.plug();
    const transport = serialTransport({ address: { kind: "path", path: bay.address }, settings: SETTINGS });
    const events: ConnectionEvents = { data: () => {}, closed: () => {} };
    const { signal } = new AbortController();
    const first = await transport.open(events, { signal });
    const second = await transport.open(events, { signal }).catch((error: unknown) => error);
    expect(second).toBeInstanceOf(BridgeFault);
    expect(second).toMatchObject({ code: "port-busy", retry: "after-operator" });
    await first.close();
    await bay.close();
  });
});

describe("RFC 2217", () => {
  it("asks for the serial settings, with 255 doubled in numbers", () => {
    const opening = Buffer.from(rfc2217Opening({ ...SETTINGS, baudRate: 0xff00 })).toString("hex");
    expect(opening).toContain("fffa2c010000ffff00fff0");
    expect(opening).toContain("fffa2c0208fff0fffa2c0301fff0fffa2c0401fff0");
  });

  it("gives back the bytes of the line however telnet commands are mixed in and cut", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc
              .uint8Array({ maxLength: 20 })
              .map((bytes) => ({ data: bytes, wire: [...telnetEscaped(bytes)] })),
            fc
              .constantFrom([255, 251, 44], [255, 250, 44, 101, 0, 255, 255, 1, 255, 240], [255, 241])
              .map((wire) => ({ data: new Uint8Array(), wire })),
          ),
          { maxLength: 10 },
        ),
        fc.integer({ min: 1, max: 7 }),
        (parts, step) => {
          const wire = Uint8Array.from(parts.flatMap((part) => part.wire));
          const filter = new TelnetFilter();
          const out: number[] = [];
          for (let from = 0; from < wire.length; from += step)
            out.push(...filter.push(wire.subarray(from, from + step)));
          expect(out).toEqual(parts.flatMap((part) => [...part.data]));
        },
      ),
    );
  });
});

describe("the tty of a USB device", () => {
  it("is found by the ids of the device that it belongs to", async () => {
    const root = await mkdtemp(join(tmpdir(), "canteen-sys-"));
    const device = join(root, "devices", "usb1", "1-2");
    await mkdir(join(device, "1-2:1.0", "ttyUSB3"), { recursive: true });
    await mkdir(join(root, "class", "tty", "ttyUSB3"), { recursive: true });
    await writeFile(join(device, "idVendor"), "1a86\n");
    await writeFile(join(device, "idProduct"), "7523\n");
    await writeFile(join(device, "serial"), "A7\n");
    await symlink(join(device, "1-2:1.0", "ttyUSB3"), join(root, "class", "tty", "ttyUSB3", "device"));
    const ids = { vendorId: "1A86", productId: "7523" };
    expect(await findUsbTty(ids, root)).toBe("/dev/ttyUSB3");
    expect(await findUsbTty({ ...ids, serialNumber: "A7" }, root)).toBe("/dev/ttyUSB3");
    expect(await findUsbTty({ ...ids, serialNumber: "B8" }, root)).toBeNull();
    expect(await findUsbTty({ ...ids, productId: "0000" }, root)).toBeNull();
    await rm(root, { recursive: true });
  });
});
