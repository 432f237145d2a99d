import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { monoMs } from "../platform/units.ts";
import {
  type Conflict,
  initialUplink,
  stepUplink,
  type UplinkEffect,
  type UplinkInput,
  type UplinkLimits,
  type UplinkState,
} from "./uplink-core.ts";

const LIMITS: UplinkLimits = {
  batchesInFlightMax: 3,
  receiptWaitMs: 1000,
  receiptWaitMsMax: 60_000,
  conflictWaitMs: 300_000,
};
const nowMs = monoMs(5000);
const conflict: Conflict = { kind: "entry", seq: 12, localHash: "a", cloudHash: "b" };

const base: UplinkState = { ...initialUplink(30, 10), connectionId: "c", questionCount: 1 };
const STATES: Record<UplinkState["phase"], UplinkState> = {
  offline: base,
  asking: { ...base, phase: "asking", question: "c:1", dueMs: nowMs },
  streaming: {
    ...base,
    phase: "streaming",
    nextSeq: 21,
    inFlight: [
      { from: 11, to: 15 },
      { from: 16, to: 20 },
    ],
    dueMs: nowMs,
  },
  blocked: { ...base, phase: "blocked", conflict, dueMs: nowMs },
};

type Given = Pick<Extract<UplinkInput, { kind: "receipt" }>, "ackedSeq"> &
  Partial<Extract<UplinkInput, { kind: "receipt" }>>;
const receipt = (given: Given): UplinkInput => ({
  kind: "receipt",
  nowMs,
  ask: null,
  gap: false,
  conflict: null,
  ...given,
});

const INPUTS: Record<string, UplinkInput> = {
  connected: { kind: "connected", connectionId: "d", nowMs },
  disconnected: { kind: "disconnected" },
  appended: { kind: "appended", headSeq: 31 },
  sent: { kind: "sent", range: { from: 21, to: 25 }, nowMs },
  "send-failed": { kind: "send-failed", nowMs, uniform: 0 },
  "answer equal": receipt({ ackedSeq: 10, ask: "c:1" }),
  "answer higher": receipt({ ackedSeq: 14, ask: "c:1" }),
  "answer lower": receipt({ ackedSeq: 4, ask: "c:1" }),
  "receipt equal": receipt({ ackedSeq: 10 }),
  "receipt higher": receipt({ ackedSeq: 15 }),
  "receipt lower": receipt({ ackedSeq: 4 }),
  "receipt with a gap": receipt({ ackedSeq: 10, gap: true }),
  "receipt higher with a gap": receipt({ ackedSeq: 15, gap: true }),
  "receipt with a conflict": receipt({ ackedSeq: 11, conflict }),
  ask: { kind: "ask", nowMs },
  due: { kind: "due", nowMs, uniform: 0 },
};

/** What each input does in each phase: the new phase, acked/next seq, and the effects, in short. */
const TABLE: Record<string, Record<UplinkState["phase"], string>> = {
  connected: {
    offline: "asking 10/11 ask",
    asking: "asking 10/11 ask",
    streaming: "asking 10/21 ask",
    blocked: "blocked 10/11 ask",
  },
  disconnected: {
    offline: "offline 10/11",
    asking: "offline 10/11",
    streaming: "offline 10/11",
    blocked: "offline 10/11",
  },
  appended: {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "streaming 10/21 send>20",
    blocked: "blocked 10/11",
  },
  sent: {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "streaming 10/26",
    blocked: "blocked 10/11",
  },
  "send-failed": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "asking 10/21",
    blocked: "blocked 10/11",
  },
  "answer equal": {
    offline: "offline 10/11",
    asking: "streaming 10/11 send>10",
    streaming: "streaming 10/21",
    blocked: "blocked 10/11",
  },
  "answer higher": {
    offline: "offline 14/15 ack14",
    asking: "streaming 14/15 ack14 send>14",
    streaming: "streaming 14/21 ack14 send>20",
    blocked: "blocked 14/15 ack14 ask",
  },
  "answer lower": {
    offline: "offline 10/11",
    asking: "streaming 4/5 ack4 send>4",
    streaming: "asking 10/21 ask",
    blocked: "blocked 10/11",
  },
  "receipt equal": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "streaming 10/21",
    blocked: "blocked 10/11",
  },
  "receipt higher": {
    offline: "offline 15/16 ack15",
    asking: "asking 15/16 ack15 ask",
    streaming: "streaming 15/21 ack15 send>20",
    blocked: "blocked 15/16 ack15 ask",
  },
  "receipt lower": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "asking 10/21 ask",
    blocked: "blocked 10/11",
  },
  "receipt with a gap": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "asking 10/21 ask",
    blocked: "blocked 10/11",
  },
  "receipt higher with a gap": {
    offline: "offline 15/16 ack15",
    asking: "asking 15/16 ack15 ask",
    streaming: "asking 15/21 ack15 ask",
    blocked: "blocked 15/16 ack15 ask",
  },
  "receipt with a conflict": {
    offline: "offline 11/12 ack11 conflict12",
    asking: "blocked 11/12 ack11 conflict12",
    streaming: "blocked 11/12 ack11 conflict12",
    blocked: "blocked 11/12 ack11",
  },
  ask: {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "asking 10/21 ask",
    blocked: "blocked 10/11",
  },
  due: {
    offline: "offline 10/11",
    asking: "asking 10/11 ask",
    streaming: "asking 10/21 ask",
    blocked: "blocked 10/11 ask",
  },
};

function effectInShort(effect: UplinkEffect): string {
  switch (effect.kind) {
    case "send":
      return `send>${effect.afterSeq}`;
    case "ask":
      return "ask";
    case "acknowledge":
      return `ack${effect.ackedSeq}`;
    case "report-conflict":
      return `conflict${effect.conflict.seq}`;
  }
}

describe("uplink core, every state × every input", () => {
  for (const [inputName, input] of Object.entries(INPUTS)) {
    for (const state of Object.values(STATES)) {
      it(`answers ${inputName} while ${state.phase} as the table says`, () => {
        const { state: next, effects } = stepUplink(state, input, LIMITS);
        const short = [next.phase, `${next.ackedSeq}/${next.nextSeq}`, ...effects.map(effectInShort)].join(
          " ",
        );
        expect(short).toBe(TABLE[inputName]?.[state.phase]);
      });
    }
  }
});

describe("uplink core", () => {
  it("waits longer after each miss, up to its longest wait", () => {
    let state = STATES.asking;
    const waits: number[] = [];
    for (let miss = 0; miss < 8; miss++) {
      const at = state.dueMs ?? nowMs;
      state = stepUplink(state, { kind: "due", nowMs: at, uniform: 1 }, LIMITS).state;
      waits.push((state.dueMs ?? at) - at);
    }
    expect(waits).toEqual([2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it("does nothing when called before it is due", () => {
    const early: UplinkInput = { kind: "due", nowMs: monoMs(nowMs - 1), uniform: 0 };
    expect(stepUplink(STATES.asking, early, LIMITS)).toEqual({ state: STATES.asking, effects: [] });
  });

  it("never has more batches under way than its window", () => {
    const full = stepUplink(STATES.streaming, { kind: "sent", range: { from: 21, to: 25 }, nowMs }, LIMITS);
    expect(full.state.inFlight).toHaveLength(LIMITS.batchesInFlightMax);
    expect(full.effects).toEqual([]);
  });

  it("goes on after a conflict as soon as an answer comes without one", () => {
    const asked = stepUplink(STATES.blocked, { kind: "due", nowMs, uniform: 0 }, LIMITS);
    const answer = receipt({ ackedSeq: 12, ask: asked.state.question });
    const { state, effects } = stepUplink(asked.state, answer, LIMITS);
    expect(state).toMatchObject({ phase: "streaming", conflict: null, ackedSeq: 12 });
    expect(effects.map(effectInShort)).toEqual(["ack12", "send>12"]);
  });
});

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
    gap,
    conflict: null,
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
    state: initialUplink(0, 0),
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
