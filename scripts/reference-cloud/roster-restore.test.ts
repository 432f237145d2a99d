import { join } from "node:path";
import type { Database } from "better-sqlite3";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../device/journal/journal-fixture.ts";
import type { RosterMessage } from "../../device/roster/roster-delta.ts";
import { rosterFixture } from "../../device/roster/roster-fixture.ts";
import type { RosterStore } from "../../device/roster/roster-store.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { PeopleLedger } from "./people-ledger.ts";
import { person } from "./testing/person.ts";
import { ids } from "./testing/rig.ts";

const PEOPLE = ["p-1", "p-2", "p-3"];

/** A terminal, what the cloud last heard of its roster, and what waits for it in the broker. */
interface Till {
  readonly roster: RosterStore;
  readonly waiting: RosterMessage[];
  told: number;
}

/** What happens in one process of the cloud. */
const step = fc.oneof(
  fc.record({
    what: fc.constant("top-up" as const),
    personId: fc.constantFrom(...PEOPLE),
    fen: fc.integer({ min: 1, max: 99 }),
  }),
  fc.record({ what: fc.constantFrom("push", "take", "report", "take-again"), till: fc.constantFrom(0, 1) }),
);
const steps = fc.array(step, { maxLength: 8 });

const pushed = (personId: string) => [
  { what: "top-up" as const, personId, fen: 1 },
  { what: "push" as const, till: 0 as const },
];
/** What the lost cloud sent comes after the terminal's birth, and before the new cloud's first delta. */
const CHANGE_LOST_ON_ITS_WAY = pushed("p-1");
const CHANGE_OF_ANOTHER = pushed("p-2");

test("after a restore each terminal comes to the cloud's people, whatever it had been sent and what is still on its way", () => {
  fc.assert(
    fc.property(steps, steps, steps, fc.boolean(), (before, lost, since, isRestored) => {
      const folder = temporaryFolder();
      const opened: Database[] = [];
      // Seconds between two versions: the clock of a restored cloud has gone on.
      let now = Date.parse("2026-09-01T00:00:00Z");
      const open = (file: string): PeopleLedger => {
        const db = openCloudDatabase(join(folder, file));
        db.pragma("synchronous = OFF");
        opened.push(db);
        return new PeopleLedger({
          db,
          now: () => (now += 1000),
          onChanged: () => {},
          onConsentWithdrawn: () => {},
        });
      };
      const tills: Till[] = [0, 1].map(() => ({ roster: rosterFixture().roster, waiting: [], told: 0 }));
      const work = (cloud: PeopleLedger, todo: typeof before): void => {
        for (const each of todo) {
          if (each.what === "top-up") cloud.topUp(ids.next(), each.personId, each.fen);
          else act(cloud, tills[each.till], each.what);
        }
      };
      const first = open("first.db");
      for (const personId of PEOPLE) first.put(person(personId), 1000);
      for (const till of tills)
        for (const what of ["push", "take", "report"] as const) act(first, till, what);
      work(first, before);
      opened[0]?.exec(`VACUUM INTO '${join(folder, "backup.db")}'`);
      work(first, lost);
      // Otherwise the same cloud starts again, which may cost a snapshot and nothing else.
      const cloud = open(isRestored ? "backup.db" : "first.db");
      // It hears from each terminal afresh, and what the former one had sent still waits in the broker.
      for (const till of tills) act(cloud, till, "report");
      work(cloud, since);
      for (const till of tills) {
        for (const message of till.waiting) till.roster.apply(message);
        for (const message of cloud.messagesSince({ site: "s1", device: "t1" }, till.roster.version()))
          till.roster.apply(message);
        for (const { personId, balanceFen } of cloud.all())
          expect(till.roster.account(personId)?.balanceFen).toBe(balanceFen);
        expect(till.roster.version()).toBe(cloud.version());
      }
      for (const db of opened) db.close();
    }),
    { numRuns: 40, examples: [[[], CHANGE_LOST_ON_ITS_WAY, CHANGE_OF_ANOTHER, true]] },
  );
});

test("a part of the lost cloud's newest snapshot does not keep a terminal from the restored cloud's", () => {
  const folder = temporaryFolder();
  let now = Date.parse("2026-09-01T00:00:00Z");
  const open = (file: string) => {
    const db = openCloudDatabase(join(folder, file));
    onTestFinished(() => void db.close());
    db.pragma("synchronous = OFF");
    const options = { db, now: () => (now += 1000), onChanged: () => {}, onConsentWithdrawn: () => {} };
    return { db, cloud: new PeopleLedger(options) };
  };
  const { db, cloud: lost } = open("first.db");
  const putAll = db.transaction(() => {
    for (let number = 1; number <= 501; number++) lost.put(person(`p-${number}`), 1000);
  });
  putAll();
  const { roster } = rosterFixture();
  const address = { site: "s1", device: "t1" };
  lost.version();
  db.exec(`VACUUM INTO '${join(folder, "backup.db")}'`);
  lost.topUp(ids.next(), "p-2", 1);
  const [part] = lost.messagesSince(address, 0);
  if (part === undefined) throw new Error("the lost cloud sends something");
  expect(roster.apply(part)).toMatchObject({ kind: "applied", complete: false });

  const { cloud } = open("backup.db");
  for (const message of cloud.messagesSince(address, roster.version())) roster.apply(message);
  expect(roster.version()).toBe(cloud.version());
  expect(roster.account("p-2")?.balanceFen).toBe(1000);
});

function act(
  cloud: PeopleLedger,
  till: Till | undefined,
  what: "push" | "take" | "report" | "take-again",
): void {
  if (till === undefined) return;
  const address = { site: "s1", device: "t1" };
  if (what === "push") {
    till.waiting.push(...cloud.messagesSince(address, till.told));
    till.told = cloud.version();
  } else if (what === "report") till.told = till.roster.version();
  else {
    const message = what === "take" ? till.waiting.shift() : till.waiting[0];
    if (message !== undefined) till.roster.apply(message);
  }
}
