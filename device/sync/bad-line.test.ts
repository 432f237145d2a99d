import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { monoMs } from "../platform/units.ts";
import { stepUplink } from "./uplink-core.ts";
import { initialUplink, type UplinkInput, type UplinkLimits, type UplinkState } from "./uplink-state.ts";

const LIMITS: UplinkLimits = {
  batchesInFlightMax: 3,
  receiptWaitMs: 1000,
  receiptWaitMsMax: 60_000,
  conflictWaitMs: 300_000,
  batchEntriesMax: 512,
  stallWaitMsMin: 500,
};

/** A cloud that stores what comes, and a line that loses, repeats, delays and reorders. */
interface World {
  readonly cloud: Set<number>;
  /** What every backup of the cloud held, oldest first. */
  readonly backups: Set<number>[];
  readonly toCloud: { readonly token: string; readonly from: number; readonly to: number }[];
  readonly toTerminal: UplinkInput[];
  state: UplinkState;
  timeMs: number;
  connections: number;
}

function contiguous(cloud: ReadonlySet<number>): number {
  let seq = 0;
  while (cloud.has(seq + 1)) seq += 1;
  return seq;
}

function feed(world: World, input: UplinkInput): void {
  const { state, effects } = stepUplink(world.state, input, LIMITS);
  world.state = state;
  for (const effect of effects) {
    if (effect.kind === "send") {
      const range = { from: effect.afterSeq + 1, to: Math.min(world.state.headSeq, effect.afterSeq + 4) };
      world.toCloud.push({ token: `b${range.to}`, ...range });
      feed(world, { kind: "sent", range, nowMs: monoMs(world.timeMs) });
    } else if (effect.kind === "ask") {
      world.toCloud.push({ token: effect.token, from: 1, to: 0 });
    }
  }
}

function deliverToCloud(world: World, at: number, keep: boolean): void {
  const batch = world.toCloud[at % Math.max(1, world.toCloud.length)];
  if (batch === undefined) return;
  if (!keep) world.toCloud.splice(world.toCloud.indexOf(batch), 1);
  for (let seq = batch.from; seq <= batch.to; seq++) world.cloud.add(seq);
  const ackedSeq = contiguous(world.cloud);
  const gap = world.cloud.size > ackedSeq;
  world.toTerminal.push({
    kind: "receipt",
    nowMs: monoMs(world.timeMs),
    ask: batch.token,
    ackedSeq,
    batchTo: batch.to >= batch.from ? batch.to : null,
    gap,
    conflict: null,
    refusal: null,
    uniform: 0.5,
  });
}

function deliverToTerminal(world: World, at: number, keep: boolean): void {
  const input = world.toTerminal[at % Math.max(1, world.toTerminal.length)];
  if (input === undefined) return;
  if (!keep) world.toTerminal.splice(world.toTerminal.indexOf(input), 1);
  feed(world, input);
}

function connect(world: World): void {
  world.connections += 1;
  feed(world, { kind: "disconnected" });
  feed(world, { kind: "connected", connectionId: `c${world.connections}`, nowMs: monoMs(world.timeMs) });
}

const ACTS: Record<string, (world: World, n: number) => void> = {
  append: (world, n) => feed(world, { kind: "appended", headSeq: world.state.headSeq + 1 + (n % 9) }),
  cloud: (world, n) => deliverToCloud(world, n, false),
  "repeat-up": (world, n) => deliverToCloud(world, n, true),
  terminal: (world, n) => deliverToTerminal(world, n, false),
  "repeat-down": (world, n) => deliverToTerminal(world, n, true),
  "lose-up": (world, n) => void world.toCloud.splice(n % Math.max(1, world.toCloud.length), 1),
  "lose-down": (world, n) => void world.toTerminal.splice(n % Math.max(1, world.toTerminal.length), 1),
  due: (world, n) => {
    world.timeMs += n * 500;
    feed(world, { kind: "due", nowMs: monoMs(world.timeMs), uniform: n / 21 });
  },
  reconnect: (world) => connect(world),
  disconnect: (world) => feed(world, { kind: "disconnected" }),
  backup: (world) => void world.backups.push(new Set(world.cloud)),
  restore: (world, n) => {
    const backup = world.backups[n % Math.max(1, world.backups.length)] ?? new Set();
    world.cloud.clear();
    for (const seq of backup) world.cloud.add(seq);
  },
  failed: (world, n) => feed(world, { kind: "send-failed", nowMs: monoMs(world.timeMs), uniform: n / 21 }),
};

/** The line's everyday work twice as often as its accidents. */
const act = fc.tuple(
  fc.constantFrom(...Object.keys(ACTS), "append", "cloud", "cloud", "terminal", "terminal"),
  fc.nat(20),
);
type Act = readonly [name: string, n: number];

function perform(world: World, [name, n]: Act): void {
  ACTS[name]?.(world, n);
}

/** From here on the line keeps order and loses nothing. @returns steps until nothing was left to do. */
function settle(world: World): void {
  connect(world);
  for (let step = 0; step < 2000; step++) {
    if (world.toCloud.length > 0) deliverToCloud(world, 0, false);
    else if (world.toTerminal.length > 0) deliverToTerminal(world, 0, false);
    else if (world.state.dueMs !== null) {
      world.timeMs = Math.max(world.timeMs, world.state.dueMs);
      feed(world, { kind: "due", nowMs: monoMs(world.timeMs), uniform: 0.5 });
    } else return;
  }
}

function newWorld(): World {
  return {
    cloud: new Set(),
    backups: [],
    toCloud: [],
    toTerminal: [],
    state: initialUplink(0, 0, LIMITS),
    timeMs: 0,
    connections: 0,
  };
}

describe("uplink core on a bad line", () => {
  it("ends with the cloud holding every entry, after any losses, repeats, delays, reconnects and restored backups", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
        const world = newWorld();
        for (const each of acts) perform(world, each);
        settle(world);
        expect(contiguous(world.cloud)).toBe(world.state.headSeq);
        expect(world.cloud.size).toBe(world.state.headSeq);
        expect(world.state.ackedSeq).toBe(world.state.headSeq);
      }),
      { numRuns: 1000 },
    );
  });

  it("never takes an entry for stored that the cloud has never held", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
        const world = newWorld();
        let everStored = 0;
        for (const each of acts) {
          perform(world, each);
          everStored = Math.max(everStored, contiguous(world.cloud));
          expect(world.state.ackedSeq).toBeLessThanOrEqual(everStored);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("never goes back when receipts are only lost, repeated and late", () => {
    const noRestore = act.filter(([name]) => name !== "restore");
    fc.assert(
      fc.property(fc.array(noRestore, { maxLength: 120 }), (acts) => {
        const world = newWorld();
        let highest = 0;
        for (const each of acts) {
          perform(world, each);
          expect(world.state.ackedSeq).toBeGreaterThanOrEqual(highest);
          highest = world.state.ackedSeq;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
