import type { Database } from "better-sqlite3";
import type { Journal } from "../../device/journal/journal-port.ts";
import type { ServingLineControl } from "../../device/serving-line/serving-line.ts";
import type { JournalBatchMessage } from "../../device/sync/messages.ts";
import type { MakeLink } from "../../device/sync/mqtt-link.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";
import type { TerminalStore } from "../../device/terminal-store.ts";
import type { PeopleLedger } from "../../scripts/reference-cloud/people-ledger.ts";
import type { KitchenLife } from "./kitchen-life.ts";

type Entry = JournalBatchMessage["entries"][number];

/**
 * The seams at which a test of the simulator puts a defect into an otherwise real terminal. Product code has no
 * switch for any of this.
 */
export interface PlantedBug {
  readonly name: string;
  /** When the terminal has opened its database. */
  readonly opened: (db: Database) => void;
  readonly journal: (journal: Journal, db: Database) => Journal;
  readonly store: (store: TerminalStore) => TerminalStore;
  readonly line: (line: ServingLineControl) => ServingLineControl;
  readonly kitchen: (kitchen: KitchenLife, store: TerminalStore) => KitchenLife;
  /** The terminal's line to the broker. */
  readonly link: (makeLink: MakeLink, store: TerminalStore) => MakeLink;
  /** The cloud books an entry. */
  readonly post: (people: PeopleLedger, address: TerminalAddress, entry: Entry) => void;
}

/** Nothing is planted. */
export const NO_BUG: PlantedBug = {
  name: "none",
  opened: () => {},
  journal: (journal) => journal,
  store: (store) => store,
  line: (line) => line,
  kitchen: (kitchen) => kitchen,
  link: (makeLink) => makeLink,
  post: (people, address, entry) => people.post(address, entry),
};
