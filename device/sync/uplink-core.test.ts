import { describe, expect, it } from "vitest";
import { monoMs } from "../platform/units.ts";
import { stepUplink } from "./uplink-core.ts";
import {
  type Conflict,
  initialUplink,
  type UplinkEffect,
  type UplinkInput,
  type UplinkLimits,
  type UplinkState,
} from "./uplink-state.ts";

const LIMITS: UplinkLimits = {
  batchesInFlightMax: 3,
  receiptWaitMs: 1000,
  receiptWaitMsMax: 60_000,
  conflictWaitMs: 300_000,
  batchEntriesMax: 512,
  stallWaitMsMin: 500,
};
const nowMs = monoMs(5000);
const conflict: Conflict = { kind: "entry", seq: 12, localHash: "a", cloudHash: "b" };

const base: UplinkState = { ...initialUplink(30, 10, LIMITS), connectionId: "c", questionCount: 1 };
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
  paused: { ...base, phase: "paused", stallCount: 2, dueMs: nowMs },
  blocked: { ...base, phase: "blocked", conflict, dueMs: nowMs },
};

type Given = Pick<Extract<UplinkInput, { kind: "receipt" }>, "ackedSeq"> &
  Partial<Extract<UplinkInput, { kind: "receipt" }>>;
const receipt = (given: Given): UplinkInput => ({
  kind: "receipt",
  nowMs,
  ask: null,
  batchTo: null,
  gap: false,
  conflict: null,
  refusal: null,
  uniform: 0,
  ...given,
});

const INPUTS: Record<string, UplinkInput> = {
  connected: { kind: "connected", connectionId: "d", nowMs },
  disconnected: { kind: "disconnected" },
  appended: { kind: "appended", headSeq: 31 },
  sent: { kind: "sent", range: { from: 21, to: 25 }, nowMs },
  "send-failed": { kind: "send-failed", nowMs, uniform: 0 },
  "send-busy": { kind: "send-busy", from: 16, nowMs },
  "answer equal": receipt({ ackedSeq: 10, ask: "c:1" }),
  "answer higher": receipt({ ackedSeq: 14, ask: "c:1" }),
  "answer lower": receipt({ ackedSeq: 4, ask: "c:1" }),
  "receipt equal": receipt({ ackedSeq: 10 }),
  "receipt higher": receipt({ ackedSeq: 15 }),
  "receipt lower": receipt({ ackedSeq: 4 }),
  "receipt lower, of a closed batch": receipt({ ackedSeq: 4, batchTo: 8 }),
  "receipt lower, of a batch under way": receipt({ ackedSeq: 4, batchTo: 15 }),
  "receipt with a gap": receipt({ ackedSeq: 10, gap: true }),
  "receipt higher with a gap": receipt({ ackedSeq: 15, gap: true }),
  "receipt with a refusal": receipt({ ackedSeq: 10, refusal: { seq: 11, code: "hash-wrong" } }),
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
    paused: "asking 10/11 ask",
    blocked: "blocked 10/11 ask",
  },
  disconnected: {
    offline: "offline 10/11",
    asking: "offline 10/11",
    streaming: "offline 10/11",
    paused: "offline 10/11",
    blocked: "offline 10/11",
  },
  appended: {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "streaming 10/21 send>20",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  sent: {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "streaming 10/26",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "send-failed": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "asking 10/21",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "send-busy": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "streaming 10/16",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "answer equal": {
    offline: "offline 10/11",
    asking: "streaming 10/11 send>10",
    streaming: "streaming 10/21",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "answer higher": {
    offline: "offline 14/15 ack14",
    asking: "streaming 14/15 ack14 send>14",
    streaming: "streaming 14/21 ack14 send>20",
    paused: "asking 14/15 ack14 ask",
    blocked: "blocked 14/15 ack14 ask",
  },
  "answer lower": {
    offline: "offline 10/11",
    asking: "streaming 4/5 ack4 send>4",
    streaming: "asking 10/21 ask",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "receipt equal": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "streaming 10/21",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "receipt higher": {
    offline: "offline 15/16 ack15",
    asking: "asking 15/16 ack15 ask",
    streaming: "streaming 15/21 ack15 send>20",
    paused: "asking 15/16 ack15 ask",
    blocked: "blocked 15/16 ack15 ask",
  },
  "receipt lower": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "asking 10/21 ask",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "receipt lower, of a closed batch": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "streaming 10/21",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "receipt lower, of a batch under way": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "asking 10/21 ask",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "receipt with a gap": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "streaming 10/21 send>20",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "receipt higher with a gap": {
    offline: "offline 15/16 ack15",
    asking: "asking 15/16 ack15 ask",
    streaming: "streaming 15/21 ack15 send>20",
    paused: "asking 15/16 ack15 ask",
    blocked: "blocked 15/16 ack15 ask",
  },
  "receipt with a refusal": {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "asking 10/21 ask",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  "receipt with a conflict": {
    offline: "offline 11/12 ack11 conflict12",
    asking: "blocked 11/12 ack11 conflict12",
    streaming: "blocked 11/12 ack11 conflict12",
    paused: "blocked 11/12 ack11 conflict12",
    blocked: "blocked 11/12 ack11",
  },
  ask: {
    offline: "offline 10/11",
    asking: "asking 10/11",
    streaming: "asking 10/21 ask",
    paused: "paused 10/11",
    blocked: "blocked 10/11",
  },
  due: {
    offline: "offline 10/11",
    asking: "asking 10/11 ask",
    streaming: "asking 10/21 ask",
    paused: "asking 10/11 ask",
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
  it("waits a moment for a batch under way that another has overtaken, then asks, and calls nobody silent", () => {
    const early = stepUplink(STATES.streaming, receipt({ ackedSeq: 10, gap: true }), LIMITS).state;
    expect(early.dueMs).toBe(nowMs + LIMITS.stallWaitMsMin);
    const again = stepUplink(
      early,
      receipt({ ackedSeq: 10, gap: true, nowMs: monoMs(nowMs + 9) }),
      LIMITS,
    ).state;
    expect(again.dueMs).toBe(early.dueMs);
    const due: UplinkInput = { kind: "due", nowMs: monoMs(nowMs + LIMITS.stallWaitMsMin), uniform: 0 };
    expect(stepUplink(again, due, LIMITS).state).toMatchObject({
      phase: "asking",
      misses: 0,
      awaitsHole: false,
    });
    const closed = stepUplink(again, receipt({ ackedSeq: 15 }), LIMITS).state;
    expect(closed).toMatchObject({
      phase: "streaming",
      awaitsHole: false,
      dueMs: nowMs + LIMITS.receiptWaitMs,
    });
  });

  it("asks at once about a hole that nothing under way can close", () => {
    const sent = stepUplink(STATES.streaming, receipt({ ackedSeq: 20 }), LIMITS).state;
    expect(stepUplink(sent, receipt({ ackedSeq: 20, gap: true }), LIMITS).state.phase).toBe("asking");
  });

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
