import { assertNever } from "../platform/assert.ts";
import { type MonoMs, monoMs } from "../platform/units.ts";

/**
 * Decides what of the journal is sent when. Pure: no I/O, no clock, no chance; `UplinkPump` runs the effects.
 *
 * The rules:
 * - Only a receipt closes entries. That the broker took a batch proves nothing.
 * - Nothing is sent again on a guess. After a connect, a time-out, a gap or a receipt that is lower than an earlier
 *   one, the pump asks (an empty batch) and goes on from what the cloud answers. So a dead cloud costs one small
 *   question now and then, not the backlog again and again.
 * - A receipt that does not answer the open question can only move forward. A lower one is believed (a cloud that
 *   was restored from a backup) only as the answer to a question put after everything known so far; so late and
 *   repeated receipts change nothing.
 * - A conflict stops the sending. Nothing is lost by that: both sides keep what they have, and a person decides.
 */
export interface UplinkState {
  readonly phase: "offline" | "asking" | "streaming" | "blocked";
  readonly headSeq: number;
  /** The cloud holds everything up to here. */
  readonly ackedSeq: number;
  /** The next entry to send; everything between was sent on this connection and waits for its receipt. */
  readonly nextSeq: number;
  readonly inFlight: readonly BatchRange[];
  /** The open question's token; a receipt that carries it is the answer. */
  readonly question: string | null;
  readonly questionCount: number;
  readonly connectionId: string;
  /** Waits in a row that ended without a receipt. */
  readonly misses: number;
  /** When to call with `due`; null when nothing is waited for. */
  readonly dueMs: MonoMs | null;
  readonly conflict: Conflict | null;
}

export interface BatchRange {
  readonly from: number;
  readonly to: number;
}

/** Where the cloud's chain and this journal's part. */
export interface Conflict {
  /** `entry`: other content under one number. `chain`: other hash at the receipt. `ahead`: the cloud has more. */
  readonly kind: "entry" | "chain" | "ahead";
  readonly seq: number;
  /** This journal's hash, null where it has no such entry. */
  readonly localHash: string | null;
  readonly cloudHash: string;
}

export type UplinkInput =
  | { readonly kind: "connected"; readonly connectionId: string; readonly nowMs: MonoMs }
  | { readonly kind: "disconnected" }
  | { readonly kind: "appended"; readonly headSeq: number }
  /** The answer to `send`: what fitted into the batch. */
  | { readonly kind: "sent"; readonly range: BatchRange; readonly nowMs: MonoMs }
  /** The broker did not take a batch. */
  | { readonly kind: "send-failed"; readonly nowMs: MonoMs; readonly uniform: number }
  | {
      readonly kind: "receipt";
      readonly nowMs: MonoMs;
      readonly ask: string | null;
      readonly ackedSeq: number;
      /** Something later than `ackedSeq` is stored, with a hole before it. */
      readonly gap: boolean;
      readonly conflict: Conflict | null;
    }
  /** Somebody wants a fresh receipt although nothing is due. */
  | { readonly kind: "ask"; readonly nowMs: MonoMs }
  | { readonly kind: "due"; readonly nowMs: MonoMs; readonly uniform: number };

export type UplinkEffect =
  /** Read and publish the batch after this seq, then call with `sent`. */
  | { readonly kind: "send"; readonly afterSeq: number }
  | { readonly kind: "ask"; readonly token: string }
  | { readonly kind: "acknowledge"; readonly ackedSeq: number }
  | { readonly kind: "report-conflict"; readonly conflict: Conflict };

export interface UplinkLimits {
  readonly batchesInFlightMax: number;
  /** First wait for a receipt. */
  readonly receiptWaitMs: number;
  /** Longest wait, after many misses. */
  readonly receiptWaitMsMax: number;
  /** How often a blocked pump asks whether somebody has settled the conflict. */
  readonly conflictWaitMs: number;
}

export interface UplinkStep {
  readonly state: UplinkState;
  readonly effects: readonly UplinkEffect[];
}

export function initialUplink(headSeq: number, ackedSeq: number): UplinkState {
  return {
    phase: "offline",
    headSeq,
    ackedSeq,
    nextSeq: ackedSeq + 1,
    inFlight: [],
    question: null,
    questionCount: 0,
    connectionId: "",
    misses: 0,
    dueMs: null,
    conflict: null,
  };
}

export function stepUplink(state: UplinkState, input: UplinkInput, limits: UplinkLimits): UplinkStep {
  switch (input.kind) {
    case "connected":
      return ask({ ...state, connectionId: input.connectionId, misses: 0 }, input.nowMs, limits);
    case "disconnected":
      return still({ ...rewound(state), phase: "offline", question: null, dueMs: null });
    case "appended":
      return fill({ ...state, headSeq: input.headSeq }, limits);
    case "sent":
      return onSent(state, input.range, input.nowMs, limits);
    case "send-failed":
      if (state.phase !== "streaming") return still(state);
      return still({
        ...state,
        phase: "asking",
        dueMs: later(input.nowMs, retryWaitMs(state.misses, input.uniform, limits)),
      });
    case "receipt":
      return onReceipt(state, input, limits);
    case "ask":
      return state.phase === "streaming" ? ask(state, input.nowMs, limits) : still(state);
    case "due":
      return onDue(state, input, limits);
    default:
      return assertNever(input);
  }
}

function onSent(state: UplinkState, range: BatchRange, nowMs: MonoMs, limits: UplinkLimits): UplinkStep {
  if (state.phase !== "streaming") return still(state);
  return fill(
    {
      ...state,
      inFlight: [...state.inFlight, range],
      nextSeq: range.to + 1,
      dueMs: state.dueMs ?? later(nowMs, limits.receiptWaitMs),
    },
    limits,
  );
}

function onDue(
  state: UplinkState,
  { nowMs, uniform }: { readonly nowMs: MonoMs; readonly uniform: number },
  limits: UplinkLimits,
): UplinkStep {
  if (state.dueMs === null || nowMs < state.dueMs) return still(state);
  const misses = state.misses + 1;
  const waitMs = state.phase === "blocked" ? limits.conflictWaitMs : retryWaitMs(misses, uniform, limits);
  return ask({ ...state, misses }, nowMs, limits, waitMs);
}

type Receipt = Extract<UplinkInput, { kind: "receipt" }>;

function onReceipt(state: UplinkState, receipt: Receipt, limits: UplinkLimits): UplinkStep {
  if (receipt.conflict !== null) return onConflict(state, receipt, receipt.conflict, limits);
  if (state.question !== null && receipt.ask === state.question) {
    const { step, effects } = acknowledged(rewound(state, receipt.ackedSeq), state, receipt.ackedSeq);
    const resumed = { ...step, phase: "streaming", question: null, dueMs: null, conflict: null } as const;
    return withEffects(effects, fill({ ...resumed, misses: 0 }, limits));
  }
  if (receipt.ackedSeq > state.ackedSeq) return onAdvance(state, receipt, limits);
  const astray = receipt.ackedSeq < state.ackedSeq || receipt.gap;
  return astray && state.phase === "streaming" ? ask(state, receipt.nowMs, limits) : still(state);
}

function onAdvance(state: UplinkState, receipt: Receipt, limits: UplinkLimits): UplinkStep {
  const inFlight = state.inFlight.filter(({ to }) => to > receipt.ackedSeq);
  const moved: UplinkState = {
    ...state,
    ackedSeq: receipt.ackedSeq,
    nextSeq: Math.max(state.nextSeq, receipt.ackedSeq + 1),
    inFlight,
    misses: 0,
    dueMs: inFlight.length > 0 ? later(receipt.nowMs, limits.receiptWaitMs) : null,
  };
  const effects: UplinkEffect[] = [{ kind: "acknowledge", ackedSeq: receipt.ackedSeq }];
  switch (state.phase) {
    case "offline":
      return { state: { ...moved, dueMs: null }, effects };
    case "streaming":
      return withEffects(effects, receipt.gap ? ask(moved, receipt.nowMs, limits) : fill(moved, limits));
    case "asking":
    case "blocked":
      // The open question was put before this was known: its answer could be older than this receipt.
      return withEffects(effects, ask(moved, receipt.nowMs, limits));
    default:
      return assertNever(state.phase);
  }
}

function onConflict(
  state: UplinkState,
  receipt: Receipt,
  conflict: Conflict,
  limits: UplinkLimits,
): UplinkStep {
  const effects: UplinkEffect[] = sameConflict(state.conflict, conflict)
    ? []
    : [{ kind: "report-conflict", conflict }];
  const offline = state.phase === "offline";
  const blocked: UplinkState = {
    ...rewound(state),
    phase: offline ? "offline" : "blocked",
    question: null,
    misses: 0,
    dueMs: offline ? null : later(receipt.nowMs, limits.conflictWaitMs),
    conflict,
  };
  // What comes before a conflicting entry is stored all the same; a chain that parted proves nothing.
  if (conflict.kind !== "entry" || receipt.ackedSeq <= state.ackedSeq) return { state: blocked, effects };
  const { step, effects: acknowledge } = acknowledged(
    rewound(blocked, receipt.ackedSeq),
    state,
    receipt.ackedSeq,
  );
  return { state: step, effects: [...acknowledge, ...effects] };
}

/** Puts a question; until its answer nothing is sent. */
function ask(
  state: UplinkState,
  nowMs: MonoMs,
  limits: UplinkLimits,
  waitMs: number = limits.receiptWaitMs,
): UplinkStep {
  const questionCount = state.questionCount + 1;
  const token = `${state.connectionId}:${questionCount}`;
  return {
    state: {
      ...state,
      phase: state.conflict === null ? "asking" : "blocked",
      question: token,
      questionCount,
      dueMs: later(nowMs, waitMs),
    },
    effects: [{ kind: "ask", token }],
  };
}

/** Sends the next batch where the window has room. One at a time: `sent` tells how far it reached. */
function fill(state: UplinkState, limits: UplinkLimits): UplinkStep {
  const room = state.inFlight.length < limits.batchesInFlightMax && state.nextSeq <= state.headSeq;
  if (state.phase !== "streaming" || !room) return still(state);
  return { state, effects: [{ kind: "send", afterSeq: state.nextSeq - 1 }] };
}

function acknowledged(
  step: UplinkState,
  before: UplinkState,
  ackedSeq: number,
): { readonly step: UplinkState; readonly effects: readonly UplinkEffect[] } {
  return { step, effects: ackedSeq === before.ackedSeq ? [] : [{ kind: "acknowledge", ackedSeq }] };
}

function rewound(state: UplinkState, ackedSeq: number = state.ackedSeq): UplinkState {
  return { ...state, ackedSeq, nextSeq: ackedSeq + 1, inFlight: [] };
}

function sameConflict(a: Conflict | null, b: Conflict): boolean {
  return a !== null && a.kind === b.kind && a.seq === b.seq && a.cloudHash === b.cloudHash;
}

/** Exponential backoff with full jitter, as in platform/backoff.ts, from a number given by the caller. */
function retryWaitMs(misses: number, uniform: number, limits: UplinkLimits): number {
  const ceilingMs = Math.min(limits.receiptWaitMsMax, limits.receiptWaitMs * 2 ** Math.min(misses, 30));
  return Math.round(limits.receiptWaitMs + uniform * (ceilingMs - limits.receiptWaitMs));
}

const later = (nowMs: MonoMs, waitMs: number): MonoMs => monoMs(nowMs + waitMs);
const still = (state: UplinkState): UplinkStep => ({ state, effects: [] });
const withEffects = (first: readonly UplinkEffect[], step: UplinkStep): UplinkStep => ({
  state: step.state,
  effects: [...first, ...step.effects],
});
