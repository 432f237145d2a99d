import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Sqlite from "better-sqlite3";
import { APP_VERSION } from "../device/app-version.ts";
import { demoConfig } from "../device/config/demo-config.ts";
import { seededEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { VirtualClock } from "../device/platform/virtual-clock.ts";
import { rosterPerson } from "../device/roster/roster-fixture.ts";
import { databaseFile } from "../device/terminal-database.ts";
import { openTerminalStore } from "../device/terminal-store.ts";

/**
 * Writes `test/releases/{version}.sql`: a small database as this release makes it, with invented people and a queue
 * that the cloud has not confirmed. Run once for each release, before it; `test/releases` upgrades each of them.
 */
const FOLDER = fileURLToPath(new URL("../test/releases", import.meta.url));
const CHARGE_COUNT = 12;
/** The cloud has these; the rest waits. */
const ACKED_SEQ = 5;

const dataFolder = mkdtempSync(join(tmpdir(), "canteen-release-"));
try {
  await fill(dataFolder);
  const file = join(FOLDER, `${APP_VERSION}.sql`);
  writeFileSync(file, dump(databaseFile(dataFolder)), { flag: "wx" });
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(dataFolder, { recursive: true, force: true });
}

async function fill(folder: string): Promise<void> {
  const config = demoConfig({ dataFolder: folder, cameraFolder: null, mqttUrl: "mqtt://127.0.0.1:1" });
  const world = { clock: new VirtualClock(), entropy: seededEntropy(1), logger: silentLogger };
  const store = await openTerminalStore({ config, ...world, ntpSynchronizedFile: "/nonexistent" });
  try {
    const people = ["p-1", "p-2", "p-3"].map((personId) => rosterPerson(personId));
    store.roster.apply({ v: 1, kind: "delta", from: 0, to: 1, people, removed: [] });
    for (let number = 0; number < CHARGE_COUNT; number++) {
      const chargeId = store.ids.next();
      store.journal.append({ id: chargeId, kind: "charge.made", body: chargeBody(chargeId, number) });
    }
    store.journal.acknowledge(ACKED_SEQ);
  } finally {
    await store.close();
  }
}

function chargeBody(chargeId: string, number: number) {
  return {
    ...{ chargeId, personId: `p-${(number % 3) + 1}`, businessDate: `2026-09-0${(number % 4) + 1}` },
    ...{ periodId: "lunch", periodName: { zh: "午餐", en: "Lunch" }, claimNo: 1 },
    ...{ priceFen: 1200, subsidyFen: 200, amountFen: 1000, items: [], allergensConfirmed: [] },
    ...{ method: "card", activation: "touch", operatorId: null, overrideReason: null, decision: null },
    ...{ question: null, mealPlanVersion: "demo-1" },
  };
}

/** Text, so that a reader sees what was released: first tables and rows, then what would act on the rows. */
function dump(file: string): string {
  const db = new Sqlite(file, { readonly: true });
  try {
    const parts = db
      .prepare<[], { type: string; name: string; sql: string }>(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
      )
      .all();
    const tables = parts.filter(({ type }) => type === "table");
    const rows = tables.flatMap(({ name }) => insertsOf(db, name));
    const rest = parts.filter(({ type }) => type !== "table");
    const lines = [...tables.map(({ sql }) => `${sql};`), ...rows, ...rest.map(({ sql }) => `${sql};`)];
    const text = `PRAGMA foreign_keys = OFF;\nBEGIN;\n${lines.join("\n")}\nCOMMIT;\n`;
    return `-- canteen-edge ${APP_VERSION}, sha256 ${createHash("sha256").update(text).digest("hex").slice(0, 16)}\n${text}`;
  } finally {
    db.close();
  }
}

function insertsOf(db: Sqlite.Database, table: string): string[] {
  const columns = db.prepare<[string], string>("SELECT name FROM pragma_table_info(?)").pluck().all(table);
  const quoted = columns.map((column) => `quote("${column}")`).join(" || ', ' || ");
  return db
    .prepare<[], string>(`SELECT ${quoted} FROM "${table}"`)
    .pluck()
    .all()
    .map(
      (values) =>
        `INSERT INTO "${table}" (${columns.map((column) => `"${column}"`).join(", ")}) VALUES (${values});`,
    );
}
