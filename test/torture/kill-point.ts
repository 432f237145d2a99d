/** Where a terminal's process may be told to end itself. */
export const KILL_POINTS = [
  "before-transaction",
  "before-commit",
  "after-commit",
  "before-publish",
  "after-publish",
  "after-puback",
  "before-receipt",
  "after-receipt",
] as const;

export type KillPoint = (typeof KILL_POINTS)[number];
export const KILL_POINT_VARIABLE = "CANTEEN_KILL_POINT";
