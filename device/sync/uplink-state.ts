import type { MonoMs } from "../platform/units.ts";

/** What the uplink knows, hears and does; `uplink-core.ts` has the rules. */
export interface UplinkState {
  readonly phase: "offline" | "asking" | "streaming" | "paused" | "blocked";
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
  /** Waits for a batch under way to close the hole below a receipt, not for a sign of life. */
  readonly awaitsHole: boolean;
  readonly conflict: Conflict | null;
  /** Entries were sent since the last answer or advance. */
  readonly hasSent: boolean;
  /** Rounds in a row in which entries were sent, the cloud answered, and nothing more was stored. */
  readonly stallCount: number;
  /** How many entries the next batch may have: halved by each stall, doubled by each advance. */
  readonly batchEntriesMax: number;
  /** How many batches the broker takes at once, as far as is known. */
  readonly windowMax: number;
  /** The cloud's word about an entry that it did not store. */
  readonly refusal: Refusal | null;
}

/** An entry that the cloud does not take, by its own account. */
export interface Refusal {
  readonly seq: number;
  readonly code: string;
}

export interface BatchRange {
  readonly from: number;
  readonly to: number;
}

/** Where the cloud's chain and this journal's part. */
export interface Conflict {
  /**
   * `entry`: other content under one number. `chain`: other hash at the receipt. `ahead`: the cloud has more.
   * `pruned`: it asks for entries that are no longer held here.
   */
  readonly kind: "entry" | "chain" | "ahead" | "pruned";
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
  /** No room on the line for the batch that begins here: as many are under way as the broker allows. */
  | { readonly kind: "send-busy"; readonly from: number; readonly nowMs: MonoMs }
  | {
      readonly kind: "receipt";
      readonly nowMs: MonoMs;
      readonly ask: string | null;
      readonly ackedSeq: number;
      /** Last seq of the batch that it answers; null for the answer to a question, or where nobody asked. */
      readonly batchTo: number | null;
      /** Something later than `ackedSeq` is stored, with a hole before it. */
      readonly gap: boolean;
      readonly conflict: Conflict | null;
      readonly refusal: Refusal | null;
      readonly uniform: number;
    }
  /** Somebody wants a fresh receipt although nothing is due. */
  | { readonly kind: "ask"; readonly nowMs: MonoMs }
  | { readonly kind: "due"; readonly nowMs: MonoMs; readonly uniform: number };

export type UplinkEffect =
  /** Read and publish the batch after this seq, then call with `sent`. */
  | { readonly kind: "send"; readonly afterSeq: number; readonly entriesMax: number }
  | { readonly kind: "ask"; readonly token: string }
  | { readonly kind: "acknowledge"; readonly ackedSeq: number }
  | { readonly kind: "report-conflict"; readonly conflict: Conflict };

export interface UplinkLimits {
  readonly batchesInFlightMax: number;
  readonly batchEntriesMax: number;
  /** First wait for a receipt. */
  readonly receiptWaitMs: number;
  /** Longest wait, after many misses. */
  readonly receiptWaitMsMax: number;
  /** How often a blocked pump asks whether somebody has settled the conflict. */
  readonly conflictWaitMs: number;
  /**
   * The shortest pause after a second fruitless round; the longest is `receiptWaitMsMax`. Also how long a batch under
   * way may take to close the hole before one that has overtaken it: a cloud of several workers keeps no order.
   */
  readonly stallWaitMsMin: number;
}

/** From so many fruitless rounds on it is no accident of the line, and the operator is told. */
const STALLS_TOLD_MIN = 3;

/**
 * The entry at which the cloud has stopped for good, as far as can be told; null while all is well.
 * `code` is the cloud's own where it gave one.
 */
export function refusedEntry({ stallCount, ackedSeq, refusal }: UplinkState): Refusal | null {
  if (stallCount < STALLS_TOLD_MIN) return null;
  const seq = ackedSeq + 1;
  return refusal?.seq === seq ? refusal : { seq, code: "not-stored" };
}

export function initialUplink(headSeq: number, ackedSeq: number, limits: UplinkLimits): UplinkState {
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
    awaitsHole: false,
    conflict: null,
    hasSent: false,
    stallCount: 0,
    batchEntriesMax: limits.batchEntriesMax,
    windowMax: limits.batchesInFlightMax,
    refusal: null,
  };
}
