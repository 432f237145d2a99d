import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RosterMessage, type RosterPerson, rosterMessageSchema } from "./roster-delta.ts";
import { delta, rosterFixture, rosterPerson, snapshot } from "./roster-fixture.ts";

describe("the roster", () => {
  it("is read by id, number, card and text", () => {
    const { roster } = rosterFixture();
    const limits = {
      perChargeFenMax: 2000,
      perDayFenMax: null,
      overdraftFenMax: 0,
      blockedPeriodIds: ["dinner"],
    };
    const li = rosterPerson("p-1", {
      displayName: "李小明",
      groupName: "三年级2班",
      allergens: ["peanut"],
      limits,
    });
    roster.apply(delta(0, 1, [li, rosterPerson("p-2", { active: false }), rosterPerson("p-3")]));
    const person = {
      personId: "p-1",
      number: "n-p-1",
      displayName: "李小明",
      groupName: "三年级2班",
      kind: "student",
      active: true,
      allergens: ["peanut"],
      limits,
    };
    expect(roster.person("p-1")).toEqual(person);
    expect(roster.personByNumber("n-p-1")).toEqual(person);
    expect(roster.personByCard("card-p-1")).toEqual(person);
    expect(roster.person("p-2")?.active).toBe(false);
    expect([roster.person("p-9"), roster.personByNumber("9"), roster.personByCard("9")]).toEqual(
      Array(3).fill(undefined),
    );
    expect(roster.find("小明", 10).map(({ personId }) => personId)).toEqual(["p-1"]);
    expect(roster.find("2班", 10)).toHaveLength(1);
    expect(roster.find("n-p", 2).map(({ personId }) => personId)).toEqual(["p-1", "p-2"]);
    expect(roster.personIdsOfGroups(["三年级2班", "nowhere"])).toEqual(["p-1"]);
    expect(roster.find("%", 10)).toEqual([]);
    expect(roster.find("_", 10)).toEqual([]);
    expect(roster.account("p-1")).toEqual({ balanceFen: 5000, throughSeq: 0 });
    expect(roster.account("p-9")).toBeUndefined();
    expect(roster.counts()).toEqual({ people: 3, withTemplate: 0 });
  });

  it("is kept over a restart", () => {
    const fixture = rosterFixture();
    fixture.roster.apply(delta(0, 7, [rosterPerson("p-1")]));
    const { roster } = fixture.restart();
    expect(roster.version()).toBe(7);
    expect(roster.person("p-1")?.number).toBe("n-p-1");
  });
});

describe("a delta", () => {
  it("changes and removes people and moves the version on", () => {
    const { roster } = rosterFixture();
    roster.apply(delta(0, 1, [rosterPerson("p-1"), rosterPerson("p-2")]));
    const changed = rosterPerson("p-1", {
      cards: ["card-new"],
      account: { balanceFen: -200, throughSeq: 9 },
    });
    expect(roster.apply(delta(1, 4, [changed], ["p-2"]))).toEqual({
      kind: "applied",
      version: 4,
      complete: true,
    });
    expect(roster.personByCard("card-p-1")).toBeUndefined();
    expect(roster.personByCard("card-new")?.personId).toBe("p-1");
    expect(roster.account("p-1")).toEqual({ balanceFen: -200, throughSeq: 9 });
    expect(roster.person("p-2")).toBeUndefined();
    expect(roster.account("p-2")).toBeUndefined();
    expect(roster.version()).toBe(4);
  });

  it("is stale when it brings nothing new, and a gap when something is missing before it; neither changes anything", () => {
    const { roster } = rosterFixture();
    roster.apply(delta(0, 3, [rosterPerson("p-1")]));
    expect(roster.apply(delta(0, 3, [rosterPerson("p-2")]))).toEqual({ kind: "stale" });
    expect(roster.apply(delta(1, 2, [rosterPerson("p-2")]))).toEqual({ kind: "stale" });
    expect(roster.apply(delta(4, 5, [rosterPerson("p-2")], ["p-1"]))).toEqual({ kind: "gap", have: 3 });
    expect(roster.counts().people).toBe(1);
    expect(roster.version()).toBe(3);
  });

  it("fits when it begins before what is here: it carries people as they are at its end", () => {
    const { roster } = rosterFixture();
    roster.apply(delta(0, 3, [rosterPerson("p-1")]));
    const later = rosterPerson("p-1", { groupName: "Class 2" });
    expect(roster.apply(delta(1, 5, [later]))).toMatchObject({ kind: "applied", version: 5 });
    expect(roster.person("p-1")?.groupName).toBe("Class 2");
  });

  it("may swap the numbers and cards of two people", () => {
    const { roster } = rosterFixture();
    const [a, b] = [rosterPerson("p-1"), rosterPerson("p-2")];
    roster.apply(delta(0, 1, [a, b]));
    roster.apply(
      delta(1, 2, [
        { ...a, number: b.number, cards: b.cards },
        { ...b, number: a.number, cards: a.cards },
      ]),
    );
    expect(roster.personByNumber("n-p-1")?.personId).toBe("p-2");
    expect(roster.personByCard("card-p-2")?.personId).toBe("p-1");
  });

  it.each([{ number: "n-p-1" }, { cards: ["card-p-1"] }])(
    "that gives someone else's %j away is refused whole",
    (change) => {
      const { roster } = rosterFixture();
      roster.apply(delta(0, 1, [rosterPerson("p-1")]));
      const message = delta(1, 2, [rosterPerson("p-0"), rosterPerson("p-2", change)]);
      expect(() => roster.apply(message)).toThrow(
        expect.objectContaining({ code: "roster-conflict", retry: "after-operator" }),
      );
      expect(roster.counts().people).toBe(1);
      expect(roster.version()).toBe(1);
    },
  );
});

describe("a snapshot", () => {
  it("replaces everyone, also over a gap", () => {
    const { roster } = rosterFixture();
    roster.apply(delta(0, 1, [rosterPerson("p-1"), rosterPerson("p-2")]));
    expect(roster.apply(snapshot(9, [rosterPerson("p-2"), rosterPerson("p-3")]))).toMatchObject({
      version: 9,
    });
    expect(roster.find("", 10).map(({ personId }) => personId)).toEqual(["p-2", "p-3"]);
    expect(roster.apply(snapshot(9, []))).toEqual({ kind: "stale" });
    expect(roster.apply(snapshot(8, []))).toEqual({ kind: "stale" });
    expect(roster.counts().people).toBe(2);
  });

  it("in parts takes effect with the last, in any order, over a restart, with parts repeated", () => {
    const first = rosterFixture();
    first.roster.apply(delta(0, 1, [rosterPerson("p-0")]));
    const part = (number: number) => snapshot(5, [rosterPerson(`p-${number}`)], number, 3);
    const waiting = { kind: "applied", version: 1, complete: false };
    expect(first.roster.apply(part(3))).toEqual(waiting);
    expect(first.roster.apply(part(3))).toEqual(waiting);
    const { roster } = first.restart();
    expect(roster.apply(part(1))).toEqual(waiting);
    expect(roster.find("", 9).map(({ personId }) => personId)).toEqual(["p-0"]);
    expect(roster.apply(part(2))).toEqual({ kind: "applied", version: 5, complete: true });
    expect(roster.find("", 9).map(({ personId }) => personId)).toEqual(["p-1", "p-2", "p-3"]);
    expect(roster.apply(part(2))).toEqual({ kind: "stale" });
  });

  it("is started afresh by a newer one, or by one cut in another way", () => {
    const { roster, db } = rosterFixture();
    roster.apply(snapshot(5, [rosterPerson("p-old")], 1, 2));
    roster.apply(snapshot(6, [rosterPerson("p-1")], 1, 2));
    expect(roster.apply(snapshot(5, [rosterPerson("p-old")], 2, 2))).toEqual({ kind: "stale" });
    roster.apply(snapshot(6, [rosterPerson("p-1")], 1, 3));
    expect(roster.apply(snapshot(6, [rosterPerson("p-2")], 2, 3))).toMatchObject({ complete: false });
    expect(roster.apply(snapshot(6, [], 3, 3))).toMatchObject({ complete: true, version: 6 });
    expect(roster.find("", 9).map(({ personId }) => personId)).toEqual(["p-1", "p-2"]);
    expect(db.prepare("SELECT count(*) FROM roster_snapshot_part").pluck().get()).toBe(0);
  });
});

describe("roster messages in any order", () => {
  it("end at the newest version with the cloud's people, however they are repeated and shuffled", () => {
    const ids = ["p-1", "p-2", "p-3"];
    const step = fc.record({ id: fc.constantFrom(...ids), balance: fc.nat(9999), gone: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (steps, order) => {
          const { people, deltas } = cloudHistory(steps);
          const { roster, db } = rosterFixture();
          const send = (message: RosterMessage) => roster.apply(rosterMessageSchema.parse(message));
          for (const pick of order) {
            const message = deltas[pick % deltas.length];
            if (message !== undefined) send(message);
          }
          // What the cloud does when asked: everything after what the terminal has.
          for (const message of deltas) send(message);
          expect(roster.version()).toBe(steps.length);
          const here = roster
            .find("", 99)
            .map(({ personId }) => [personId, roster.account(personId)?.balanceFen]);
          const there = [...people.values()].map(({ personId, account }) => [personId, account.balanceFen]);
          expect(here.sort()).toEqual(there.sort());
          db.close();
        },
      ),
      { numRuns: 40 },
    );
  });
});

function cloudHistory(steps: readonly { id: string; balance: number; gone: boolean }[]) {
  const people = new Map<string, RosterPerson>();
  const deltas = steps.map(({ id, balance, gone }, index) => {
    if (gone) people.delete(id);
    else people.set(id, rosterPerson(id, { account: { balanceFen: balance, throughSeq: 0 } }));
    const person = people.get(id);
    return delta(index, index + 1, person === undefined ? [] : [person], gone ? [id] : []);
  });
  return { people, deltas };
}

describe("the schema of down/roster", () => {
  const good = delta(0, 1, [rosterPerson("p-1")]);
  const withPerson = (change: object) => ({ ...good, people: [{ ...rosterPerson("p-1"), ...change }] });

  it("takes what the fixture makes", () => {
    expect(rosterMessageSchema.parse(good)).toEqual(good);
    expect(rosterMessageSchema.parse(snapshot(1, [], 2, 2))).toBeDefined();
  });

  it.each<[string, unknown]>([
    ["an unknown field", { ...good, extra: 1 }],
    ["an unknown field of a person", withPerson({ nickname: "x" })],
    ["another version of the contract", { ...good, v: 2 }],
    ["no progress", delta(1, 1, [])],
    ["a part beyond the parts", snapshot(1, [], 3, 2)],
    ["a person twice", delta(0, 1, [rosterPerson("p-1"), rosterPerson("p-1")])],
    ["a person changed and removed", delta(0, 1, [rosterPerson("p-1")], ["p-1"])],
    ["a number twice", delta(0, 1, [rosterPerson("p-1"), rosterPerson("p-2", { number: "n-p-1" })])],
    ["a card twice", delta(0, 1, [rosterPerson("p-1"), rosterPerson("p-2", { cards: ["card-p-1"] })])],
    ["half a fen", withPerson({ account: { balanceFen: 0.5, throughSeq: 0 } })],
    ["an unsafe balance", withPerson({ account: { balanceFen: 2 ** 53, throughSeq: 0 } })],
    ["an empty number", withPerson({ number: "" })],
    ["an endless name", withPerson({ displayName: "x".repeat(65) })],
    ["a PIN in clear", withPerson({ pinHash: "123456" })],
    [
      "a PIN hash of a gigabyte",
      withPerson({ pinHash: `scrypt$1048576$8$1$${"A".repeat(22)}$${"A".repeat(43)}` }),
    ],
    [
      "a scope twice",
      withPerson({
        consents: [1, 2].map((at) => ({
          scope: "face",
          grantedBy: "self",
          grantedAtMs: at,
          withdrawnAtMs: null,
        })),
      }),
    ],
    [
      "a consent withdrawn before it was granted",
      withPerson({ consents: [{ scope: "face", grantedBy: "self", grantedAtMs: 2, withdrawnAtMs: 1 }] }),
    ],
    [
      "too many people",
      delta(
        0,
        1,
        Array.from({ length: 2001 }, (_, index) => rosterPerson(`p-${index}`)),
      ),
    ],
    ["nothing", null],
  ])("refuses %s", (_, message) => {
    expect(rosterMessageSchema.safeParse(message).success).toBe(false);
  });
});
