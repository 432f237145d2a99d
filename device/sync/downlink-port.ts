import type { RosterMessage } from "../roster/roster-delta.ts";
import type { MealPlanMessage, TemplateDownMessage, TemplateUpMessage } from "./messages.ts";

/** Who keeps people, accounts and consent. What `apply` answers `applied` has reached the disk. */
export interface RosterDownlink {
  version(): number;
  /** @throws CanteenError of the disk: nothing was applied, and it is asked for again. */
  apply(message: RosterMessage): RosterApplied;
}

export type RosterApplied =
  | { readonly kind: "applied"; readonly version: number }
  | { readonly kind: "stale" }
  /** A delta is missing in between. */
  | { readonly kind: "gap"; readonly have: number };

/** Who keeps the meal plan. What `apply` answers `applied` has reached the disk. */
export interface MealPlanDownlink {
  /** null while the configured plan holds. */
  version(): string | null;
  apply(plan: MealPlanMessage): MealPlanApplied;
}

export type MealPlanApplied =
  | { readonly kind: "applied" }
  | { readonly kind: "stale" }
  | { readonly kind: "refused"; readonly code: string };

/** One person's sealed templates on their way to the site's other terminals. */
export type TemplateShare = Omit<TemplateUpMessage, "v">;

/** Who seals and opens templates under the site's key. Left out where sharing is off. */
export interface TemplateExchange {
  /** Shares that the cloud has not echoed yet, oldest first. */
  pendingShares(countMax: number): readonly TemplateShare[];
  /** The cloud has it: the echo of this terminal's own share came back. */
  confirmShare(shareId: string): void;
  /** A share of another terminal. Consent is checked there, not here. */
  accept(share: Omit<TemplateDownMessage, "v">): ShareAccepted;
  /** Called when a share is waiting that was not before; must not throw. */
  onPending(listener: () => void): () => void;
}

export type ShareAccepted =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly code: string };
