import { describe, expect, it } from "vitest";
import type { Transport } from "../../firmware-bridge/ports/transport.ts";
import type { DeviceBay } from "../../firmware-bridge/simulators/socket.ts";
import { Line, type LineState } from "../../firmware-bridge/transport/line.ts";
import { isDeviceGone } from "../../firmware-bridge/transport/port-faults.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../../firmware-bridge/transport/system-time.ts";
import { deviceReceived, holdings, LineWatch } from "./line-watch.ts";

export interface LineStage {
  readonly name: string;
  readonly make: () => Promise<DeviceBay>;
  readonly transportTo: (bay: DeviceBay) => Transport;
  readonly replugs: number;
  /** How long one may take, before the test counts as hung; 2 s when left out. */
  readonly replugMsMax?: number;
}

const TIME = { clock: systemBridgeClock, entropy: systemBridgeEntropy };
const PIECE = "half of a fr";
/** Replugs before the first look at memory: by then everything that is made once has been made. */
const WARM_UP = 20;
/** A long run tells how far it is. */
const SAY_EVERY = 25;
/** A kilobyte for each replug would be a leak; the collector's own noise over the whole run is less than this. */
const HEAP_GROWTH_BYTES_MAX = 2 * 1024 * 1024;
/**
 * "Within a second of its return": counted from when the system shows the device, because no program can be earlier;
 * the middle one of all replugs, so that a busy machine does not decide.
 */
const RETURN_MS_MAX = 1000;
const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));

/** What every way to a device must keep: the same suite for sockets, ptys and USB, emulated and real. */
export function describeLineContract(stage: LineStage): void {
  const { name, make, transportTo, replugs, replugMsMax = 2000 } = stage;
  async function withLine(
    test: (bay: DeviceBay, line: Line, watch: LineWatch) => Promise<void>,
    retryWaitMsMin = 1,
  ): Promise<void> {
    const bay = await make();
    const watch = new LineWatch();
    const line = new Line(transportTo(bay), { ...TIME, retryWaitMsMin }, watch.listener);
    try {
      await test(bay, line, watch);
    } finally {
      await line.close();
      await bay.close();
    }
  }
  const isOpen = (line: Line) => () => line.state.kind === "open";
  const isAway = (line: Line) => () => line.state.kind !== "open";

  describe(`a line to ${name}`, () => {
    it("carries bytes both ways", () =>
      withLine(async (bay, line, watch) => {
        await bay.plug();
        line.open(new AbortController().signal);
        await watch.until(isOpen(line));
        const asked = deviceReceived(bay, "SI\r\n");
        expect(await line.write(text("SI\r\n"))).toMatchObject({ kind: "written" });
        await asked;
        await bay.joined?.();
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
        await watch.until(isAway(line));
        expect(await line.write(text("T\r\n"))).toEqual({ kind: "refused", reason: "not-open" });
        let seen = "";
        bay.socket.onReceived((bytes) => {
          seen += Buffer.from(bytes).toString("latin1");
        });
        await bay.plug();
        await watch.until(isOpen(line));
        const marked = deviceReceived(bay, "SI\r\n");
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

    it(
      `survives ${replugs} replugs: no stale byte, nothing left over, one epoch for each connection`,
      {
        timeout: 60_000 + replugs * replugMsMax,
      },
      () =>
        withLine(async (bay, line, watch) => {
          line.open(new AbortController().signal);
          let before = holdings();
          for (let turn = 0; turn < replugs; turn++) {
            if (turn === WARM_UP) before = holdings();
            await replugOnce(bay, line, watch);
            if ((turn + 1) % SAY_EVERY === 0) console.log(`${name}: ${turn + 1} replugs`);
          }
          expect(line.counters().connections).toBe(replugs);
          expect(watch.received).toBe(PIECE.repeat(replugs));
          expect(watch.epochs.size).toBe(replugs);
          const after = holdings();
          expect(after.fileDescriptors).toBeLessThanOrEqual(before.fileDescriptors + 1);
          expect(after.timersAndHandles).toBeLessThanOrEqual(before.timersAndHandles + 2);
          expect(after.heapBytes - before.heapBytes).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
        }),
    );

    it("is open again within a second of the device's return, with the waits of the product", () =>
      withLine(async (bay, line, watch) => {
        line.open(new AbortController().signal);
        const returnMs: number[] = [];
        for (let turn = 0; turn < 9; turn++) {
          // The longest wait between two tries is reached while the device is away.
          await watch.until(() => watch.states.filter(({ kind }) => kind === "waiting").length >= 3);
          await bay.plug();
          await bay.arrived?.();
          const arrivedMs = performance.now();
          await watch.until(isOpen(line));
          returnMs.push(performance.now() - arrivedMs);
          await bay.unplug();
          watch.states.length = 0;
          await watch.until(isAway(line));
        }
        const middleMs = returnMs.sort((left, right) => left - right)[4];
        console.log(`${name}: open after ${returnMs.map(Math.round).join(" ")} ms`);
        expect(middleMs).toBeLessThan(RETURN_MS_MAX);
      }, 50));
  });

  async function replugOnce(bay: DeviceBay, line: Line, watch: LineWatch): Promise<void> {
    await bay.plug();
    await watch.until(isOpen(line));
    await bay.joined?.();
    const epochs = watch.epochs.size;
    bay.socket.send(text(PIECE));
    await watch.until(() => watch.epochs.size === epochs + 1);
    await bay.unplug();
    await watch.until(isAway(line));
    watch.states.length = 0;
  }
}
