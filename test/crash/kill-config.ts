import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { freePort } from "../../device/sync/testing/brokers.ts";

/** Writes the configuration of a terminal that is killed: a meal all day long, and whatever is added. @returns its file. */
export async function writeKillConfig(
  folder: string,
  dataFolder: string,
  { servingLine, ...more }: Readonly<Record<string, object>>,
): Promise<string> {
  const file = join(folder, "canteen.yaml");
  const period = { id: "all-day", name: { zh: "全天", en: "All day" }, from: "00:00", to: "24:00" };
  const raw = {
    site: "kill-school",
    device: "terminal-1",
    dataFolder,
    logLevel: "error",
    kiosk: { port: await freePort() },
    storage: { freeBytesMin: 1_000_000, journalDaysMin: 7 },
    servingLine: {
      mealPlan: { periods: [{ ...period, pricing: { kind: "fixed", priceFen: 700 } }] },
      ...servingLine,
    },
    ...more,
  };
  writeFileSync(file, stringify(raw));
  return file;
}
