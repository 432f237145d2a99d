import { createSecretKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { verifyJournal } from "../journal/verify.ts";
import { ROSTER_ENTRY_SCHEMAS } from "./entries.ts";
import {
  delta,
  drafts,
  embedding,
  entriesOf,
  MODEL,
  type RosterFixture,
  rosterFixture,
  rosterPerson,
} from "./roster-fixture.ts";
import type { ConsentScope } from "./roster-port.ts";

const operatorId = "li";
const granted = (scopes: readonly ConsentScope[] = ["face"]) => ({ scopes, grantedBy: "guardian" as const });

/** p-1 … p-3 in the roster, none enrolled. */
function peopled(): RosterFixture {
  const fixture = rosterFixture();
  fixture.roster.apply(delta(0, 1, [rosterPerson("p-1"), rosterPerson("p-2"), rosterPerson("p-3")]));
  return fixture;
}

function enrol({ templates, ids }: RosterFixture, personId: string, ...seeds: number[]) {
  const entryId = ids.next();
  return templates.enrol({ entryId, personId, operatorId, templates: drafts(...seeds), consent: granted() });
}

function withdraw({ templates, ids }: RosterFixture, personId: string): void {
  templates.withdraw({ entryId: ids.next(), personId, operatorId, reason: "家长要求" });
}

/** Everything SQLite has on the disk for this database. */
function bytesOnDisk({ file }: RosterFixture): Buffer {
  return Buffer.concat([file, `${file}-wal`].filter(existsSync).map((path) => readFileSync(path)));
}

describe("enrolling", () => {
  it("keeps sealed templates that come back after a restart, exactly", () => {
    const fixture = peopled();
    const stored = enrol(fixture, "p-1", 1, 2);
    expect(stored.map(({ embedding: numbers }) => numbers)).toEqual([embedding(1), embedding(2)]);
    const { templates, roster } = fixture.restart();
    expect(templates.loadAll(MODEL)).toEqual({ templates: stored, damaged: [] });
    expect(roster.counts()).toEqual({ people: 3, withTemplate: 1 });
    expect(roster.hasConsent("p-1", "face")).toBe(true);
  });

  it("leaves no readable embedding and no key on the disk", () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1);
    const plain = Buffer.from(embedding(1).buffer);
    const bytes = bytesOnDisk(fixture);
    expect(bytes.includes(plain)).toBe(false);
    for (let offset = 0; offset < plain.length; offset += 8) {
      expect(bytes.includes(plain.subarray(offset, offset + 8))).toBe(false);
    }
  });

  it("records consent and enrolment by ids, in that order, without a name or a template", () => {
    const fixture = peopled();
    const [template] = enrol(fixture, "p-1", 1);
    const [consent, enrolled] = entriesOf(fixture);
    expect(ROSTER_ENTRY_SCHEMAS["consent.recorded"].parse(consent?.body)).toEqual({
      personId: "p-1",
      scopes: ["face"],
      grantedBy: "guardian",
      operatorId,
      grantedAtMs: fixture.clock.now(),
    });
    expect(ROSTER_ENTRY_SCHEMAS["person.enrolled"].parse(enrolled?.body)).toEqual({
      personId: "p-1",
      modelId: MODEL,
      templateIds: [template?.templateId],
      operatorId,
      visitChargeId: null,
    });
    expect(JSON.stringify(entriesOf(fixture))).not.toMatch(/Name|embedding|0\.\d{4}/);
  });

  it("needs consent, and a person", () => {
    const fixture = peopled();
    const { templates, ids } = fixture;
    const request = { entryId: ids.next(), personId: "p-1", operatorId, templates: drafts(1) };
    expect(() => templates.enrol(request)).toThrow(expect.objectContaining({ code: "consent-missing" }));
    expect(() => templates.enrol({ ...request, consent: granted(["share-template"]) })).toThrow(
      expect.objectContaining({ code: "consent-missing" }),
    );
    const stranger = { ...request, personId: "p-9", consent: granted() };
    expect(() => templates.enrol(stranger)).toThrow(expect.objectContaining({ code: "person-unknown" }));
    expect(entriesOf(fixture)).toEqual([]);
    expect(fixture.roster.consents("p-1")).toEqual([]);
    templates.recordConsent({ personId: "p-1", ...granted(), operatorId });
    expect(templates.enrol(request)).toHaveLength(1);
  });

  it("replaces what the person had, and the same entry again changes nothing", () => {
    const fixture = peopled();
    const { templates, ids } = fixture;
    const request = { entryId: ids.next(), personId: "p-1", operatorId, consent: granted() };
    templates.enrol({ ...request, templates: drafts(1, 2, 3) });
    const second = enrol(fixture, "p-1", 4);
    expect(templates.loadAll(MODEL).templates).toEqual(second);
    expect(templates.enrol({ ...request, templates: drafts(1, 2, 3) })).toEqual(second);
    expect(templates.loadAll(MODEL).templates).toEqual(second);
    expect(entriesOf(fixture, "person.enrolled")).toHaveLength(2);
  });

  it.each([
    ["of another length", Float32Array.from([1])],
    ["that are no numbers", embedding(1).map((value, index) => (index === 3 ? Number.NaN : value))],
  ])("treats embeddings %s as a bug", (_, numbers) => {
    const { templates, ids } = peopled();
    const bad = [{ modelId: MODEL, embedding: numbers, quality: 1 }];
    const request = { entryId: ids.next(), personId: "p-1", operatorId, templates: bad, consent: granted() };
    expect(() => templates.enrol(request)).toThrow("an embedding to enrol is");
  });

  it("tells whoever keeps the gallery, after the commit", () => {
    const fixture = peopled();
    const seen: [string, number][] = [];
    const stop = fixture.templates.onChanged(({ personId, templates }) => {
      expect(fixture.db.inTransaction).toBe(false);
      seen.push([personId, templates.length]);
    });
    enrol(fixture, "p-1", 1, 2);
    withdraw(fixture, "p-1");
    stop();
    enrol(fixture, "p-2", 3);
    expect(seen).toEqual([
      ["p-1", 2],
      ["p-1", 0],
    ]);
  });
});

describe("withdrawing consent", () => {
  it("destroys the key and the templates, and only that person's", () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1, 2);
    const kept = enrol(fixture, "p-2", 3);
    withdraw(fixture, "p-1");
    const { templates, roster } = fixture.restart();
    expect(templates.loadAll(MODEL)).toEqual({ templates: kept, damaged: [] });
    expect(roster.hasConsent("p-1", "face")).toBe(false);
    expect(roster.hasConsent("p-2", "face")).toBe(true);
    const [entry] = entriesOf(fixture.restart(), "person.withdrawn");
    expect(ROSTER_ENTRY_SCHEMAS["person.withdrawn"].parse(entry?.body)).toMatchObject({
      personId: "p-1",
      scopes: ["face"],
      templateCount: 2,
      operatorId,
      reason: "家长要求",
    });
  });

  it("leaves neither the wrapped key nor the ciphertext in the file or its log", () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1);
    const secret = (sql: string) => fixture.db.prepare<[], Buffer>(sql).pluck().get() ?? Buffer.alloc(0);
    const wrapped = Buffer.from(secret("SELECT wrapped FROM person_key"));
    const sealed = Buffer.from(secret("SELECT sealed FROM template"));
    expect([wrapped, sealed].map((bytes) => bytesOnDisk(fixture).includes(bytes))).toEqual([true, true]);
    withdraw(fixture, "p-1");
    expect([wrapped, sealed].map((bytes) => bytesOnDisk(fixture).includes(bytes))).toEqual([false, false]);
  });

  it("empties the log later when someone is reading an older state", async () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1);
    const wrapped = Buffer.from(
      fixture.db.prepare<[], Buffer>("SELECT wrapped FROM person_key").pluck().get() ?? [],
    );
    const reader = new Sqlite(fixture.file, { readonly: true });
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM journal").get();
    withdraw(fixture, "p-1");
    expect(bytesOnDisk(fixture).includes(wrapped)).toBe(true);
    await fixture.clock.advance(1000);
    expect(bytesOnDisk(fixture).includes(wrapped)).toBe(true);
    reader.close();
    await fixture.clock.advance(1000);
    expect(bytesOnDisk(fixture).includes(wrapped)).toBe(false);
  });

  it("is done once for an entry, and allowed for someone with nothing to withdraw", () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1);
    const entryId = fixture.ids.next();
    const request = { entryId, personId: "p-1", operatorId: null, reason: "x".repeat(500) };
    fixture.templates.withdraw(request);
    enrol(fixture, "p-1", 2);
    fixture.templates.withdraw(request);
    expect(fixture.templates.loadAll(MODEL).templates).toHaveLength(1);
    withdraw(fixture, "p-3");
    expect(entriesOf(fixture, "person.withdrawn").map(({ body }) => body["templateCount"])).toEqual([1, 0]);
  });

  it("holds against the cloud's repeated grant, even when the clock was set back, until a new grant", () => {
    const fixture = peopled();
    const grant = {
      scope: "face",
      grantedBy: "guardian",
      grantedAtMs: fixture.clock.now(),
      withdrawnAtMs: null,
    } as const;
    fixture.roster.apply(delta(1, 2, [rosterPerson("p-1", { consents: [grant] })]));
    enrol(fixture, "p-1", 1);
    fixture.clock.stepWall(-86_400_000);
    withdraw(fixture, "p-1");
    fixture.roster.apply(delta(2, 3, [rosterPerson("p-1", { consents: [grant] })]));
    expect(fixture.roster.hasConsent("p-1", "face")).toBe(false);
    enrol(fixture, "p-1", 2);
    expect(fixture.roster.hasConsent("p-1", "face")).toBe(true);
    expect(fixture.templates.loadAll(MODEL).templates).toHaveLength(1);
  });
});

describe("the cloud", () => {
  const consents = (
    fixture: RosterFixture,
    change: { grantedAtMs?: number; withdrawnAtMs?: number | null } = {},
  ) => [
    {
      scope: "face" as const,
      grantedBy: "guardian" as const,
      grantedAtMs: fixture.clock.now(),
      withdrawnAtMs: null,
      ...change,
    },
  ];

  it("destroys templates by withdrawing consent, like a withdrawal here", () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1, 2);
    const wrapped = Buffer.from(
      fixture.db.prepare<[], Buffer>("SELECT wrapped FROM person_key").pluck().get() ?? [],
    );
    const seen: string[] = [];
    fixture.templates.onChanged(({ personId, templates }) => seen.push(`${personId} ${templates.length}`));
    const withdrawnAtMs = fixture.clock.now() + 5;
    const message = delta(1, 2, [rosterPerson("p-1", { consents: consents(fixture, { withdrawnAtMs }) })]);
    fixture.roster.apply(message);
    expect(fixture.templates.loadAll(MODEL).templates).toEqual([]);
    expect(bytesOnDisk(fixture).includes(wrapped)).toBe(false);
    expect(seen).toEqual(["p-1 0"]);
    expect(entriesOf(fixture, "person.withdrawn").map(({ body }) => body)).toEqual([
      {
        personId: "p-1",
        scopes: ["face"],
        templateCount: 2,
        operatorId: null,
        reason: "withdrawn-at-cloud",
        withdrawnAtMs,
      },
    ]);
    fixture.roster.apply({ ...message, to: 3 });
    expect(entriesOf(fixture, "person.withdrawn")).toHaveLength(1);
  });

  it("takes no consent away by not knowing of it yet", () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1);
    fixture.roster.apply(delta(1, 2, [rosterPerson("p-1", { consents: [] })]));
    expect(fixture.roster.hasConsent("p-1", "face")).toBe(true);
    expect(fixture.templates.loadAll(MODEL).templates).toHaveLength(1);
  });

  it("destroys the templates of someone it removes, and records it", () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1);
    fixture.roster.apply(delta(1, 2, [], ["p-1", "p-2"]));
    expect(fixture.templates.loadAll(MODEL).templates).toEqual([]);
    expect(entriesOf(fixture, "person.withdrawn").map(({ body }) => body["reason"])).toEqual([
      "removed-by-cloud",
    ]);
    expect(verifyJournal(fixture.file, [])).toMatchObject({ ok: true });
  });

  it("changes nothing of it all when the disk refuses the roster", () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1);
    const pages = Number(fixture.db.pragma("page_count", { simple: true }));
    fixture.db.pragma(`max_page_count = ${pages}`);
    const many = Array.from({ length: 500 }, (_, index) => rosterPerson(`q-${index}`));
    expect(() => fixture.roster.apply(delta(1, 2, many, ["p-1"]))).toThrow(
      expect.objectContaining({ code: "disk-full" }),
    );
    expect(fixture.roster.version()).toBe(1);
    expect(fixture.templates.loadAll(MODEL).templates).toHaveLength(1);
    expect(entriesOf(fixture, "person.withdrawn")).toEqual([]);
  });
});

describe("loading", () => {
  it("names what is damaged and gives the rest", () => {
    const fixture = peopled();
    const [flipped, swapped] = enrol(fixture, "p-1", 1, 2);
    const orphans = enrol(fixture, "p-2", 3, 4);
    const kept = enrol(fixture, "p-3", 5);
    const { db, templates } = fixture;
    const sealed = db.prepare<[string], Buffer>("SELECT sealed FROM template WHERE template_id = ?").pluck();
    const bytes = Buffer.from(sealed.get(flipped?.templateId ?? "") ?? []);
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    const set = db.prepare("UPDATE template SET sealed = ? WHERE template_id = ?");
    set.run(bytes, flipped?.templateId);
    set.run(sealed.get(kept[0]?.templateId ?? ""), swapped?.templateId);
    db.exec(
      "UPDATE person_key SET wrapped = (SELECT wrapped FROM person_key WHERE person_id = 'p-1') WHERE person_id = 'p-2'",
    );
    const loaded = templates.loadAll(MODEL);
    expect(loaded.templates).toEqual(kept);
    expect(loaded.damaged).toEqual([
      { templateId: flipped?.templateId, code: "template-damaged" },
      { templateId: swapped?.templateId, code: "template-damaged" },
      ...orphans.map(({ templateId }) => ({ templateId, code: "key-damaged" })),
    ]);
    expect(templates.loadAll("another-model")).toEqual({ templates: [], damaged: [] });
  });

  it("gives in parts exactly what it gives at once, people whole and the damaged named", () => {
    const fixture = rosterFixture();
    const ids = Array.from({ length: 70 }, (_, i) => `p-${String(i).padStart(2, "0")}`);
    fixture.roster.apply(
      delta(
        0,
        1,
        ids.map((personId) => rosterPerson(personId)),
      ),
    );
    const enrolled = ids.map((personId, i) => enrol(fixture, personId, i, i + 100));
    const broken = enrolled[40]?.[1]?.templateId;
    fixture.db.prepare("UPDATE template SET sealed = zeroblob(100) WHERE template_id = ?").run(broken);
    const { peopleCount, parts } = fixture.templates.loadInParts(MODEL);
    const loaded = [...parts];
    expect(peopleCount).toBe(70);
    expect(loaded.length).toBeGreaterThan(2);
    const { templates, damaged } = fixture.templates.loadAll(MODEL);
    expect(templates).toHaveLength(139);
    expect(loaded.flatMap((part) => part.templates)).toEqual(templates);
    expect(loaded.flatMap((part) => part.damaged)).toEqual(damaged);
    expect(damaged).toEqual([{ templateId: broken, code: "template-damaged" }]);
    expect(
      [...fixture.templates.loadInParts("another-model").parts].flatMap((part) => part.templates),
    ).toEqual([]);
  });

  it("lets others write between two parts", () => {
    const fixture = peopled();
    enrol(fixture, "p-1", 1);
    const parts = fixture.templates.loadInParts(MODEL).parts[Symbol.iterator]();
    parts.next();
    expect(enrol(fixture, "p-2", 2)).toHaveLength(1);
  });

  it("names templates whose length is not the model's", () => {
    const fixture = peopled();
    const request = { entryId: fixture.ids.next(), personId: "p-1", operatorId, consent: granted() };
    const odd = [{ modelId: "odd-model", embedding: Float32Array.of(1, 0, 0), quality: 1 }];
    const [stored] = fixture.templates.enrol({ ...request, templates: odd });
    expect(fixture.templates.vault.fits(MODEL, Float32Array.of(1, 0, 0))).toBe("wrong-length");
    expect(fixture.templates.loadAll("odd-model").templates).toEqual([stored]);
  });

  it("opens nothing with another device's key, and a new enrolment then makes a fresh one", () => {
    const fixture = peopled();
    const [old] = enrol(fixture, "p-1", 1);
    const moved = fixture.restart({ deviceKey: createSecretKey(Buffer.alloc(32, 9)), seed: 12 });
    expect(moved.templates.loadAll(MODEL)).toEqual({
      templates: [],
      damaged: [{ templateId: old?.templateId, code: "key-damaged" }],
    });
    const fresh = enrol(moved, "p-1", 2);
    expect(moved.templates.loadAll(MODEL)).toEqual({ templates: fresh, damaged: [] });
  });
});
