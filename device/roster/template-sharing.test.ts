import { createSecretKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { RosterConsent } from "./roster-delta.ts";
import {
  delta,
  drafts,
  embedding,
  entriesOf,
  MODEL,
  type RosterFixture,
  type RosterFixtureOptions,
  rosterFixture,
  rosterPerson,
} from "./roster-fixture.ts";
import type { TemplateShare } from "./template-sharing.ts";

const GRANTED_AT_MS = 1000;
const consent = (scope: RosterConsent["scope"], withdrawnAtMs: number | null = null): RosterConsent => ({
  scope,
  grantedBy: "guardian",
  grantedAtMs: GRANTED_AT_MS,
  withdrawnAtMs,
});
const both = [consent("face"), consent("share-template")];

function terminal(seed: number, consents = both, options: RosterFixtureOptions = {}): RosterFixture {
  const fixture = rosterFixture({ seed, deviceKey: createSecretKey(Buffer.alloc(32, seed)), ...options });
  fixture.roster.apply(delta(0, 1, [rosterPerson("p-1", { consents }), rosterPerson("p-2")]));
  return fixture;
}

function enrol({ templates, ids }: RosterFixture, ...seeds: number[]) {
  const request = { entryId: ids.next(), personId: "p-1", operatorId: "li", templates: drafts(...seeds) };
  return templates.enrol(request);
}

function pending({ sharing }: RosterFixture): readonly TemplateShare[] {
  return sharing.pendingShares(100);
}

function onlyShare(fixture: RosterFixture): TemplateShare {
  const [share, ...others] = pending(fixture);
  if (share === undefined || others.length > 0) throw new Error("expected one share");
  return share;
}

describe("giving templates to the site's other terminals", () => {
  it("opens there as the same templates, under that terminal's own key, and again changes nothing", () => {
    const [a, b] = [terminal(1), terminal(2)];
    const stored = enrol(a, 1, 2);
    const share = onlyShare(a);
    expect(b.sharing.accept(share)).toEqual({ kind: "accepted" });
    expect(b.sharing.accept(share)).toEqual({ kind: "accepted" });
    expect(b.templates.loadAll(MODEL).templates).toEqual(stored);
    expect(b.restart().templates.loadAll(MODEL).templates).toEqual(stored);
    expect(entriesOf(a, "person.enrolled").map(({ id }) => id)).toEqual([share.shareId]);
    expect(JSON.stringify(share)).not.toContain(
      Buffer.from(embedding(1).buffer).toString("base64").slice(0, 12),
    );
  });

  it("waits over a restart until the cloud confirmed it, and then is not sent again", () => {
    const first = terminal(1);
    enrol(first, 1);
    const second = first.restart();
    const { shareId } = onlyShare(second);
    second.sharing.confirmShare(shareId);
    second.sharing.confirmShare("unknown");
    expect(pending(second)).toEqual([]);
    second.roster.apply(delta(1, 2, [rosterPerson("p-1", { consents: both })]));
    expect(pending(second.restart())).toEqual([]);
  });

  it("is told when something waits, also when the consent comes after the enrolment", () => {
    const fixture = terminal(1, [consent("face")]);
    enrol(fixture, 1);
    expect(pending(fixture)).toEqual([]);
    const counts: number[] = [];
    fixture.sharing.onPending(() => counts.push(pending(fixture).length));
    fixture.roster.apply(delta(1, 2, [rosterPerson("p-1", { consents: both })]));
    expect(counts.at(-1)).toBe(1);
  });

  it("replaces a share that waits when the person is enrolled again", () => {
    const fixture = terminal(1);
    enrol(fixture, 1);
    const old = onlyShare(fixture);
    enrol(fixture, 2);
    expect(onlyShare(fixture).shareId).not.toBe(old.shareId);
  });

  it("does not happen where it is off, and begins with what is there when it is switched on", () => {
    const fixture = terminal(1, both, { sharingOn: false });
    enrol(fixture, 1);
    expect(pending(fixture)).toEqual([]);
    expect(pending(fixture.restart({ sharingOn: true }))).toHaveLength(1);
  });

  it("passes no template on that came from another terminal", () => {
    const [a, b] = [terminal(1), terminal(2)];
    enrol(a, 1);
    b.sharing.accept(onlyShare(a));
    b.roster.apply(delta(1, 2, [rosterPerson("p-1", { consents: both })]));
    expect(pending(b)).toEqual([]);
  });

  it("is dropped with the consent, before it was sent", () => {
    const fixture = terminal(1);
    enrol(fixture, 1);
    fixture.templates.withdraw({
      entryId: fixture.ids.next(),
      personId: "p-1",
      operatorId: null,
      reason: "x",
    });
    expect(pending(fixture)).toEqual([]);
  });
});

describe("taking another terminal's templates", () => {
  const enrolledAt = (fixture: RosterFixture, seed: number): TemplateShare => {
    enrol(fixture, seed);
    return onlyShare(fixture);
  };

  it.each<[string, RosterConsent[]]>([
    ["no consent", []],
    ["consent to recognition alone", [consent("face")]],
    ["consent to sharing alone", [consent("share-template")]],
    ["consent to sharing withdrawn", [consent("face"), consent("share-template", 2000)]],
    ["consent to recognition withdrawn", [consent("face", 2000), consent("share-template")]],
  ])("is refused with %s", (_, consents) => {
    const share = enrolledAt(terminal(1), 1);
    const other = terminal(2, consents);
    expect(other.sharing.accept(share)).toEqual({ kind: "refused", code: "consent-missing" });
    expect(other.templates.loadAll(MODEL).templates).toEqual([]);
  });

  it.each<[string, (share: TemplateShare) => TemplateShare, string]>([
    ["for an unknown person", (share) => ({ ...share, personId: "p-9" }), "person-unknown"],
    ["for a person without consent", (share) => ({ ...share, personId: "p-2" }), "consent-missing"],
    ["under another model", (share) => ({ ...share, modelId: "other" }), "share-does-not-open"],
    ["under another id", (share) => ({ ...share, shareId: "other" }), "share-does-not-open"],
    ["that is cut", (share) => ({ ...share, sealed: share.sealed.slice(0, 40) }), "share-does-not-open"],
    ["that is empty", (share) => ({ ...share, sealed: "" }), "share-does-not-open"],
  ])("is refused %s", (_, change, code) => {
    const share = enrolledAt(terminal(1), 1);
    const other = terminal(2);
    expect(other.sharing.accept(change(share))).toEqual({ kind: "refused", code });
    expect(other.templates.loadAll(MODEL).templates).toEqual([]);
  });

  it("is refused in another site, and with another site key", () => {
    const share = enrolledAt(terminal(1), 1);
    const refused = { kind: "refused", code: "share-does-not-open" };
    expect(terminal(2, both, { site: "south" }).sharing.accept(share)).toEqual(refused);
    const siteKey = createSecretKey(Buffer.alloc(32, 99));
    expect(terminal(3, both, { siteKey }).sharing.accept(share)).toEqual(refused);
  });

  it("keeps the later enrolment, whichever comes first and wherever it was made", async () => {
    const [a, b, c] = [terminal(1), terminal(2), terminal(3)];
    const early = enrolledAt(a, 1);
    await b.clock.advance(60_000);
    const late = enrolledAt(b, 2);
    expect(c.sharing.accept(late)).toEqual({ kind: "accepted" });
    expect(c.sharing.accept(early)).toEqual({ kind: "refused", code: "older-enrolment" });
    expect(b.sharing.accept(early)).toEqual({ kind: "refused", code: "older-enrolment" });
    expect(a.sharing.accept(late)).toEqual({ kind: "accepted" });
    expect(pending(a)).toEqual([]);
    for (const { templates } of [a, b, c]) {
      expect(templates.loadAll(MODEL).templates.map(({ embedding: numbers }) => numbers)).toEqual([
        embedding(2),
      ]);
    }
  });

  it("ends with the consent to sharing: what came from elsewhere goes, what was enrolled here stays", () => {
    const [a, b] = [terminal(1), terminal(2)];
    enrol(a, 1);
    b.sharing.accept(onlyShare(a));
    const withdrawn = [consent("face"), consent("share-template", 2000)];
    const seen: number[] = [];
    for (const { roster, templates } of [a, b]) {
      templates.onChanged((change) => seen.push(change.templates.length));
      roster.apply(delta(1, 2, [rosterPerson("p-1", { consents: withdrawn })]));
    }
    expect(a.templates.loadAll(MODEL).templates).toHaveLength(1);
    expect(pending(a)).toEqual([]);
    expect(b.templates.loadAll(MODEL).templates).toEqual([]);
    expect(seen).toEqual([0]);
    expect(entriesOf(b, "person.withdrawn").map(({ body }) => body["scopes"])).toEqual([["share-template"]]);
  });
});
