import type { MealPlan, ServingLine } from "./serving-line-port.ts";

export type MealPlanResult =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly problems: readonly string[] };

/** What the composition root may do beyond the page's port. */
export interface ServingLineControl extends ServingLine {
  /** Takes effect as soon as no diner is being served. Saving it is the caller's. */
  setMealPlan(plan: MealPlan): MealPlanResult;
  /** Closes or opens this line; it starts open. Whoever is being served when it closes is not charged any more. */
  setTillOpen(open: boolean): void;
  /**
   * Closes this line while the camera looks at somebody who did not come to pay. Null while a diner is being served
   * or reads their result, and while a hold for the same use lasts. Several uses may last at once: who receives goods
   * at this camera also signs at it.
   */
  hold(use: CameraUse): TillHold | null;
}

/** What else than paying the till's camera is used for. */
export type CameraUse = "signature" | "goods" | "sample";

export interface TillHold {
  /**
   * Opens the line again, unless it is closed for another reason or held for another use. Without a press whoever stood there is not charged:
   * the line waits until the place is empty or, when `personId` says who it was, somebody else is clearly in front.
   * Holds that lasted together and name different people leave it to the empty place.
   */
  release(bystander: { readonly personId: string | null }): void;
}
