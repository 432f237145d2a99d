import { join } from "node:path";
import type { MigrationSet } from "./journal/database.ts";
import type { Projection } from "./journal/journal-port.ts";
import { journalMigrations } from "./journal/journal-tables.ts";
import { photoMigrations } from "./photos/photo-tables.ts";
import { goodsProjection } from "./receiving/goods-projection.ts";
import { receivingMigrations } from "./receiving/order-book.ts";
import { disputeProjection } from "./roster/disputes.ts";
import { rosterMigrations } from "./roster/roster-tables.ts";
import { alarmProjection } from "./sample-cabinet/alarm-projection.ts";
import { sampleMigrations } from "./sample-cabinet/sample-clock.ts";
import { sampleProjection } from "./sample-cabinet/sample-projection.ts";
import { securityMigrations } from "./security/security-tables.ts";
import { ledgerProjection } from "./serving-line/ledger.ts";
import { mealPlanMigrations } from "./serving-line/meal-plan-store.ts";
import { syncMigrations } from "./sync/command-log.ts";

/** The terminal's one database; everything else in the data folder can be made again or lies beside it by name. */
export function databaseFile(dataFolder: string): string {
  return join(dataFolder, "terminal.db");
}

/** Photos of goods and samples, by their hash. */
export function photoFolder(dataFolder: string): string {
  return join(dataFolder, "photos");
}

/** Every folder's tables, in the order in which they are made. */
export const TERMINAL_MIGRATIONS: readonly MigrationSet[] = [
  journalMigrations,
  securityMigrations,
  rosterMigrations,
  mealPlanMigrations,
  syncMigrations,
  photoMigrations,
  receivingMigrations,
  sampleMigrations,
];

/** Every table that follows from the entries alone: `journal verify` computes them again. */
export const TERMINAL_PROJECTIONS: readonly Projection[] = [
  ledgerProjection,
  disputeProjection,
  goodsProjection,
  alarmProjection,
  sampleProjection,
];
