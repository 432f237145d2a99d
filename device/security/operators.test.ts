import { describe, expect, it } from "vitest";
import { journalFixture } from "../journal/journal-fixture.ts";
import { seededEntropy } from "../platform/entropy.ts";
import { SECURITY_ENTRY_SCHEMAS } from "./entries.ts";
import { openOperators } from "./operators.ts";
import { PinAttempts } from "./pin-attempts.ts";
import { createPinHasher, type PinHasher } from "./pin-hash.ts";
import { securityMigrations } from "./security-tables.ts";

const limits = { attemptsMax: 3, lockMs: 60_000, sessionIdleMsMax: 600_000 };
const li = { operatorId: "li", displayName: "李师傅", role: "manager", pin: "246813" } as const;

function open(fixture = journalFixture({ migrations: [securityMigrations] }), hasher?: PinHasher) {
  const entropy = seededEntropy(5);
  const cheap = createPinHasher({ entropy, cost: { n: 16, r: 1, p: 1 } });
  const operators = openOperators({ ...fixture, entropy, hasher: hasher ?? cheap, limits });
  return { ...fixture, fixture, operators };
}

const right = { operatorId: "li", pin: li.pin };
const wrong = { operatorId: "li", pin: "000000" };

describe("operators", () => {
  it("are added with a hashed PIN, listed without it, and recorded by id", async () => {
    const { operators, journal, db } = open();
    expect(await operators.add(li)).toEqual({ operatorId: "li", displayName: "李师傅", role: "manager" });
    expect(operators.list()).toEqual([{ operatorId: "li", displayName: "李师傅", role: "manager" }]);
    expect(JSON.stringify(db.prepare("SELECT * FROM operator").all())).not.toContain(li.pin);
    const entry = journal.entryBySeq(1);
    expect(entry?.kind).toBe("operator.added");
    expect(SECURITY_ENTRY_SCHEMAS["operator.added"].parse(entry?.body)).toEqual({
      operatorId: "li",
      role: "manager",
    });
    expect(JSON.stringify(entry)).not.toContain("李");
  });

  it("cannot be added twice, not even at the same time", async () => {
    const { operators, journal } = open();
    const results = await Promise.allSettled([operators.add(li), operators.add(li)]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await expect(operators.add(li)).rejects.toMatchObject({ code: "operator-exists" });
    expect(journal.head().seq).toBe(1);
  });

  it.each(["", "12345", "111111", "123456", "987654", "abcdef", "24681a", "1234567890123", "２４６８１３"])(
    "cannot have the PIN %j",
    async (pin) => {
      const { operators } = open();
      await expect(operators.add({ ...li, pin })).rejects.toMatchObject({ code: "pin-too-weak" });
      expect(operators.list()).toEqual([]);
    },
  );

  it.each([
    { operatorId: "Li Ming" },
    { operatorId: "" },
    { displayName: " " },
    { displayName: "x".repeat(65) },
  ])("cannot be added as %j", async (change) => {
    await expect(open().operators.add({ ...li, ...change })).rejects.toMatchObject({
      code: "operator-invalid",
    });
  });
});

describe("signing in", () => {
  it("gives a session that lives while it is used, and ends after idleness or sign-out", async () => {
    const { operators, clock, journal } = open();
    await operators.add(li);
    const signedIn = await operators.signIn(right);
    if (signedIn.kind !== "signed-in") throw new Error(signedIn.kind);
    expect(signedIn.expiresInMs).toBe(600_000);
    expect(SECURITY_ENTRY_SCHEMAS["operator.signed-in"].parse(journal.entryBySeq(2)?.body)).toEqual({
      operatorId: "li",
    });
    for (let count = 0; count < 3; count++) {
      await clock.advance(599_999);
      expect(operators.session(signedIn.token)?.operatorId).toBe("li");
    }
    clock.stepWall(-1e9);
    expect(operators.session(signedIn.token)?.operatorId).toBe("li");
    await clock.advance(600_000);
    expect(operators.session(signedIn.token)).toBeUndefined();

    const again = await operators.signIn(right);
    if (again.kind !== "signed-in") throw new Error(again.kind);
    operators.signOut(again.token);
    expect(operators.session(again.token)).toBeUndefined();
    expect(operators.session("")).toBeUndefined();
  });

  it("keeps a bounded number of sessions; the one idle longest ends", async () => {
    const { operators } = open();
    await operators.add(li);
    const tokens: string[] = [];
    for (let count = 0; count < 33; count++) {
      const signedIn = await operators.signIn(right);
      if (signedIn.kind === "signed-in") tokens.push(signedIn.token);
      operators.session(tokens[0] ?? "");
    }
    expect(tokens.map((token) => operators.session(token) !== undefined)).toEqual(
      tokens.map((_, index) => index !== 1),
    );
  });

  it("locks after the wrong PINs in a row, for known and unknown operators alike", async () => {
    const { operators, clock } = open();
    await operators.add(li);
    for (const tried of [wrong, { operatorId: "nobody", pin: "000000" }]) {
      expect(await operators.signIn(tried)).toEqual({ kind: "wrong", attemptsLeft: 2 });
      expect(await operators.signIn(tried)).toEqual({ kind: "wrong", attemptsLeft: 1 });
      expect(await operators.signIn(tried)).toEqual({ kind: "locked", waitMs: 60_000 });
    }
    expect(await operators.signIn(right)).toEqual({ kind: "locked", waitMs: 60_000 });
    await clock.advance(59_999);
    expect(await operators.signIn(right)).toEqual({ kind: "locked", waitMs: 1 });
    await clock.advance(1);
    expect(await operators.signIn(wrong)).toEqual({ kind: "wrong", attemptsLeft: 2 });
    expect(await operators.signIn(right)).toMatchObject({ kind: "signed-in" });
    expect(await operators.signIn(wrong)).toEqual({ kind: "wrong", attemptsLeft: 2 });
  });

  it("stays locked over a restart, and a stepped wall clock cannot stretch it beyond one lock", async () => {
    const first = open();
    await first.operators.add(li);
    for (let count = 0; count < 3; count++) await first.operators.signIn(wrong);
    first.clock.stepWall(-86_400_000);
    const second = open(first.fixture.reopen());
    expect(await second.operators.signIn(right)).toEqual({ kind: "locked", waitMs: 60_000 });
    await second.clock.advance(20_000);
    second.clock.stepWall(86_400_000);
    expect(await second.operators.signIn(right)).toEqual({ kind: "locked", waitMs: 40_000 });
    await second.clock.advance(40_000);
    expect(await second.operators.signIn(right)).toMatchObject({ kind: "signed-in" });
  });

  it("counts an attempt that was cut off before its answer", async () => {
    const first = open(undefined, {
      hash: () => Promise.resolve("scrypt$16$1$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA"),
      verify: () => new Promise(() => {}),
    });
    await first.operators.add(li);
    void first.operators.signIn(wrong);
    void first.operators.signIn(wrong);
    const second = open(first.fixture.reopen());
    expect(await second.operators.signIn(wrong)).toEqual({ kind: "locked", waitMs: 60_000 });
  });

  it("does not count an attempt that was never compared", async () => {
    const { operators } = open();
    await operators.add(li);
    await operators.signIn(wrong);
    const many = await Promise.allSettled(
      Array.from({ length: 11 }, (_, index) => operators.signIn({ operatorId: `other-${index}`, pin: "1" })),
    );
    expect(many.filter(({ status }) => status === "rejected")).toHaveLength(2);
    expect(await operators.signIn({ operatorId: "other-10", pin: "1" })).toEqual({
      kind: "wrong",
      attemptsLeft: 2,
    });
    expect(await operators.signIn(wrong)).toEqual({ kind: "wrong", attemptsLeft: 1 });
  });
});

describe("PinAttempts", () => {
  it("forgets the subject longest untouched rather than growing without limit", async () => {
    const { db, clock } = journalFixture({ migrations: [securityMigrations] });
    const insert = db.prepare("INSERT INTO pin_attempt VALUES (?, 1, NULL, ?)");
    db.transaction(() => {
      for (let index = 0; index < 10_000; index++) insert.run(`person:${index}`, index);
    })();
    new PinAttempts(db, clock, limits).begin("person:new");
    const count = db.prepare("SELECT count(*) FROM pin_attempt").pluck().get();
    expect(count).toBe(10_000);
    expect(db.prepare("SELECT 1 FROM pin_attempt WHERE subject = 'person:0'").get()).toBeUndefined();
  });
});

describe("a PIN for one signature", () => {
  it("is right without a session and without an entry, and takes its attempt back", async () => {
    const { operators, journal, db } = open();
    await operators.add(li);
    await operators.checkPin(wrong);
    expect(await operators.checkPin(right)).toEqual({
      kind: "right",
      operator: { operatorId: "li", displayName: "李师傅", role: "manager" },
    });
    expect(journal.head().seq).toBe(1);
    expect(db.prepare("SELECT count(*) AS count FROM pin_attempt").get()).toEqual({ count: 0 });
  });

  it("counts on the lock of signing in, also over a restart and for people who are not there", async () => {
    const { operators, fixture } = open();
    await operators.add(li);
    expect(await operators.checkPin(wrong)).toEqual({ kind: "wrong", attemptsLeft: 2 });
    expect(await operators.signIn(wrong)).toEqual({ kind: "wrong", attemptsLeft: 1 });
    const { operators: restarted } = open(fixture.reopen());
    expect(await restarted.checkPin(wrong)).toMatchObject({ kind: "locked" });
    expect(await restarted.checkPin(right)).toMatchObject({ kind: "locked" });
    expect(await restarted.checkPin({ ...wrong, operatorId: "nobody" })).toEqual({
      kind: "wrong",
      attemptsLeft: 2,
    });
  });
});

describe("an operator's face", () => {
  it("is a person of the roster, put on record by ids, and may be taken back", async () => {
    const { operators, journal } = open();
    await operators.add(li);
    expect(operators.personIdOf("li")).toBeNull();
    operators.link({ operatorId: "li", personId: "p-9" });
    operators.link({ operatorId: "li", personId: "p-9" });
    expect(operators.personIdOf("li")).toBe("p-9");
    expect(operators.operatorOfPerson("p-9")?.operatorId).toBe("li");
    expect(journal.head().seq).toBe(2);
    expect(SECURITY_ENTRY_SCHEMAS["operator.linked"].parse(journal.entryBySeq(2)?.body)).toEqual({
      operatorId: "li",
      personId: "p-9",
    });
    operators.link({ operatorId: "li", personId: null });
    expect(operators.operatorOfPerson("p-9")).toBeUndefined();
  });

  it("is one operator's only: nobody is their own second person", async () => {
    const { operators, journal } = open();
    await operators.add(li);
    await operators.add({ ...li, operatorId: "wang" });
    operators.link({ operatorId: "li", personId: "p-9" });
    const { seq } = journal.head();
    expect(() => operators.link({ operatorId: "wang", personId: "p-9" })).toThrow(
      expect.objectContaining({ code: "person-linked" }),
    );
    expect(() => operators.link({ operatorId: "nobody", personId: "p-8" })).toThrow(
      expect.objectContaining({ code: "operator-unknown" }),
    );
    expect(journal.head().seq).toBe(seq);
  });
});
