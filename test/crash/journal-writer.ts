/**
 * A terminal reduced to its journal: appends for ever (or `COUNT` times) and prints each id after its commit.
 * Usage: journal-writer.ts FOLDER SEED [COUNT]. Printed: `ok ID` or `fault CODE`, one a line.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { lockDataFolder } from "../../device/journal/data-folder-lock.ts";
import { openDatabase } from "../../device/journal/database.ts";
import { journalMigrations } from "../../device/journal/journal-tables.ts";
import { openJournal } from "../../device/journal/sqlite-journal.ts";
import { idSource, seededEntropy } from "../../device/platform/entropy.ts";
import { isFault } from "../../device/platform/errors.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { countProjection } from "./count-projection.ts";

const [folder = "", seed = "1", count = "1000000"] = process.argv.slice(2);
const clock = new SystemClock();
const entropy = seededEntropy(Number(seed));
const ids = idSource(clock, entropy);

lockDataFolder(folder);
const db = openDatabase({ file: join(folder, "canteen.db"), clock, migrations: [journalMigrations] });
/** The control of a power cut: a setting that must lose. */
const synchronous = process.env["CANTEEN_SYNCHRONOUS"];
if (synchronous === "NORMAL") db.pragma("synchronous = NORMAL");
const timeTrust = { current: () => "unknown" as const };
const journal = openJournal({ db, clock, timeTrust, projections: [countProjection] });

// Synchronous, so that a line is in the pipe when this returns: the parent's word for "shown to the diner".
const print = (line: string): void => void writeSync(1, `${line}\n`);
const draft = () => ({
  id: ids.next(),
  kind: "charge.made",
  body: { personId: `p-${Math.floor(entropy.uniform() * 5)}`, text: "x".repeat(entropy.uniform() * 2000) },
});

for (let round = 0; round < Number(count); round++) {
  const drafts = Array.from({ length: 1 + Math.floor(entropy.uniform() * 3) }, draft);
  try {
    journal.transact(() => {
      for (const one of drafts) journal.append(one);
    });
    for (const { id } of drafts) print(`ok ${id}`);
  } catch (error) {
    if (!isFault(error)) throw error;
    print(`fault ${error.code}`);
  }
}
