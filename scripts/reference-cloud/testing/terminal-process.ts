import { join } from "node:path";
import { openDatabase } from "../../../device/journal/database.ts";
import { journalMigrations } from "../../../device/journal/journal-tables.ts";
import { openJournal } from "../../../device/journal/sqlite-journal.ts";
import { brokerSettings } from "../../../device/sync/testing/recording-link.ts";
import { appendMany, clock, RigTerminal } from "./rig.ts";

/**
 * A terminal in a process of its own, to be killed: `node terminal-process.ts PORT FOLDER`.
 * It appends without end and prints the newest seq after each commit, as a screen would show "paid".
 */
const [port, folder = "."] = process.argv.slice(2);
const db = openDatabase({ file: join(folder, "canteen.db"), clock, migrations: [journalMigrations] });
const journal = openJournal({ db, clock, timeTrust: { current: () => "synced" }, projections: [] });
const terminal = new RigTerminal(journal, brokerSettings(Number(port)));
await terminal.until(({ connection }) => connection === "connected");
clock.every(2, () => {
  appendMany(journal, 1);
  process.stdout.write(`${journal.head().seq}\n`);
});
