import type { RosterMessage } from "../roster/roster-delta.ts";
import type { TemplateSharing } from "../roster/template-sharing.ts";
import type { MealPlanMessage } from "./messages.ts";
import type { OrdersMessage } from "./order-messages.ts";

/** Who keeps people, accounts and consent. What `apply` answers `applied` has reached the disk. */
export interface RosterDownlink {
  version(): number;
  /** @throws CanteenError of the disk: nothing was applied, and it is asked for again. */
  apply(message: RosterMessage): RosterApplied;
}

export type RosterApplied =
  /** `complete` is false while parts of a snapshot are missing; left out it means true. */
  | { readonly kind: "applied"; readonly version: number; readonly complete?: boolean }
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

/** Who keeps purchase orders. What `apply` answers `applied` has reached the disk. */
export interface OrdersDownlink {
  /** The terminal says so at each birth, and the cloud sends no prices. */
  readonly priceFree: boolean;
  /** The last change applied; 0 before the first. */
  revision(): number;
  apply(message: OrdersMessage): OrdersTaken;
}

export type OrdersTaken =
  | { readonly kind: "applied"; readonly revision: number }
  | { readonly kind: "stale" }
  | { readonly kind: "gap"; readonly have: number };

/** Who seals and opens templates under the site's key. Left out where sharing is off. */
export type TemplateExchange = Pick<
  TemplateSharing,
  "pendingShares" | "confirmShare" | "accept" | "onPending"
>;
