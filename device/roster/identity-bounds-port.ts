/** How sure a match must be at this terminal, and who is too alike to be told apart by a camera. */

export interface MatchThresholds {
  /** Id of the model pack whose similarities these bound. */
  readonly model: string;
  /** Least similarity of an accepted match, −1…1. */
  readonly similarityMin: number;
  /** Least lead over the second-best person. */
  readonly marginMin: number;
  /** From this terminal's own gallery, or the configuration's values where no calibration could be made. */
  readonly source: "calibrated" | "configured";
  /** False where no threshold reaches the configured false-positive rate: `/admin` says so. */
  readonly targetMet: boolean;
}

/** Somebody whom the thresholds do not separate from a person: a twin, or one who was charged instead. */
export interface LookAlike {
  readonly personId: string;
  /** Between their enrolled templates; null where only a dispute says so. */
  readonly similarity: number | null;
  readonly source: "gallery" | "disputed";
}

/** What a match with one person must reach; never lower than the thresholds of the whole gallery. */
export interface PersonBar extends MatchThresholds {
  /** Nearest first. A match with somebody who has any is a question, never an accept. */
  readonly lookAlikes: readonly LookAlike[];
}

export interface IdentityBounds {
  thresholds(model: string): MatchThresholds;
  barOf(personId: string, model: string): PersonBar;
}

/** Somebody pressed "that's not me": the match of `personId` was wrong. */
export interface Dispute {
  readonly chargeId: string;
  /** Who was matched and charged. */
  readonly personId: string;
  /** Who it was, once they showed it by card or PIN. */
  readonly otherPersonId: string | null;
  readonly model: string;
  readonly similarity: number;
  readonly atMs: number;
}

export interface DisputeBook {
  /** Disputes of matches with this person, and those in which they turned out to be the other one. */
  disputesOf(personId: string): readonly Dispute[];
}
