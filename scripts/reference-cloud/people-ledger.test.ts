import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import type { JournalEntry } from "../../device/journal/journal-port.ts";
import { systemEntropy } from "../../device/platform/entropy.ts";
import { rosterMessageSchema } from "../../device/roster/roster-delta.ts";
import { createPinHasher } from "../../device/security/pin-hash.ts";
import { MESSAGE_BYTES_MAX } from "../../device/sync/messages.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { seedDemoRoster } from "./demo-roster.ts";
import { JournalIntake } from "./journal-intake.ts";
import { PeopleLedger } from "./people-ledger.ts";
import { batchOf, entriesOf } from "./testing/entries.ts";
import { person } from "./testing/person.ts";
import { ids } from "./testing/rig.ts";

const t1 = { site: "s1", device: "t1" };
const t2 = { site: "s1", device: "t2" };

function rig() {
  const db = openCloudDatabase(":memory:");
  onTestFinished(() => void db.close());
  const forgotten: string[] = [];
  const again = (): PeopleLedger =>
    new PeopleLedger({
      db,
      now: () => 1000,
      onChanged: () => {},
      onConsentWithdrawn: (personId) => forgotten.push(personId),
    });
  const ledger = again();
  const intake = new JournalIntake(
    db,
    () => 1000,
    (address, entry) => ledger.post(address, entry),
  );
  const take = (address: typeof t1, entries: readonly JournalEntry[]) =>
    intake.take(address, batchOf(entries));
  const accounts = (address: typeof t1, have = 0) =>
    ledger
      .messagesSince(address, have)
      .flatMap(({ people }) =>
        people.map(({ personId, account }) => [personId, account.balanceFen, account.throughSeq]),
      );
  return { ledger, again, take, accounts, forgotten };
}

const charge = (personId: string, amountFen: number) => ({
  kind: "charge.made",
  body: { chargeId: ids.next(), personId, amountFen },
});
const voided = (personId: string, amountFen: number) => ({
  ...charge(personId, amountFen),
  kind: "charge.voided",
});

describe("PeopleLedger", () => {
  it("takes charges off and puts voids and top-ups on, each once however often they come", () => {
    const { ledger, take } = rig();
    ledger.put(person("p-1"), 5000);
    const entries = entriesOf([charge("p-1", 1200), charge("p-1", 800), voided("p-1", 800)]);
    take(t1, entries);
    take(t1, entries);
    ledger.topUp("top-up-1", "p-1", 1000);
    ledger.topUp("top-up-1", "p-1", 1000);
    expect(ledger.all()).toMatchObject([{ personId: "p-1", balanceFen: 5000 - 1200 + 1000 }]);
  });

  it("knows what somebody has eaten whom it comes to know only afterwards, as after a restore", () => {
    const { ledger, take, accounts } = rig();
    take(t1, entriesOf([charge("p-1", 1200), charge("p-1", 300), voided("p-1", 300)]));
    expect(ledger.topUp("top-up-1", "p-1", 500)).toBe(false);
    ledger.put(person("p-1"), 5000);
    ledger.put(person("p-1", { active: false }), 5000);
    expect(accounts(t1)).toEqual([["p-1", 5000 - 1200, 3]]);
  });

  it("books nothing behind a hole until the hole is closed", () => {
    const { ledger, take, accounts } = rig();
    ledger.put(person("p-1"), 5000);
    const entries = entriesOf([charge("p-1", 100), charge("p-1", 200), charge("p-1", 400)]);
    take(
      t1,
      [entries[0], entries[2]].filter((entry) => entry !== undefined),
    );
    expect(accounts(t1)).toEqual([["p-1", 4900, 1]]);
    take(t1, entries);
    expect(accounts(t1)).toEqual([["p-1", 4300, 3]]);
    expect(accounts(t2)).toEqual([["p-1", 4300, 0]]);
  });

  it("gives every terminal a base that with its own later charges is the true balance", () => {
    const act = fc.record({
      terminal: fc.constantFrom(t1, t2),
      amountFen: fc.integer({ min: 1, max: 2000 }),
      sent: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 12 }), (acts) => {
        const { ledger, take, accounts } = rig();
        ledger.put(person("p-1"), 100_000);
        for (const terminal of [t1, t2]) {
          const mine = acts.filter((each) => each.terminal === terminal);
          const entries = entriesOf(mine.map(({ amountFen }) => charge("p-1", amountFen)));
          take(terminal, entries.slice(0, mine.filter(({ sent }) => sent).length));
        }
        for (const terminal of [t1, t2]) {
          const mine = acts.filter((each) => each.terminal === terminal);
          const others = acts.filter((each) => each.terminal !== terminal);
          const otherSent = others.slice(0, others.filter(({ sent }) => sent).length);
          const [[, balanceFen = 0, throughSeq = 0] = []] = accounts(terminal);
          const own = mine.slice(Number(throughSeq)).reduce((sum, { amountFen }) => sum + amountFen, 0);
          const all = [...mine, ...otherSent].reduce((sum, { amountFen }) => sum + amountFen, 0);
          expect(Number(balanceFen) - own).toBe(100_000 - all);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("sends what changed as a delta, everything to an empty terminal, and nothing to one that has all", () => {
    const { ledger } = rig();
    ledger.put(person("p-1"));
    ledger.put(person("p-2"));
    const have = ledger.version();
    ledger.put(person("p-2", { active: false }));
    expect(ledger.messagesSince(t1, have)).toMatchObject([
      { kind: "delta", from: have, to: have + 1, people: [{ personId: "p-2", active: false }], removed: [] },
    ]);
    expect(ledger.messagesSince(t1, 0)).toMatchObject([{ kind: "snapshot", part: 1, parts: 1 }]);
    expect(ledger.messagesSince(t1, have + 1)).toEqual([]);
  });

  it("cuts a large school into parts that fit a message and the terminals' schema", () => {
    const { ledger } = rig();
    for (let number = 1; number <= 1001; number++) ledger.put(person(`p-${number}`));
    const messages = ledger.messagesSince(t1, 0);
    expect(messages.map(({ people }) => people.length)).toEqual([500, 500, 1]);
    for (const message of messages) {
      expect(rosterMessageSchema.safeParse(message).success).toBe(true);
      expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(1024 * 1024);
    }
  });

  it("sends nobody so much at once that a terminal would have to hang up, whatever is known of each person", () => {
    const { ledger } = rig();
    const cards = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const put = (number: number): void =>
      ledger.put(
        person(`p-${number}`, {
          displayName: "某".repeat(64),
          groupName: "班".repeat(64),
          cards: cards.map((card) => `${number}-${card}`.padEnd(256, "x")),
        }),
      );
    for (let number = 1; number <= 450; number++) put(number);
    const have = ledger.version();
    for (let number = 1; number <= 450; number++) ledger.topUp(`t-${number}`, `p-${number}`, 1);
    for (const from of [0, have]) {
      const messages = ledger.messagesSince(t1, from);
      expect(messages.flatMap(({ people }) => people)).toHaveLength(450);
      expect(messages.map((message) => message.kind === "snapshot" && message.parts)).toEqual([3, 3, 3]);
      for (const message of messages) {
        expect(rosterMessageSchema.safeParse(message).success).toBe(true);
        expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(MESSAGE_BYTES_MAX);
      }
    }
  });

  it("goes on above a version that it never gave out, with everyone", () => {
    const { ledger } = rig();
    ledger.put(person("p-1"));
    const before = ledger.version();
    expect(before).toBeGreaterThanOrEqual(1000);
    const everyone = { kind: "snapshot", to: 9001, people: [{ personId: "p-1" }] };
    expect(ledger.messagesSince(t1, 9000)).toMatchObject([everyone]);
    expect([before, 9000, 9001, 9002].map((version) => ledger.fits(version))).toEqual([
      ...[false, false, true, false],
    ]);
    for (const have of [before, 500]) expect(ledger.messagesSince(t2, have)).toMatchObject([everyone]);
  });

  it("removes nobody from a terminal because it has nobody itself: it was started on an empty folder", () => {
    const { ledger } = rig();
    expect(ledger.messagesSince(t1, 9000)).toEqual([]);
    expect(ledger.version()).toBe(0);
  });

  it("sends everyone to a terminal that lacks more people than a message holds", () => {
    const { ledger } = rig();
    for (let number = 1; number <= 700; number++) ledger.put(person(`p-${number}`));
    const have = ledger.version();
    for (let number = 1; number <= 501; number++) ledger.topUp(`t-${number}`, `p-${number}`, 1);
    const messages = ledger.messagesSince(t1, have);
    expect(messages.map(({ kind, people }) => [kind, people.length])).toEqual([
      ["snapshot", 500],
      ["snapshot", 200],
    ]);
  });

  it("believes after a start no version but the newest: another may be of a cloud that was lost", () => {
    const { ledger, again } = rig();
    ledger.put(person("p-1"));
    const first = ledger.version();
    ledger.put(person("p-2"));
    const newest = ledger.version();
    expect(ledger.messagesSince(t1, first)).toMatchObject([{ kind: "delta", from: first, to: newest }]);
    const started = again();
    expect(started.messagesSince(t1, newest)).toEqual([]);
    expect(started.messagesSince(t1, first)).toMatchObject([{ kind: "snapshot", to: newest }]);
    started.put(person("p-3"));
    const [after] = started.messagesSince(t1, newest);
    expect(after).toMatchObject({ kind: "snapshot", people: [{}, {}, {}] });
    started.put(person("p-4"));
    expect(started.messagesSince(t1, after?.to ?? 0)).toMatchObject([{ kind: "delta", from: after?.to }]);
  });

  it("gives many changes one version, and none where nothing changed", () => {
    const { ledger } = rig();
    ledger.put(person("p-1"), 100);
    const first = ledger.version();
    for (let index = 0; index < 50; index++) ledger.topUp(`t-${index}`, "p-1", 1);
    expect(ledger.version()).toBe(first + 1);
    expect(ledger.version()).toBe(first + 1);
    ledger.topUp("t-1", "p-1", 1);
    expect(ledger.version()).toBe(first + 1);
  });

  it("follows consent given and withdrawn at terminals, the newest decision last", () => {
    const { ledger, take, forgotten } = rig();
    ledger.put(person("p-1", { consents: [] }));
    const consentOf = () =>
      ledger.all()[0]?.consents.map(({ scope, withdrawnAtMs }) => [scope, withdrawnAtMs]);
    const granted = { personId: "p-1", scopes: ["face"], grantedBy: "guardian", operatorId: "o" };
    take(
      t1,
      entriesOf([
        { kind: "consent.recorded", body: { ...granted, grantedAtMs: 200 } },
        { kind: "person.withdrawn", body: { personId: "p-1", scopes: ["face"], withdrawnAtMs: 300 } },
      ]),
    );
    expect(consentOf()).toEqual([["face", 300]]);
    expect(forgotten).toEqual(["p-1"]);
    take(t2, entriesOf([{ kind: "consent.recorded", body: { ...granted, grantedAtMs: 250 } }]));
    expect(consentOf()).toEqual([["face", 300]]);
    expect(ledger.withdrawFace("p-1")).toBe(false);
  });

  it("withdraws for a guardian on the page, once", () => {
    const { ledger, forgotten } = rig();
    ledger.put(person("p-1"));
    expect([ledger.withdrawFace("p-1"), ledger.withdrawFace("p-1"), ledger.withdrawFace("nobody")]).toEqual([
      true,
      false,
      false,
    ]);
    expect(forgotten).toEqual(["p-1"]);
  });

  it("passes over bodies that it cannot read, and people whom it does not know", () => {
    const { ledger, take } = rig();
    ledger.put(person("p-1"), 100);
    const odd = [
      { kind: "charge.made", body: { personId: "p-1", amountFen: -5 } },
      { kind: "charge.made", body: { personId: "p-1" } },
      { kind: "consent.recorded", body: {} },
      // No date: what the terminals could not read must not become a person's record either.
      {
        kind: "consent.recorded",
        body: { personId: "p-1", scopes: ["face"], grantedBy: "self", grantedAtMs: 8.64e15 + 1 },
      },
      { kind: "person.withdrawn", body: { personId: "p-1", scopes: ["face"], withdrawnAtMs: -1 } },
      charge("stranger", 500),
    ];
    expect(take(t1, entriesOf(odd))).toMatchObject({ ackedSeq: odd.length });
    expect(ledger.all()).toMatchObject([{ balanceFen: 100 }]);
  });
});

describe("demo roster", () => {
  it("fits the contract, fills an empty ledger and leaves one that has people alone", async () => {
    const { ledger } = rig();
    const hasher = createPinHasher({ entropy: systemEntropy, cost: { n: 2, r: 8, p: 1 } });
    await seedDemoRoster(ledger, hasher, 1000);
    await seedDemoRoster(ledger, hasher, 2000);
    const people = ledger.all();
    expect(people).toHaveLength(12);
    expect(people.filter(({ kind }) => kind === "staff")).toHaveLength(2);
    expect(people.filter(({ active }) => !active)).toHaveLength(1);
    expect(people.filter(({ allergens }) => allergens.includes("milk"))).toHaveLength(1);
    expect(rosterMessageSchema.safeParse(ledger.messagesSince(t1, 0)[0]).success).toBe(true);
    expect(await hasher.verify("1234", people[0]?.pinHash ?? undefined)).toBe(true);
  });
});
