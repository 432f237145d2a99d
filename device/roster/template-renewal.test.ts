// Over 400 lines because what is left of a visit and what is retired by it share one store, one gallery and one clock.
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { CanteenError } from "../platform/errors.ts";
import { silentLogger } from "../platform/logger.ts";
import type { LookAlike } from "./identity-bounds-port.ts";
import type { RosterConsent } from "./roster-delta.ts";
import {
  delta,
  EMBEDDING_LENGTH,
  embedding,
  entriesOf,
  MODEL,
  type RosterFixture,
  rosterFixture,
  rosterPerson,
} from "./roster-fixture.ts";
import { type FaceShape, sideFace as face, nobody, OLD } from "./side-face-fixture.ts";
import { TemplateRenewal, type TemplateRenewalLimits } from "./template-renewal.ts";
import { openTemplateRenewalStore } from "./template-renewal-store.ts";

const DAY_MS = 86_400_000;
const CHARGE_ID = "0197f2a0-0000-7000-8000-000000000001";

const limits: TemplateRenewalLimits = {
  qualityMin: 0.4,
  livenessMin: 0,
  similarityLeadMin: 0.08,
  marginLeadMin: 0.05,
  runnerUpSimilarityFloor: 0.4,
  frameAgeMsMax: 10_000,
  disputeMsMax: 600_000,
  waitingCountMax: 4,
};

const consent = (scope: RosterConsent["scope"]): RosterConsent => ({
  scope,
  grantedBy: "guardian",
  grantedAtMs: 1000,
  withdrawnAtMs: null,
});

function world(change: Partial<TemplateRenewalLimits> = {}) {
  const fixture: RosterFixture = rosterFixture();
  const { roster, templates, clock, ids } = fixture;
  const people = ["p-1", "p-2", "p-3", "p-4", "p-5", "p-6"];
  const consents = [consent("face"), consent("share-template")];
  roster.apply(
    delta(
      0,
      1,
      people.map((personId) => rosterPerson(personId, { consents })),
    ),
  );
  for (const [i, personId] of people.entries()) enrolOld(personId, i);
  function enrolOld(personId: string, seed: number) {
    const old = { modelId: OLD, embedding: embedding(seed + 100), quality: 0.8 };
    templates.enrol({ entryId: ids.next(), personId, operatorId: "li", templates: [old] });
  }
  const takenBack = new Set<string>();
  const lookAlikes: LookAlike[] = [];
  const given: Float32Array[] = [];
  const pairs = { known: true, alike: [] as string[][] };
  let observations = 0;
  let fail: Error | null = null;
  const renewals = openTemplateRenewalStore({
    ...fixture,
    store: templates,
    primaryModel: MODEL,
    sideModels: [OLD, "older-model"],
    templateCountWanted: 3,
    lookAlikesOf: (personId) =>
      pairs.known ? pairs.alike.filter((pair) => pair.includes(personId)).flat() : null,
    dateOf: (atMs) => new Date(atMs).toISOString().slice(0, 10),
  });
  const renewal = new TemplateRenewal({
    engine: {
      model: MODEL,
      takeEmbedding: async (observationId) => {
        if (fail !== null) throw fail;
        if (observationId === "gone") return null;
        const taken = embedding(given.length + 1);
        given.push(taken);
        return { model: MODEL, embedding: taken };
      },
    },
    renewals,
    templates,
    roster,
    bounds: {
      barOf: (_, model) => ({
        model,
        similarityMin: 0.58,
        marginMin: 0.1,
        source: "configured",
        targetMet: true,
        lookAlikes,
      }),
    },
    isTakenBack: (chargeId) => takenBack.has(chargeId),
    clock,
    ids,
    logger: silentLogger,
    limits: { ...limits, ...change },
  });
  onTestFinished(() => renewal.close());
  const see = (personId: string, shape: FaceShape = {}) => {
    observations += 1;
    renewal.sawFrame({
      observationId: shape.observationId ?? `o-${observations}`,
      faces: [face(personId, shape)],
    });
  };
  const pay = async (personId: string, chargeId = CHARGE_ID) => {
    renewal.paidByFace({ chargeId, personId });
    await renewal.settled();
  };
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await renewal.settled();
  };
  /** A whole visit, until nobody can dispute it any more. */
  const visit = async (personId: string, shape: FaceShape = {}) => {
    see(personId, shape);
    await pay(personId);
    await pass(limits.disputeMsMax);
  };
  const models = (personId: string) =>
    templates.vault
      .ofPerson(personId)
      .templates.map(({ modelId }) => modelId)
      .sort();
  const setFault = (error: Error) => (fail = error);
  return {
    ...fixture,
    enrolOld,
    renewal,
    renewals,
    see,
    pay,
    pass,
    visit,
    models,
    takenBack,
    pairs,
    lookAlikes,
    given,
    setFault,
  };
}

describe("a paid visit of somebody who was enrolled with an older pack", () => {
  it("keeps as another terminal's what came from there: it goes when sharing is withdrawn, and what was seen here stays", async () => {
    const { journal, templates, roster, visit, models } = world();
    const shared = { templateId: "t-shared", embedding: embedding(50), quality: 0.8 };
    journal.transact(() =>
      templates.vault.put({
        ...{ enrolmentId: "e-shared", enrolledAtMs: 0, origin: "shared" },
        ...{ personId: "p-1", modelId: MODEL, templates: [shared] },
      }),
    );
    await visit("p-1");
    expect(models("p-1")).toEqual([MODEL, MODEL, OLD].sort());
    const withdrawn = { ...consent("share-template"), withdrawnAtMs: 2000 };
    roster.apply(delta(1, 2, [rosterPerson("p-1", { consents: [consent("face"), withdrawn] })]));
    expect(models("p-1")).toEqual([MODEL, OLD].sort());
    expect(templates.vault.ofPerson("p-1").templates.map(({ templateId }) => templateId)).not.toContain(
      "t-shared",
    );
  });

  it("leaves a template of the new pack, on record with its charge, and nothing before the disputes are over", async () => {
    const { see, pay, pass, models, sharing, ...rest } = world();
    see("p-1");
    await pay("p-1");
    expect(models("p-1")).toEqual([OLD]);
    await pass(limits.disputeMsMax - 1);
    expect(models("p-1")).toEqual([OLD]);
    await pass(1);
    expect(models("p-1")).toEqual([OLD, MODEL]);
    expect(entriesOf(rest, "person.enrolled").at(-1)?.body).toEqual({
      personId: "p-1",
      modelId: MODEL,
      templateIds: [expect.any(String)],
      operatorId: null,
      visitChargeId: CHARGE_ID,
    });
    expect(sharing.pendingShares(100).filter(({ modelId }) => modelId === MODEL)).toHaveLength(1);
  });

  it("keeps the embedding of the best frame sealed, readable after a restart, and nowhere in the journal", async () => {
    const fixture = world();
    const { see, pay, pass, given, templates, restart } = fixture;
    see("p-1", { quality: 0.5 });
    see("p-1", { quality: 0.9 });
    see("p-1", { quality: 0.6 });
    await pay("p-1");
    const numbers = Float32Array.from(given[0] ?? []);
    await pass(limits.disputeMsMax);
    expect(given).toHaveLength(1);
    expect(given[0]).toEqual(new Float32Array(EMBEDDING_LENGTH));
    expect(templates.loadAll(MODEL).templates[0]?.embedding).toEqual(numbers);
    expect(JSON.stringify(entriesOf(fixture))).not.toContain(String(numbers[0]));
    expect(restart().templates.loadAll(MODEL).templates[0]?.embedding).toEqual(numbers);
  });

  it("leaves one a day; with the third the old pack's are retired, on record, and their share too", async () => {
    const fixture = world();
    const { visit, models, pass, sharing } = fixture;
    for (const wanted of [1, 2]) {
      await visit("p-1");
      await visit("p-1");
      expect(models("p-1")).toEqual([OLD, ...Array<string>(wanted).fill(MODEL)].sort());
      await pass(DAY_MS);
    }
    await visit("p-1");
    expect(models("p-1")).toEqual([MODEL, MODEL, MODEL]);
    expect(entriesOf(fixture, "person.templates-retired").map(({ body }) => body)).toEqual([
      { personId: "p-1", modelId: OLD, templateCount: 1, replacedBy: MODEL },
    ]);
    const ofPerson = sharing.pendingShares(100).filter(({ personId }) => personId === "p-1");
    expect(ofPerson.map(({ modelId }) => modelId)).toEqual([MODEL]);
    await pass(DAY_MS);
    await visit("p-1");
    expect(models("p-1")).toHaveLength(3);
  });

  it.each<[string, FaceShape]>([
    ["a similarity that is only just enough", { similarity: 0.65 }],
    ["a lead that is only just enough", { similarity: 0.8, second: 0.66 }],
    ["nobody else to compare with and little lead over a stranger", { similarity: 0.54, second: null }],
    ["a poor picture", { quality: 0.39 }],
    ["a quality that is no number", { quality: Number.NaN }],
    ["a similarity that is no number", { similarity: Number.NaN }],
    [
      "a new pack that names somebody else",
      { primary: { ...nobody, best: { personId: "p-2", similarity: 0.8 } } },
    ],
    ["a new pack that is in doubt", { primary: { ...nobody, best: { personId: "p-1", similarity: 0.6 } } }],
    ["an observation that is gone", { observationId: "gone" }],
  ])("leaves nothing after %s", async (_, shape) => {
    const { visit, models } = world();
    await visit("p-1", shape);
    expect(models("p-1")).toEqual([OLD]);
  });

  it("leaves nothing where liveness is asked for and was too low or not measured", async () => {
    const { visit, models } = world({ livenessMin: 0.5 });
    await visit("p-1", { liveness: 0.4 });
    await visit("p-1", { liveness: null });
    expect(models("p-1")).toEqual([OLD]);
    await visit("p-1", { liveness: 0.9 });
    expect(models("p-1")).toEqual([OLD, MODEL]);
  });

  it("leaves nothing when somebody looks like them, or a second face was in the picture", async () => {
    const { visit, models, lookAlikes, renewal, pay, pass } = world();
    lookAlikes.push({ personId: "p-2", similarity: 0.7, source: "gallery" });
    await visit("p-1");
    lookAlikes.length = 0;
    renewal.sawFrame({ observationId: "o", faces: [face("p-1", {}), face("p-2", { similarity: 0.2 })] });
    await pay("p-1");
    await pass(limits.disputeMsMax);
    expect(models("p-1")).toEqual([OLD]);
  });

  it("leaves nothing when it was disputed or voided meanwhile, and the embedding is wiped", async () => {
    const { see, pay, pass, models, takenBack, given } = world();
    see("p-1");
    await pay("p-1");
    takenBack.add(CHARGE_ID);
    await pass(limits.disputeMsMax);
    expect(models("p-1")).toEqual([OLD]);
    expect(given[0]).toEqual(new Float32Array(EMBEDDING_LENGTH));
  });

  it("leaves nothing from a frame of a while ago, or of who paid before", async () => {
    const { see, pay, pass, models } = world();
    see("p-1");
    await pass(limits.frameAgeMsMax + 1);
    await pay("p-1");
    see("p-1");
    await pay("p-2");
    await pay("p-1");
    await pass(limits.disputeMsMax);
    expect(models("p-1")).toEqual([OLD]);
  });

  it("leaves nothing of people who have no older pack's templates", async () => {
    const { visit, models, renewals, templates, ids } = world();
    const fresh = { modelId: MODEL, embedding: embedding(9), quality: 0.9 };
    templates.enrol({
      entryId: ids.next(),
      personId: "p-1",
      operatorId: "li",
      templates: [fresh, fresh, fresh],
    });
    await visit("p-1");
    expect(models("p-1")).toEqual([MODEL, MODEL, MODEL]);
    expect(renewals.wants("p-1")).toBe(false);
    expect(renewals.wants("nobody")).toBe(false);
  });

  it("lets visits go beyond the number that may wait, and all at the end", async () => {
    const { see, pay, pass, models, renewal, given } = world();
    for (const personId of ["p-1", "p-2", "p-3", "p-4", "p-5"]) {
      see(personId);
      await pay(personId);
    }
    expect(given).toHaveLength(limits.waitingCountMax);
    renewal.close();
    expect(given.every((numbers) => numbers.every((value) => value === 0))).toBe(true);
    await pass(limits.disputeMsMax);
    expect(models("p-1")).toEqual([OLD]);
  });

  it("goes on after the engine failed", async () => {
    const { visit, models, setFault } = world();
    const hint = { zh: "停", en: "stopped" };
    setFault(new CanteenError("gone", { code: "engine-crashed", retry: "after-operator", hint }));
    await visit("p-1");
    expect(models("p-1")).toEqual([OLD]);
  });
});

describe("consent", () => {
  it("withdrawn at any moment leaves nothing of the visit, in any order of events", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("see", "pay", "wait", "withdraw", "grant", "enrol"), { maxLength: 16 }),
        async (events) => {
          const { see, pay, pass, models, templates, roster, given, renewal, enrolOld, ...rest } = world();
          let wasSeenSince = false;
          for (const event of events) {
            if (event === "see") see("p-1");
            if (event === "see") wasSeenSince = true;
            if (event === "pay") await pay("p-1");
            if (event === "wait") await pass(limits.disputeMsMax / 2);
            if (event === "withdraw") {
              const entryId = rest.ids.next();
              templates.withdraw({ entryId, personId: "p-1", operatorId: null, reason: "asked" });
              wasSeenSince = false;
            }
            const grant = { personId: "p-1", grantedBy: "guardian", operatorId: "li" } as const;
            if (event === "grant") templates.recordConsent({ ...grant, scopes: ["face"] });
            if (event === "enrol" && roster.hasConsent("p-1", "face")) enrolOld("p-1", 1);
            const hasNew = models("p-1").includes(MODEL);
            if (hasNew) expect(roster.hasConsent("p-1", "face") && wasSeenSince).toBe(true);
          }
          renewal.close();
          expect(given.every((numbers) => numbers.every((value) => value === 0))).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("to faces without consent to sharing keeps the new template at this terminal", async () => {
    const { visit, roster, sharing, models } = world();
    const withdrawn = { ...consent("share-template"), withdrawnAtMs: 2000 };
    roster.apply(delta(1, 2, [rosterPerson("p-1", { consents: [consent("face"), withdrawn] })]));
    await visit("p-1");
    expect(models("p-1")).toEqual([OLD, MODEL]);
    expect(sharing.pendingShares(100).some(({ personId }) => personId === "p-1")).toBe(false);
  });
});

describe("retiring the older packs' templates", () => {
  const shots = (seed: number) =>
    [0, 1, 2].map((i) => ({ modelId: MODEL, embedding: embedding(seed + i), quality: 0.9 }));

  it("follows an enrolment with enough shots, and tells the gallery last what is left", async () => {
    const { templates, ids, renewal, models } = world();
    const heard: number[] = [];
    templates.onChanged((change) => heard.push(change.templates.length));
    templates.enrol({ entryId: ids.next(), personId: "p-1", operatorId: "li", templates: shots(20) });
    await renewal.settled();
    expect(heard).toEqual([4, 3]);
    expect(models("p-1")).toEqual([MODEL, MODEL, MODEL]);
    expect(models("p-2")).toEqual([OLD]);
  });

  it("waits for whoever looks like them by the older pack, and has nothing else to be told from them by", async () => {
    const { templates, ids, renewal, models, pairs } = world();
    pairs.alike.push(["p-1", "p-2"]);
    templates.enrol({ entryId: ids.next(), personId: "p-1", operatorId: "li", templates: shots(20) });
    await renewal.settled();
    expect(models("p-1")).toEqual([OLD, MODEL, MODEL, MODEL].toSorted());
    // Both are in the new gallery now, which compares them.
    templates.enrol({ entryId: ids.next(), personId: "p-2", operatorId: "li", templates: shots(30) });
    await renewal.settled();
    expect(models("p-1")).toEqual([MODEL, MODEL, MODEL]);
    expect(models("p-2")).toEqual([MODEL, MODEL, MODEL]);
  });

  it("waits until it is known who looks like whom", async () => {
    const { templates, ids, renewal, models, pairs } = world();
    pairs.known = false;
    templates.enrol({ entryId: ids.next(), personId: "p-1", operatorId: "li", templates: shots(20) });
    await renewal.settled();
    expect(models("p-1")).toContain(OLD);
    pairs.known = true;
    renewal.retireAll();
    await renewal.settled();
    expect(models("p-1")).toEqual([MODEL, MODEL, MODEL]);
  });

  it("is made up for at the start, a person each, and never for templates that do not open", async () => {
    const { templates, ids, renewal, renewals, db, models } = world();
    renewal.close();
    for (const personId of ["p-1", "p-2"])
      templates.enrol({ entryId: ids.next(), personId, operatorId: "li", templates: shots(20) });
    db.prepare("UPDATE template SET sealed = zeroblob(40) WHERE person_id = 'p-2' AND model_id = ?").run(
      MODEL,
    );
    expect(renewals.retireAll()).toBe(1);
    expect(models("p-1")).toEqual([MODEL, MODEL, MODEL]);
    expect(models("p-2")).toEqual([OLD]);
  });
});
