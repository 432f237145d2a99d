// Over 400 lines because all of an enrolment shares one made-up engine and one set of shots.
import { describe, expect, it } from "vitest";
import type {
  Face,
  FaceEngine,
  FaceQuality,
  GalleryTemplate,
  ImageAnalysis,
} from "../../models/face-engine-port.ts";
import { silentLogger } from "../platform/logger.ts";
import { type EnrolmentEngine, type EnrolmentOptions, openEnrolment } from "./enrolment.ts";
import type { ShotProblem } from "./enrolment-port.ts";
import { delta, embedding, entriesOf, MODEL, rosterFixture, rosterPerson } from "./roster-fixture.ts";

const limits = {
  eyeDistancePxMin: 40,
  angleDegMax: 20,
  brightnessMin: 50,
  brightnessMax: 220,
  sharpnessMin: 100,
  qualityMin: 0.4,
  livenessMin: 0.5,
  secondFaceAreaMin: 0.25,
  samePersonSimilarityMin: 0.9,
  shotCountMin: 2,
  shotCountMax: 3,
  duplicateSimilarityMin: (model: string) => (model === MODEL ? 0.95 : 0.985),
  sessionCountMax: 2,
  sessionIdleMsMax: 60_000,
};

const good: FaceQuality = {
  overall: 0.8,
  eyeDistancePx: 80,
  yawDeg: 0,
  pitchDeg: 0,
  rollDeg: 0,
  sharpness: 500,
  brightness: 128,
};

interface FaceChange {
  readonly quality?: Partial<FaceQuality>;
  readonly widthPx?: number;
  readonly liveness?: number | null;
  readonly seed?: number;
}

function face({ quality, widthPx = 200, liveness = 0.9, seed = 1 }: FaceChange = {}): Face {
  return {
    box: [10, 10, widthPx, widthPx],
    detectionScore: 0.99,
    landmarks: [
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ],
    quality: { ...good, ...quality },
    liveness,
    model: MODEL,
    embedding: embedding(seed),
  };
}

function analysis(...faces: Face[]): ImageAnalysis {
  const stageMs = { decode: 1, detect: 1, landmarks: 1, liveness: 1, embed: 1, search: 0, total: 5 };
  return { widthPx: 640, heightPx: 480, faces, stageMs, otherSearches: faces.map(() => []) };
}

const similarity = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

/** An engine that sees what the test laid out for it, over a real (small) gallery. */
class ScriptedEngine implements EnrolmentEngine {
  readonly model = MODEL;
  readonly views: (ImageAnalysis | Error)[] = [];
  readonly gallery = new Map<string, readonly GalleryTemplate[]>();
  replaceFailure: Error | undefined;

  async analyze(): Promise<ImageAnalysis> {
    const view = this.views.shift() ?? analysis(face());
    if (view instanceof Error) throw view;
    return view;
  }

  async search(...[probe, options]: Parameters<FaceEngine["search"]>): ReturnType<FaceEngine["search"]> {
    const candidates = [...this.gallery]
      .filter(([personId]) => personId !== options?.excludePersonId)
      .map(([personId, templates]) => ({
        personId,
        similarity: Math.max(...templates.map((template) => similarity(template.embedding, probe))),
      }))
      .sort((a, b) => b.similarity - a.similarity);
    return { best: candidates[0] ?? null, runnerUp: candidates[1] ?? null };
  }

  async replacePerson(...[personId, templates]: Parameters<FaceEngine["replacePerson"]>) {
    if (this.replaceFailure !== undefined) throw this.replaceFailure;
    this.gallery.set(personId, templates);
    return { accepted: templates.length, refused: [] };
  }
}

function enrolling(change: Partial<EnrolmentOptions> = {}) {
  const fixture = rosterFixture();
  fixture.roster.apply(
    delta(0, 1, [rosterPerson("p-1"), rosterPerson("p-2"), rosterPerson("p-3", { kind: "staff" })]),
  );
  const engine = new ScriptedEngine();
  const enrolment = openEnrolment({
    ...fixture,
    engine,
    logger: silentLogger,
    limits,
    guardianNeededFor: ["student"],
    ...change,
  });
  const begin = (personId = "p-1") => {
    const progress = enrolment.begin({ personId, operatorId: "li" });
    if (progress === undefined) throw new Error("no session");
    return progress.sessionId;
  };
  const shoot = (sessionId: string, ...faces: Face[]) => {
    engine.views.push(analysis(...faces));
    return enrolment.addShot(sessionId, new Uint8Array(4));
  };
  const shootSeen = (sessionId: string, seen: ImageAnalysis) => {
    engine.views.push(seen);
    return enrolment.addShot(sessionId, new Uint8Array(4));
  };
  return { ...fixture, engine, enrolment, begin, shoot, shootSeen };
}

const guardian = { scopes: ["face" as const], grantedBy: "guardian" as const };
const self = { scopes: ["face" as const], grantedBy: "self" as const };

describe("an enrolment", () => {
  it("takes shots, records consent, stores templates and brings them to the gallery", async () => {
    const { enrolment, engine, begin, shoot, templates, journal, roster } = enrolling();
    const sessionId = begin();
    expect(await shoot(sessionId, face())).toMatchObject({
      acceptedCount: 1,
      shotCountMin: 2,
      shotCountMax: 3,
      lastShot: { accepted: true, problem: null, widthPx: 640, heightPx: 480, box: [10, 10, 200, 200] },
      duplicateOf: null,
    });
    await shoot(sessionId, face());
    const result = await enrolment.complete({ sessionId, consent: guardian, duplicateConfirmed: false });
    expect(result).toEqual({ kind: "enrolled", personId: "p-1", templateCount: 2, seq: journal.head().seq });
    expect(journal.entryBySeq(journal.head().seq)?.kind).toBe("person.enrolled");
    expect(templates.loadAll(MODEL).templates.map(({ embedding: numbers }) => numbers)).toEqual([
      embedding(1),
      embedding(1),
    ]);
    expect(engine.gallery.get("p-1")).toHaveLength(2);
    expect(roster.hasConsent("p-1", "face")).toBe(true);
    expect(await enrolment.complete({ sessionId, consent: guardian, duplicateConfirmed: false })).toEqual({
      kind: "refused",
      reason: "session-unknown",
    });
  });

  it("is not begun for someone the roster does not have", () => {
    const { enrolment } = enrolling();
    expect(enrolment.begin({ personId: "p-9", operatorId: "li" })).toBeUndefined();
  });

  it("takes no more shots than it needs at most", async () => {
    const { enrolment, begin, shoot } = enrolling();
    const sessionId = begin();
    for (let count = 0; count < 3; count++) await shoot(sessionId, face());
    expect(await shoot(sessionId, face())).toMatchObject({ acceptedCount: 3 });
    const together = begin();
    const shots = await Promise.all(Array.from({ length: 5 }, () => shoot(together, face())));
    expect(Math.max(...shots.map((progress) => progress?.acceptedCount ?? 0))).toBe(3);
    enrolment.cancel(together);
  });

  it("forgets its shots when it is cancelled, idle too long, pushed out by newer ones, or closed", async () => {
    const { enrolment, begin, shoot, clock } = enrolling();
    const cancelled = begin();
    enrolment.cancel(cancelled);
    enrolment.cancel("unknown");
    expect(await shoot(cancelled, face())).toBeUndefined();

    const idle = begin();
    await clock.advance(59_999);
    expect(await shoot(idle, face())).toMatchObject({ acceptedCount: 1 });
    await clock.advance(60_000);
    expect(await shoot(idle, face())).toBeUndefined();

    const [a, b] = [begin(), begin()];
    await shoot(a, face());
    const c = begin();
    expect(await shoot(b, face())).toBeUndefined();
    expect(await shoot(a, face())).toMatchObject({ acceptedCount: 2 });
    enrolment.close();
    expect(await shoot(a, face())).toBeUndefined();
    expect(await shoot(c, face())).toBeUndefined();
  });

  it("drops a shot whose session ended while the engine looked", async () => {
    const { enrolment, begin, shoot } = enrolling();
    const sessionId = begin();
    const shot = shoot(sessionId, face());
    enrolment.cancel(sessionId);
    expect(await shot).toBeUndefined();
  });
});

describe("a shot", () => {
  const bad: [ShotProblem, Face[]][] = [
    ["no-face", []],
    ["several-faces", [face(), face({ widthPx: 100 })]],
    ["face-too-small", [face({ quality: { eyeDistancePx: 39 } })]],
    ["face-too-small", [face({ quality: { eyeDistancePx: Number.NaN } })]],
    ["turned-away", [face({ quality: { yawDeg: -21 } })]],
    ["turned-away", [face({ quality: { pitchDeg: 21 } })]],
    ["turned-away", [face({ quality: { rollDeg: 21 } })]],
    ["too-dark", [face({ quality: { brightness: 49 } })]],
    ["too-bright", [face({ quality: { brightness: 221 } })]],
    ["blurred", [face({ quality: { sharpness: 99 } })]],
    ["low-quality", [face({ quality: { overall: 0.39 } })]],
    ["not-live", [face({ liveness: 0.49 })]],
    ["other-person-than-first-shot", [face({ seed: 2 })]],
  ];

  it.each(bad)("is refused as %s", async (problem, faces) => {
    const { begin, shoot } = enrolling();
    const sessionId = begin();
    await shoot(sessionId, face());
    expect(await shoot(sessionId, ...faces)).toMatchObject({
      acceptedCount: 1,
      lastShot: { accepted: false, problem },
    });
  });

  it("names the first of its problems in the documented order", async () => {
    const { begin, shoot } = enrolling();
    const sessionId = begin();
    await shoot(sessionId, face());
    const order: ShotProblem[] = [
      "face-too-small",
      "turned-away",
      "too-dark",
      "blurred",
      "low-quality",
      "not-live",
      "other-person-than-first-shot",
    ];
    const worst: FaceQuality = {
      ...good,
      eyeDistancePx: 1,
      yawDeg: 90,
      brightness: 0,
      sharpness: 0,
      overall: 0,
    };
    const healing: Partial<FaceQuality>[] = [
      { eyeDistancePx: 80 },
      { yawDeg: 0 },
      { brightness: 128 },
      { sharpness: 500 },
      { overall: 1 },
    ];
    let quality = worst;
    const seen: (ShotProblem | null | undefined)[] = [];
    for (const cure of [{}, ...healing]) {
      quality = { ...quality, ...cure };
      seen.push((await shoot(sessionId, face({ quality, liveness: 0, seed: 2 })))?.lastShot?.problem);
    }
    seen.push((await shoot(sessionId, face({ liveness: 1, seed: 2 })))?.lastShot?.problem);
    expect(seen).toEqual(order);
  });

  it("is unreadable when the engine says so, and every other failure of the engine is passed on", async () => {
    const { engine, enrolment, begin } = enrolling();
    const sessionId = begin();
    for (const code of ["image-unreadable", "image-too-large"]) {
      engine.views.push(Object.assign(new Error(code), { code }));
      expect(await enrolment.addShot(sessionId, new Uint8Array(4))).toMatchObject({
        acceptedCount: 0,
        lastShot: { accepted: false, problem: "image-unreadable", box: null },
      });
    }
    const crashed = Object.assign(new Error("crashed"), { code: "engine-crashed" });
    engine.views.push(crashed);
    await expect(enrolment.addShot(sessionId, new Uint8Array(4))).rejects.toBe(crashed);
  });

  it("may have a small face in the background, and no liveness where the pack has none", async () => {
    const { begin, shoot } = enrolling();
    const sessionId = begin();
    const faces = [face({ liveness: null }), face({ widthPx: 99 })];
    expect(await shoot(sessionId, ...faces)).toMatchObject({ acceptedCount: 1 });
  });
});

describe("completing", () => {
  it("needs enough shots", async () => {
    const { enrolment, begin, shoot } = enrolling();
    const sessionId = begin();
    await shoot(sessionId, face());
    const request = { sessionId, consent: guardian, duplicateConfirmed: false };
    expect(await enrolment.complete(request)).toEqual({ kind: "refused", reason: "too-few-shots" });
    await shoot(sessionId, face());
    expect(await enrolment.complete(request)).toMatchObject({ kind: "enrolled" });
  });

  it("asks for confirmation when someone else looks the same, and never compares with the person's own", async () => {
    const { enrolment, begin, shoot, roster, ...rest } = enrolling();
    const first = begin("p-1");
    for (let count = 0; count < 2; count++) await shoot(first, face());
    await enrolment.complete({ sessionId: first, consent: guardian, duplicateConfirmed: false });

    const again = begin("p-1");
    expect((await shoot(again, face()))?.duplicateOf).toBeNull();

    const twin = begin("p-2");
    await shoot(twin, face());
    const progress = await shoot(twin, face());
    expect(progress?.duplicateOf).toMatchObject({ personId: "p-1" });
    expect(progress?.duplicateOf?.similarity).toBeCloseTo(1);
    const request = { sessionId: twin, consent: guardian };
    expect(await enrolment.complete({ ...request, duplicateConfirmed: false })).toEqual({
      kind: "refused",
      reason: "duplicate-not-confirmed",
    });
    expect(roster.hasConsent("p-2", "face")).toBe(false);
    expect(await enrolment.complete({ ...request, duplicateConfirmed: true })).toMatchObject({
      kind: "enrolled",
    });
    expect(entriesOf(rest, "person.enrolled")).toHaveLength(2);
  });

  it("asks too when someone who has templates of an older pack only looks the same, but not about themselves", async () => {
    const { enrolment, begin, shoot, shootSeen } = enrolling();
    const seenAs = (personId: string, similarity: number): ImageAnalysis => {
      const runnerUp = { personId: "p-2", similarity: 0.99 };
      const search = { best: { personId, similarity }, runnerUp, expected: null };
      return { ...analysis(face()), otherSearches: [[{ model: "older", search }]] };
    };
    const alone = begin("p-3");
    expect((await shootSeen(alone, seenAs("p-1", 0.98)))?.duplicateOf).toBeNull();
    const own = begin("p-1");
    expect((await shootSeen(own, seenAs("p-1", 1)))?.duplicateOf).toEqual({
      personId: "p-2",
      similarity: 0.99,
    });
    await shoot(own, face());
    const request = { sessionId: own, consent: guardian, duplicateConfirmed: false };
    expect(await enrolment.complete(request)).toEqual({ kind: "refused", reason: "duplicate-not-confirmed" });
  });

  it("needs a consent that covers faces, given here or before, by a guardian where the kind wants it", async () => {
    const { enrolment, begin, shoot, templates } = enrolling();
    const ready = async (personId: string, seed: number) => {
      const sessionId = begin(personId);
      for (let count = 0; count < 2; count++) await shoot(sessionId, face({ seed }));
      return { sessionId, duplicateConfirmed: false };
    };
    const student = await ready("p-1", 1);
    const refused = (reason: string) => ({ kind: "refused", reason });
    expect(await enrolment.complete({ ...student, consent: null })).toEqual(refused("consent-missing"));
    const sharing = { scopes: ["share-template" as const], grantedBy: "guardian" as const };
    expect(await enrolment.complete({ ...student, consent: sharing })).toEqual(refused("consent-missing"));
    expect(await enrolment.complete({ ...student, consent: self })).toEqual(
      refused("consent-needs-guardian"),
    );
    templates.recordConsent({ personId: "p-1", ...guardian, operatorId: "li" });
    expect(await enrolment.complete({ ...student, consent: null })).toMatchObject({ kind: "enrolled" });
    const staff = await ready("p-3", 2);
    expect(await enrolment.complete({ ...staff, consent: self })).toMatchObject({ kind: "enrolled" });
  });

  it("lets students consent for themselves where the school says they are old enough", async () => {
    const { enrolment, begin, shoot } = enrolling({ guardianNeededFor: [] });
    const sessionId = begin("p-1");
    for (let count = 0; count < 2; count++) await shoot(sessionId, face());
    const request = { sessionId, consent: self, duplicateConfirmed: false };
    expect(await enrolment.complete(request)).toMatchObject({ kind: "enrolled" });
  });

  it("is refused when the person left the roster meanwhile", async () => {
    const { enrolment, begin, shoot, roster } = enrolling();
    const sessionId = begin("p-1");
    for (let count = 0; count < 2; count++) await shoot(sessionId, face());
    roster.apply(delta(1, 2, [], ["p-1"]));
    expect(await enrolment.complete({ sessionId, consent: guardian, duplicateConfirmed: false })).toEqual({
      kind: "refused",
      reason: "person-unknown",
    });
  });

  it("holds when the engine fails afterwards, and can be tried again when the disk could not be written", async () => {
    const { enrolment, begin, shoot, engine, templates, db } = enrolling();
    const sessionId = begin("p-1");
    for (let count = 0; count < 2; count++) await shoot(sessionId, face());
    const request = { sessionId, consent: guardian, duplicateConfirmed: false };
    db.pragma("query_only = ON");
    await expect(enrolment.complete(request)).rejects.toMatchObject({ code: "disk-read-only" });
    expect(templates.loadAll(MODEL).templates).toEqual([]);
    db.pragma("query_only = OFF");
    engine.replaceFailure = Object.assign(new Error("crashed"), { code: "engine-crashed" });
    expect(await enrolment.complete(request)).toMatchObject({ kind: "enrolled", templateCount: 2 });
    expect(templates.loadAll(MODEL).templates).toHaveLength(2);
  });
});
