import { assertNever } from "../platform/assert.ts";
import type { AlarmAction, AlarmFacts, AlarmLevel, AlarmState, CabinetRefusal } from "./cabinet-port.ts";

/** Who acted; a signature without the name, which no record holds. */
export interface ActingPerson {
  readonly operatorId: string;
  readonly by: "pin" | "face";
}

export interface Acknowledgement {
  readonly person: ActingPerson;
  readonly action: AlarmAction;
  readonly atMs: number;
}

/** One alarm from its raising until it is normal again. */
export interface Occurrence {
  readonly alarmId: string;
  /** With the escalation counted in. */
  readonly level: AlarmLevel;
  readonly isEscalated: boolean;
  readonly raisedAtMs: number;
  /** Null while the condition holds. */
  readonly clearedAtMs: number | null;
  readonly facts: AlarmFacts;
  readonly acknowledgement: Acknowledgement | null;
}

export interface Shelf {
  readonly untilMs: number;
  readonly person: ActingPerson;
  readonly reason: string;
}

/**
 * One alarm after ISA-18.2. The three ways of keeping it quiet are independent of each other and of the condition:
 * what they uncover when they end follows from the rest. `alarmState` says it in the standard's one word.
 */
export interface AlarmPoint {
  /** The condition holds, with what was seen. */
  readonly condition: { readonly level: AlarmLevel; readonly facts: AlarmFacts } | null;
  readonly occurrence: Occurrence | null;
  readonly shelf: Shelf | null;
  readonly isSuppressed: boolean;
  readonly isOutOfService: boolean;
}

export const NORMAL: AlarmPoint = {
  condition: null,
  occurrence: null,
  shelf: null,
  isSuppressed: false,
  isOutOfService: false,
};

/** `freshId` is used where a new occurrence begins. */
export type AlarmInput =
  | {
      readonly kind: "condition-on";
      readonly level: AlarmLevel;
      readonly facts: AlarmFacts;
      readonly atMs: number;
      readonly freshId: string;
    }
  | { readonly kind: "condition-off"; readonly atMs: number }
  | { readonly kind: "acknowledge"; readonly acknowledgement: Acknowledgement }
  | { readonly kind: "escalate" }
  | { readonly kind: "shelve"; readonly shelf: Shelf }
  /** Without a person the time has ended. */
  | { readonly kind: "unshelve"; readonly person: ActingPerson | null }
  | { readonly kind: "suppress" }
  | { readonly kind: "unsuppress"; readonly atMs: number; readonly freshId: string }
  | { readonly kind: "leave-service" }
  | { readonly kind: "enter-service"; readonly atMs: number; readonly freshId: string };

/** What is put on record. */
export type AlarmNote =
  | {
      readonly kind: "raised";
      readonly alarmId: string;
      /** The same occurrence: the condition came back before anybody acknowledged. */
      readonly isAgain: boolean;
      /** Nobody was told: it is shelved. */
      readonly isShelved: boolean;
      readonly level: AlarmLevel;
      readonly facts: AlarmFacts;
      readonly atMs: number;
    }
  | { readonly kind: "cleared"; readonly alarmId: string; readonly atMs: number }
  | {
      readonly kind: "acknowledged";
      readonly alarmId: string;
      readonly acknowledgement: Acknowledgement;
    }
  | { readonly kind: "escalated"; readonly alarmId: string; readonly level: AlarmLevel }
  | { readonly kind: "shelved"; readonly shelf: Shelf }
  | { readonly kind: "unshelved"; readonly person: ActingPerson | null };

export type AlarmStep =
  | { readonly kind: "moved"; readonly point: AlarmPoint; readonly notes: readonly AlarmNote[] }
  | { readonly kind: "refused"; readonly reason: CabinetRefusal };

export function alarmState({
  condition,
  occurrence,
  shelf,
  isSuppressed,
  isOutOfService,
}: AlarmPoint): AlarmState {
  if (isOutOfService) return "out-of-service";
  if (shelf !== null) return "shelved";
  if (isSuppressed) return "suppressed";
  if (occurrence === null) return "normal";
  if (occurrence.clearedAtMs !== null || condition === null) return "returned-unacknowledged";
  return occurrence.acknowledgement === null ? "unacknowledged" : "acknowledged";
}

/** Waits for a person, and may be heard. */
export function isUnattended(point: AlarmPoint): boolean {
  const state = alarmState(point);
  return state === "unacknowledged" || state === "returned-unacknowledged";
}

/** Pure: the next state of one alarm, and what goes on record. */
export function stepAlarm(point: AlarmPoint, input: AlarmInput): AlarmStep {
  switch (input.kind) {
    case "condition-on": {
      const { level, facts } = input;
      return annunciate({ ...point, condition: point.condition ?? { level, facts } }, input);
    }
    case "condition-off":
      return clear(point, input.atMs);
    case "acknowledge":
      return acknowledge(point, input.acknowledgement);
    case "escalate":
      return escalate(point);
    case "shelve":
      if (point.shelf !== null) return { kind: "refused", reason: "already-shelved" };
      return moved({ ...point, shelf: input.shelf }, { kind: "shelved", shelf: input.shelf });
    case "unshelve":
      if (point.shelf === null) return { kind: "refused", reason: "not-shelved" };
      return moved({ ...point, shelf: null }, { kind: "unshelved", person: input.person });
    case "suppress":
      return moved({ ...point, isSuppressed: true });
    case "unsuppress":
      return annunciate({ ...point, isSuppressed: false }, input);
    case "leave-service":
      return moved({ ...point, isOutOfService: true });
    case "enter-service":
      return annunciate({ ...point, isOutOfService: false }, input);
    default:
      return assertNever(input);
  }
}

const moved = (point: AlarmPoint, ...notes: readonly AlarmNote[]): AlarmStep => ({
  kind: "moved",
  point,
  notes,
});

/**
 * A condition that holds becomes an occurrence, unless it is expected (suppressed) or not believed (out of service).
 * A shelved one becomes an occurrence too: the person chose quiet, not forgetting.
 */
function annunciate(
  point: AlarmPoint,
  { atMs, freshId }: { readonly atMs: number; readonly freshId: string },
): AlarmStep {
  const { condition, occurrence, shelf } = point;
  if (condition === null || point.isSuppressed || point.isOutOfService) return moved(point);
  const isShelved = shelf !== null;
  if (occurrence === null) {
    const { level, facts } = condition;
    const opened: Occurrence = {
      alarmId: freshId,
      level,
      isEscalated: false,
      raisedAtMs: atMs,
      clearedAtMs: null,
      facts,
      acknowledgement: null,
    };
    const note = { kind: "raised", alarmId: freshId, isAgain: false, isShelved, level, facts, atMs } as const;
    return moved({ ...point, occurrence: opened }, note);
  }
  if (occurrence.clearedAtMs === null) return moved(point);
  const { alarmId, level } = occurrence;
  const { facts } = condition;
  const note = { kind: "raised", alarmId, isAgain: true, isShelved, level, facts, atMs } as const;
  return moved({ ...point, occurrence: { ...occurrence, clearedAtMs: null, facts } }, note);
}

function clear(point: AlarmPoint, atMs: number): AlarmStep {
  const { occurrence } = point;
  const quiet = { ...point, condition: null };
  if (occurrence === null || occurrence.clearedAtMs !== null) return moved(quiet);
  const left = occurrence.acknowledgement === null ? { ...occurrence, clearedAtMs: atMs } : null;
  return moved({ ...quiet, occurrence: left }, { kind: "cleared", alarmId: occurrence.alarmId, atMs });
}

/** Also while it is kept quiet: whoever looks at it may say what was done. */
function acknowledge(point: AlarmPoint, acknowledgement: Acknowledgement): AlarmStep {
  const { occurrence } = point;
  if (occurrence === null) return { kind: "refused", reason: "alarm-unknown" };
  if (occurrence.acknowledgement !== null) return { kind: "refused", reason: "already-acknowledged" };
  const note = { kind: "acknowledged", alarmId: occurrence.alarmId, acknowledgement } as const;
  const left = occurrence.clearedAtMs === null ? { ...occurrence, acknowledgement } : null;
  return moved({ ...point, occurrence: left }, note);
}

/** Once for each occurrence, and only where somebody should have come. */
function escalate(point: AlarmPoint): AlarmStep {
  const { occurrence } = point;
  if (occurrence === null || occurrence.isEscalated || !isUnattended(point)) return moved(point);
  const level = nextLevel(occurrence.level);
  const { alarmId } = occurrence;
  return moved(
    { ...point, occurrence: { ...occurrence, isEscalated: true, level } },
    { kind: "escalated", alarmId, level },
  );
}

function nextLevel(level: AlarmLevel): AlarmLevel {
  return level === "general" ? "major" : "critical";
}
