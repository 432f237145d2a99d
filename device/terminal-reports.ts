import { join } from "node:path";
import { APP_VERSION } from "./app-version.ts";
import type { Config } from "./config/schema.ts";
import type { Clock } from "./platform/clock.ts";
import type { IdSource } from "./platform/entropy.ts";
import type { Logger } from "./platform/logger.ts";
import type { ReportWish } from "./sample-cabinet/report.ts";
import { createReports } from "./sample-cabinet/report-jobs.ts";
import type { ReportRequest, Reports } from "./sample-cabinet/report-port.ts";
import { epochMsOf } from "./serving-line/meal-dishes.ts";
import { databaseFile } from "./terminal-database.ts";

/** Reports for an inspector, made from this terminal's journal. */
export function createTerminalReports(
  config: Config,
  world: {
    readonly clock: Clock;
    readonly ids: IdSource;
    readonly logger: Logger;
    readonly diskSafe: () => boolean;
  },
): Reports {
  return createReports({
    ...world,
    cabinets: config.cabinets.map(({ id, name }) => ({ cabinetId: id, name })),
    zone: config.servingLine.mealPlan.zone,
    journalFile: databaseFile(config.dataFolder),
    folder: join(config.dataFolder, "reports"),
    wish: (request, madeAtMs) => reportWish(config, request, madeAtMs),
  });
}

/** What a report of these dates is about; the command and the page ask for the same. */
export function reportWish(
  { site, device, cabinets, servingLine }: Config,
  { fromDate, toDate, cabinetId }: ReportRequest,
  madeAtMs: number,
): ReportWish {
  const { zone } = servingLine.mealPlan;
  return {
    appVersion: APP_VERSION,
    site,
    device,
    zone,
    fromDate,
    toDate,
    fromMs: epochMsOf(zone, fromDate, 0),
    toMs: epochMsOf(zone, toDate, 24 * 60),
    cabinetId,
    madeAtMs,
    cabinets: cabinets.map(({ id, name, probes }) => ({
      cabinetId: id,
      name,
      probes: probes.map(({ probe, name: probeName, lowMilliC, highMilliC }) => ({
        probeId: probe,
        name: probeName ?? { zh: probe, en: probe },
        lowMilliC,
        highMilliC,
      })),
    })),
  };
}
