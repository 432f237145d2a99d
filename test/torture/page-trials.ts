import { closeSync, copyFileSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { soundnessOf } from "../../device/backup/recovery.ts";
import { openDatabase } from "../../device/journal/database.ts";
import type { JsonObject } from "../../device/journal/journal-port.ts";
import { openJournal } from "../../device/journal/sqlite-journal.ts";
import { verifyJournal } from "../../device/journal/verify.ts";
import { type Entropy, idSource } from "../../device/platform/entropy.ts";
import { TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";
import { clock, type Trial } from "./trial.ts";

const PAGE_BYTES = 4096;
const CHARGES = 400;
const MONEY_TABLES = ["journal", "charge", "meal_claim", "account_effect", "refusal_noted"];

/** What a disk does to a page: bits turn over, it comes back empty, as another page, or as it was an hour ago. */
const DAMAGES = ["bits-turned", "zeros", "another-page", "stale"] as const;
type Damage = (typeof DAMAGES)[number];
type Outcome = "set-aside" | "named" | "harmless";

/**
 * A terminal's database at rest, one page of it damaged, again and again. Each time either the check at the start sets
 * the file aside, or `journal verify` names the damage, or every entry, charge and balance reads as before.
 */
export const damagedPages: Trial = {
  name: "a page damaged at rest",
  run: ({ folder, entropy, rounds }) => {
    const { file, former } = makeDatabase(folder, entropy);
    const sound = readFileSync(file);
    const before = readFileSync(former);
    const money = moneyIn(file);
    const damaged = join(folder, "damaged.db");
    const counts: Record<Outcome, number> = { "set-aside": 0, named: 0, harmless: 0 };
    const problems: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const damage = DAMAGES[round % DAMAGES.length] ?? "bits-turned";
      const page = Math.floor(entropy.uniform() * (sound.length / PAGE_BYTES));
      copyFileSync(file, damaged);
      ruinPage(damaged, page, pageAfter(damage, { sound, before, page, entropy }));
      const outcome = outcomeOf(damaged, money);
      if (outcome === null) problems.push(`page ${page}, ${damage}: other money, and nobody noticed`);
      else counts[outcome] += 1;
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${damaged}${suffix}`, { force: true });
    }
    const done =
      `${rounds} pages (turned bits, zeros, another page, a stale one): ${counts["set-aside"]} set aside at the start, ` +
      `${counts.named} named by journal verify, ${counts.harmless} with all money as before`;
    return Promise.resolve({ done, shownCount: CHARGES, problems });
  },
};

/** @returns null for the one thing that must never be. */
function outcomeOf(file: string, money: string): Outcome | null {
  if (soundness(file) !== "sound") return "set-aside";
  if (!verifyJournal(file, TERMINAL_PROJECTIONS).ok) return "named";
  return moneyIn(file) === money ? "harmless" : null;
}

/** An error at the start is no silent one. */
function soundness(file: string): string {
  try {
    return soundnessOf(file);
  } catch {
    return "refused";
  }
}

function makeDatabase(folder: string, entropy: Entropy): { readonly file: string; readonly former: string } {
  const [file, former] = [join(folder, "sound.db"), join(folder, "former.db")];
  const db = openDatabase({ file, clock, migrations: TERMINAL_MIGRATIONS });
  const ids = idSource(clock, entropy);
  const timeTrust = { current: () => "synced" as const };
  const journal = openJournal({ db, clock, timeTrust, projections: TERMINAL_PROJECTIONS });
  const charge = (number: number): void => {
    const chargeId = ids.next();
    journal.append({ id: chargeId, kind: "charge.made", body: lunch(chargeId, `p-${number % 120}`, number) });
  };
  const settle = (): void => void db.pragma("wal_checkpoint(TRUNCATE)");
  for (let number = 0; number < CHARGES - 20; number++) charge(number);
  settle();
  copyFileSync(file, former);
  for (let number = CHARGES - 20; number < CHARGES; number++) charge(number);
  settle();
  db.close();
  return { file, former };
}

function lunch(chargeId: string, personId: string, number: number): JsonObject {
  const businessDate = new Date(Date.UTC(2026, 8, 1 + Math.floor(number / 120))).toISOString().slice(0, 10);
  return {
    ...{ chargeId, personId, businessDate, periodId: "lunch", claimNo: 1 },
    periodName: { zh: "午餐", en: "Lunch" },
    ...{ priceFen: 1200, subsidyFen: 0, amountFen: 1200, items: [], allergensConfirmed: [] },
    ...{ method: "card", activation: "touch", operatorId: null, overrideReason: null, decision: null },
    ...{ question: null, mealPlanVersion: "demo-1" },
  };
}

interface PageSource {
  readonly sound: Buffer;
  readonly before: Buffer;
  readonly page: number;
  readonly entropy: Entropy;
}

function pageAfter(damage: Damage, { sound, before, page, entropy }: PageSource): Buffer {
  const of = (file: Buffer, at: number): Buffer =>
    Buffer.from(file.subarray(at * PAGE_BYTES, (at + 1) * PAGE_BYTES));
  switch (damage) {
    case "bits-turned": {
      const bytes = of(sound, page);
      const from = Math.floor(entropy.uniform() * (PAGE_BYTES - 16));
      for (let at = from; at < from + 16; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      return bytes;
    }
    case "zeros":
      return Buffer.alloc(PAGE_BYTES);
    case "another-page":
      return of(sound, Math.floor(entropy.uniform() * (sound.length / PAGE_BYTES)));
    case "stale":
      return page < before.length / PAGE_BYTES ? of(before, page) : Buffer.alloc(PAGE_BYTES);
  }
}

function ruinPage(file: string, page: number, bytes: Buffer): void {
  const handle = openSync(file, "r+");
  writeSync(handle, bytes, 0, bytes.length, page * PAGE_BYTES);
  closeSync(handle);
}

/** Every entry and every row about money, as text. */
function moneyIn(file: string): string {
  const db = new Sqlite(file, { readonly: true });
  try {
    return JSON.stringify(
      MONEY_TABLES.map((table) => db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2, 3`).all()),
    );
  } finally {
    db.close();
  }
}
