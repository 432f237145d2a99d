/** Where a terminal's process may be told to end itself: around a commit, a batch's way up, a receipt's way down. */
export const LINE_POINTS = [
  "before-transaction",
  "before-commit",
  "after-commit",
  "before-publish",
  "after-publish",
  "after-puback",
  "before-receipt",
  "after-receipt",
] as const;

/** In the worker that makes a backup; the last two in the terminal, which takes older ones away. */
export const BACKUP_POINTS = [
  "backup-before-copy",
  "backup-inside-copy",
  "backup-after-copy",
  "backup-inside-sealing",
  "backup-before-naming",
  "backup-after-naming",
  "backup-before-clearing",
  "backup-after-clearing",
] as const;

/** Behind a signed checkpoint: pieces laid down, the one transaction that counts, rows and old pieces removed. */
export const PRUNING_POINTS = [
  "prune-inside-piece",
  "prune-inside-move",
  "prune-inside-record",
  "prune-after-move",
  "prune-inside-removal",
  "prune-before-old-pieces",
  "prune-inside-old-pieces",
] as const;

/** In the order in which a migration gets there: killed at one, the next start comes to the next. */
export const MIGRATION_POINTS = [
  "migrate-before-copy",
  "migrate-inside-copy",
  "migrate-after-copy",
  "migrate-before-naming",
  "migrate-after-naming",
  "migrate-inside-tables",
  "migrate-after-commit",
] as const;

/** In the order in which a recovery gets there. */
export const RECOVERY_POINTS = [
  "recover-before-note",
  "recover-after-note",
  "recover-inside-setting-aside",
  "recover-inside-opening",
  "recover-before-naming",
  "recover-after-naming",
  "recover-before-question",
  "recover-after-question",
  "recover-before-answer",
  "recover-inside-import",
  "recover-after-answer",
  "recover-inside-record",
  "recover-before-end",
  "recover-after-end",
] as const;

/** The word that entries are pruned, to a cloud that was put back from an old backup; in its order. */
export const GONE_POINTS = [
  "gone-before-publish",
  "gone-after-publish",
  "gone-after-puback",
  "gone-before-receipt",
  "gone-after-receipt",
] as const;

export type KillPoint =
  | (typeof LINE_POINTS)[number]
  | (typeof BACKUP_POINTS)[number]
  | (typeof PRUNING_POINTS)[number]
  | (typeof MIGRATION_POINTS)[number]
  | (typeof RECOVERY_POINTS)[number]
  | (typeof GONE_POINTS)[number];

export const KILL_POINT_VARIABLE = "CANTEEN_KILL_POINT";
