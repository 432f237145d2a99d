import type { Journal, TimeTrust } from "../journal/journal-port.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { Logger } from "../platform/logger.ts";
import type { TerminalDisputeBook } from "../roster/disputes.ts";
import type { IdentityBounds } from "../roster/identity-bounds-port.ts";
import type { PinVerifier, Roster } from "../roster/roster-port.ts";
import type { FrameSource } from "./frame-source.ts";
import type { Ledger } from "./ledger.ts";
import type { ExpectedDiners, MealPlan } from "./serving-line-port.ts";
import type { ServingLineSettings } from "./settings.ts";

/** What a serving line is built from. */
export interface ServingLineOptions {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly journal: Journal;
  /** `createLedger` on the journal's database; the journal has `ledgerProjection`. */
  readonly ledger: Ledger;
  readonly roster: Roster;
  readonly pinVerifier: PinVerifier;
  readonly timeTrust: { current(): TimeTrust };
  readonly frames: FrameSource;
  /** How sure a match must be, and who is too alike. */
  readonly bounds: IdentityBounds;
  /** `openDisputeBook` on the journal's database; the journal has `disputeProjection`. */
  readonly disputes: TerminalDisputeBook;
  /** Who is signed in at this till's own screen, for names to be chosen under their eye; null when nobody is. */
  readonly operatorAtTill: () => string | null;
  /** Who eats at the meal that is on, each time that may have changed; null: everybody, or no meal. */
  readonly expectDiners?: (expected: ExpectedDiners | null) => void;
  readonly settings: ServingLineSettings;
  /** As last saved by the caller. */
  readonly mealPlan: MealPlan;
  /** Whether the disk has room enough for more sales; asked often, so it must be quick. */
  readonly diskSafe: () => boolean;
}
