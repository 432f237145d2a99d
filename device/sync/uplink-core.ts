import { assertNever } from "../platform/assert.ts";
import { backoffWaitMs } from "../platform/backoff.ts";
import { type MonoMs, monoMs } from "../platform/units.ts";

import type {
  BatchRange,
  Conflict,
  UplinkEffect,
  UplinkInput,
  UplinkLimits,
  UplinkState,
} from "./uplink-state.ts";

/** The first fruitless round is tried again at once: a batch can get lost. */
const STALLS_FREE = 1;
/** What else fills the broker's window is gone after a round trip. */
const BUSY_WAIT_MS = 250;

export interface UplinkStep {
  readonly state: UplinkState;
  readonly effects: readonly UplinkEffect[];
}

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
 * - What was sent and is not stored is sent again, once at once, then after ever longer pauses and in ever smaller
 *   batches, until it is one entry that the cloud does not take. A cloud that answers and stores nothing must not cost
 *   more than a dead one.
 */
export function stepUplink(state: UplinkState, input: UplinkInput, limits: UplinkLimits): UplinkStep {
  switch (input.kind) {
    case "connected":
      return ask({ ...state, connectionId: input.connectionId, misses: 0 }, input.nowMs, limits);
    case "disconnected":
      // What was under way may be lost with the line: that is not the cloud's doing.
      return still({ ...rewound(state), phase: "offline", question: null, dueMs: null, hasSent: false });
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
    case "send-busy":
      return still(onBusy(state, input));
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
      hasSent: true,
      // With nothing else under way a due time can only be that of a full window.
      dueMs: (state.inFlight.length > 0 ? state.dueMs : null) ?? later(nowMs, limits.receiptWaitMs),
    },
    limits,
  );
}

/** Puts the batch back; what is under way before it makes room by its receipt. */
function onBusy(state: UplinkState, { from, nowMs }: { from: number; nowMs: MonoMs }): UplinkState {
  if (state.phase !== "streaming") return state;
  const inFlight = state.inFlight.filter(({ to }) => to < from);
  return {
    ...state,
    inFlight,
    nextSeq: Math.min(state.nextSeq, Math.max(from, state.ackedSeq + 1)),
    windowMax: Math.max(1, inFlight.length),
    dueMs: inFlight.length > 0 ? state.dueMs : later(nowMs, BUSY_WAIT_MS),
  };
}

function onDue(
  state: UplinkState,
  { nowMs, uniform }: { readonly nowMs: MonoMs; readonly uniform: number },
  limits: UplinkLimits,
): UplinkStep {
  if (state.dueMs === null || nowMs < state.dueMs) return still(state);
  if (state.phase === "paused") return ask(state, nowMs, limits);
  // Nothing is under way: it was the broker's window that was full.
  if (state.phase === "streaming" && state.inFlight.length === 0)
    return fill({ ...state, dueMs: null }, limits);
  const misses = state.awaitsHole ? state.misses : state.misses + 1;
  const waitMs = state.phase === "blocked" ? limits.conflictWaitMs : retryWaitMs(misses, uniform, limits);
  return ask({ ...state, misses }, nowMs, limits, waitMs);
}

type Receipt = Extract<UplinkInput, { kind: "receipt" }>;

function onReceipt(state: UplinkState, receipt: Receipt, limits: UplinkLimits): UplinkStep {
  if (receipt.conflict !== null) return onConflict(state, receipt, receipt.conflict, limits);
  const heard = receipt.refusal === null ? state : { ...state, refusal: receipt.refusal };
  if (state.question !== null && receipt.ask === state.question) return onAnswer(heard, receipt, limits);
  if (receipt.ackedSeq > state.ackedSeq) return onAdvance(heard, receipt, limits);
  if (state.phase !== "streaming") return still(heard);
  // Overtaken on the way: what it says of a batch that is closed was true when it was said.
  const late =
    receipt.ackedSeq < state.ackedSeq && receipt.batchTo !== null && receipt.batchTo <= state.ackedSeq;
  if (late) return still(heard);
  if (receipt.ackedSeq < state.ackedSeq || receipt.refusal !== null) return ask(heard, receipt.nowMs, limits);
  return receipt.gap ? onHole(heard, receipt.nowMs, limits) : still(heard);
}

/** A batch under way may close it, by way of another worker of the cloud; else it is lost, and the cloud is asked. */
function onHole(state: UplinkState, nowMs: MonoMs, limits: UplinkLimits): UplinkStep {
  const hole = state.ackedSeq + 1;
  const underWay = state.inFlight.some(({ from, to }) => from <= hole && hole <= to);
  if (!underWay) return ask(state, nowMs, limits);
  if (state.awaitsHole) return fill(state, limits);
  return fill({ ...state, awaitsHole: true, dueMs: later(nowMs, limits.stallWaitMsMin) }, limits);
}

/** Goes on from what the cloud has; after a second round that changed nothing, not before a pause. */
function onAnswer(state: UplinkState, receipt: Receipt, limits: UplinkLimits): UplinkStep {
  const { step, effects } = acknowledged(rewound(state, receipt.ackedSeq), state, receipt.ackedSeq);
  const answered: UplinkState = {
    ...counted(step, state, receipt.ackedSeq, limits),
    ...{ question: null, conflict: null, misses: 0, windowMax: limits.batchesInFlightMax },
  };
  const stalled = state.hasSent && answered.stallCount > STALLS_FREE && answered.nextSeq <= answered.headSeq;
  if (!stalled) return withEffects(effects, fill({ ...answered, phase: "streaming", dueMs: null }, limits));
  const waits = { waitMsMin: limits.stallWaitMsMin, waitMsMax: limits.receiptWaitMsMax };
  const waitMs = backoffWaitMs(waits, answered.stallCount - STALLS_FREE, receipt.uniform);
  return { state: { ...answered, phase: "paused", dueMs: later(receipt.nowMs, waitMs) }, effects };
}

/** Whether the last round has brought the cloud on, and how much is tried next. */
function counted(
  step: UplinkState,
  before: UplinkState,
  ackedSeq: number,
  limits: UplinkLimits,
): UplinkState {
  const entries = step.batchEntriesMax;
  if (ackedSeq !== before.ackedSeq)
    return {
      ...{ ...step, hasSent: false, stallCount: 0 },
      batchEntriesMax: Math.min(limits.batchEntriesMax, entries * 2),
    };
  if (!before.hasSent) return step;
  return {
    ...{ ...step, hasSent: false, stallCount: before.stallCount + 1 },
    batchEntriesMax: Math.max(1, entries >> 1),
  };
}

function onAdvance(state: UplinkState, receipt: Receipt, limits: UplinkLimits): UplinkStep {
  const inFlight = state.inFlight.filter(({ to }) => to > receipt.ackedSeq);
  const moved: UplinkState = {
    ...counted(state, state, receipt.ackedSeq, limits),
    ackedSeq: receipt.ackedSeq,
    nextSeq: Math.max(state.nextSeq, receipt.ackedSeq + 1),
    inFlight,
    misses: 0,
    awaitsHole: false,
    dueMs: inFlight.length > 0 ? later(receipt.nowMs, limits.receiptWaitMs) : null,
  };
  const effects: UplinkEffect[] = [{ kind: "acknowledge", ackedSeq: receipt.ackedSeq }];
  switch (state.phase) {
    case "offline":
      return { state: { ...moved, dueMs: null }, effects };
    case "streaming":
      return withEffects(effects, receipt.gap ? onHole(moved, receipt.nowMs, limits) : fill(moved, limits));
    case "asking":
    case "paused":
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
      awaitsHole: false,
      dueMs: later(nowMs, waitMs),
    },
    effects: [{ kind: "ask", token }],
  };
}

/** Sends the next batch where the window has room. One at a time: `sent` tells how far it reached. */
function fill(state: UplinkState, limits: UplinkLimits): UplinkStep {
  // What comes after an entry that the cloud does not take cannot be receipted: one batch is enough to find out.
  const windowMax = state.stallCount > 0 ? 1 : Math.min(state.windowMax, limits.batchesInFlightMax);
  const room = state.inFlight.length < windowMax && state.nextSeq <= state.headSeq;
  if (state.phase !== "streaming" || !room) return still(state);
  // An entry that the cloud has named does not go with what stands before it: that could be refused as a whole.
  const before = (state.refusal?.seq ?? 0) - state.nextSeq;
  const entriesMax = before > 0 ? Math.min(state.batchEntriesMax, before) : state.batchEntriesMax;
  return { state, effects: [{ kind: "send", afterSeq: state.nextSeq - 1, entriesMax }] };
}

function acknowledged(
  step: UplinkState,
  before: UplinkState,
  ackedSeq: number,
): { readonly step: UplinkState; readonly effects: readonly UplinkEffect[] } {
  return { step, effects: ackedSeq === before.ackedSeq ? [] : [{ kind: "acknowledge", ackedSeq }] };
}

function rewound(state: UplinkState, ackedSeq: number = state.ackedSeq): UplinkState {
  return { ...state, ackedSeq, nextSeq: ackedSeq + 1, inFlight: [], awaitsHole: false };
}

function sameConflict(a: Conflict | null, b: Conflict): boolean {
  return a !== null && a.kind === b.kind && a.seq === b.seq && a.cloudHash === b.cloudHash;
}

function retryWaitMs(misses: number, uniform: number, limits: UplinkLimits): number {
  const waits = { waitMsMin: limits.receiptWaitMs, waitMsMax: limits.receiptWaitMsMax };
  return backoffWaitMs(waits, misses, uniform);
}

const later = (nowMs: MonoMs, waitMs: number): MonoMs => monoMs(nowMs + waitMs);
const still = (state: UplinkState): UplinkStep => ({ state, effects: [] });
const withEffects = (first: readonly UplinkEffect[], step: UplinkStep): UplinkStep => ({
  state: step.state,
  effects: [...first, ...step.effects],
});
