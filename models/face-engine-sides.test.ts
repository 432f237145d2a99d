import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { artifactsForTests, samplePhoto } from "./artifacts-for-tests.ts";
import { createFaceEngine, type FaceEngineOptions } from "./face-engine.ts";
import type { Face, FaceEngine, GalleryTemplate } from "./face-engine-port.ts";

const primaryPack = "mobile-face-net-192";
const sidePack = "fr-feature-512";
const lookingSidePack = "frf512-mfn192-flip-look2";

let artifactsFolder: string;
let engine: FaceEngine;
let frame: Buffer;
/** The same face as each pack embeds it. */
const faceOf = new Map<string, Face>();

const image = () => ({ bytes: Uint8Array.from(frame) });
const start = (change: Partial<FaceEngineOptions> = {}) =>
  createFaceEngine({
    artifactsFolder,
    packId: primaryPack,
    sidePackIds: [sidePack, lookingSidePack],
    ...change,
  });

function faceBy(pack: string): Face {
  const face = faceOf.get(pack);
  if (face === undefined) throw new Error(`no face by ${pack}`);
  return face;
}

function template(personId: string, pack: string): GalleryTemplate {
  return { templateId: `${personId}-${pack}`, personId, model: pack, embedding: faceBy(pack).embedding };
}

/** Somebody whom the frame does not show. */
function stranger(personId: string, pack: string, axis: number): GalleryTemplate {
  const embedding = new Float32Array(faceBy(pack).embedding.length).fill(1, axis, axis + 1);
  return { ...template(personId, pack), embedding };
}

async function observedFace(from: FaceEngine = engine) {
  const observation = await from.observe(image());
  const [face] = observation.faces;
  if (face === undefined) throw new Error("the frame shows a face");
  return { observation, face };
}

beforeAll(async () => {
  artifactsFolder = await artifactsForTests();
  frame = await sharp(samplePhoto(5))
    .extract({ left: 880, top: 60, width: 640, height: 480 })
    .jpeg()
    .toBuffer();
  for (const packId of [primaryPack, sidePack, lookingSidePack]) {
    const alone = await createFaceEngine({ artifactsFolder, packId, keepsEmbeddings: true });
    // As a frame, for a photo is also looked at from further away.
    const { observation, face } = await observedFace(alone);
    const taken = await alone.takeEmbedding(observation.observationId, 0);
    if (taken !== null) faceOf.set(packId, { ...face, ...taken });
    await alone.close();
  }
  engine = await start({ keepsEmbeddings: true });
}, 600_000);

beforeEach(async () => {
  await engine.loadGallery([]);
  await engine.setExpected(null);
});

afterAll(() => engine?.close());

describe("two packs side by side", () => {
  test("each template is matched in its own pack's gallery, by an embedding of that pack", async () => {
    const templates = [
      stranger("bob", primaryPack, 0),
      template("ann", sidePack),
      stranger("bob", sidePack, 1),
    ];
    expect(await engine.loadGallery(templates)).toEqual({ accepted: 3, refused: [] });
    const { face } = await observedFace();
    expect(face.model).toBe(primaryPack);
    expect(face.search.best?.personId).toBe("bob");
    expect(face.search.best?.similarity).toBeLessThan(0.5);
    expect(face.otherSearches.map(({ model }) => model)).toEqual([sidePack]);
    const [other] = face.otherSearches;
    expect(other?.search.best).toEqual({ personId: "ann", similarity: expect.closeTo(1, 4) });
    expect(other?.search.runnerUp?.personId).toBe("bob");
  });

  test("a photo names its nearest in the side galleries too, for somebody may be enrolled with an older pack only", async () => {
    await engine.loadGallery([template("ann", sidePack), stranger("bob", sidePack, 1)]);
    const { faces, otherSearches } = await engine.analyze(image());
    expect(otherSearches).toHaveLength(faces.length);
    expect(otherSearches[0]).toMatchObject([{ model: sidePack, search: { best: { personId: "ann" } } }]);
    expect(otherSearches[0]?.[0]?.search.best?.similarity).toBeGreaterThan(0.9);
    await engine.loadGallery([template("ann", primaryPack)]);
    expect((await engine.analyze(image())).otherSearches).toEqual(faces.map(() => []));
  });

  test("a side pack that finds landmarks its own way embeds as it does alone", async () => {
    await engine.loadGallery([template("ann", lookingSidePack)]);
    const [other] = (await observedFace()).face.otherSearches;
    expect(other).toMatchObject({
      model: lookingSidePack,
      search: { best: { personId: "ann", similarity: expect.closeTo(1, 4) }, runnerUp: null },
    });
  });

  test("side packs say nothing while they hold nobody, also after their last person left", async () => {
    await engine.loadGallery([template("ann", primaryPack)]);
    expect((await observedFace()).face.otherSearches).toEqual([]);
    await engine.replacePerson("ann", [template("ann", sidePack)]);
    const { face } = await observedFace();
    expect(face.search.best).toBeNull();
    expect(face.otherSearches).toHaveLength(1);
    await engine.replacePerson("ann", [template("ann", primaryPack)]);
    const after = (await observedFace()).face;
    expect(after.search.best?.personId).toBe("ann");
    expect(after.otherSearches).toEqual([]);
  });

  test("templates of a pack that is not configured, or of a wrong length for theirs, are refused by name", async () => {
    const load = await engine.loadGallery([
      { ...template("ann", sidePack), model: "face-api-128" },
      { ...template("bob", sidePack), model: primaryPack },
      { ...template("cy", primaryPack), model: sidePack },
    ]);
    expect(load).toEqual({
      accepted: 0,
      refused: [
        { templateId: `ann-${sidePack}`, reason: "other-model" },
        { templateId: `bob-${sidePack}`, reason: "wrong-length" },
        { templateId: `cy-${primaryPack}`, reason: "wrong-length" },
      ],
    });
  });

  test("a side pack's missing weights stop the start, although its models are opened later", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "canteen-weights-"));
    await cp(artifactsFolder, folder, { recursive: true });
    await rm(path.join(folder, "fr-feature.onnx"));
    await expect(start({ artifactsFolder: folder, sidePackIds: [sidePack] })).rejects.toMatchObject({
      code: "weights-missing",
      message: expect.stringContaining("fr-feature.onnx"),
    });
  });

  test("the primary pack, or a pack twice, as a side pack stops the start", async () => {
    for (const sidePackIds of [[primaryPack], [sidePack, sidePack]])
      await expect(start({ sidePackIds })).rejects.toMatchObject({ code: "manifest-unreadable" });
  });
});

describe("expected people", () => {
  test("are searched beside everybody, in every gallery, also those who are enrolled later", async () => {
    await engine.loadGallery([template("ann", primaryPack), stranger("bob", primaryPack, 0)]);
    expect((await observedFace()).face.search.expected).toBeNull();
    await engine.setExpected(["bob", "cy", "nobody"]);
    const { search } = (await observedFace()).face;
    expect(search.best?.personId).toBe("ann");
    expect(search.expected).toEqual({ best: search.runnerUp, runnerUp: null });
    await engine.replacePerson("cy", [stranger("cy", primaryPack, 5), template("cy", sidePack)]);
    const later = (await observedFace()).face;
    expect(later.search.expected?.runnerUp).not.toBeNull();
    expect(later.otherSearches[0]?.search.expected?.best?.personId).toBe("cy");
    await engine.loadGallery([stranger("cy", primaryPack, 5)]);
    expect((await observedFace()).face.search.expected?.best?.personId).toBe("cy");
  });

  test("an empty list expects nobody, which is not the same as no list", async () => {
    await engine.loadGallery([template("ann", primaryPack)]);
    await engine.setExpected([]);
    expect((await observedFace()).face.search.expected).toEqual({ best: null, runnerUp: null });
  });
});

describe("taking an embedding from an observation", () => {
  test("gives what the primary pack embedded, once", async () => {
    const { observation } = await observedFace();
    const taken = await engine.takeEmbedding(observation.observationId, 0);
    expect(taken?.model).toBe(primaryPack);
    expect(taken?.embedding).toEqual(faceBy(primaryPack).embedding);
    expect(await engine.takeEmbedding(observation.observationId, 0)).toBeNull();
    expect(await engine.takeEmbedding(observation.observationId, 9)).toBeNull();
    expect(await engine.takeEmbedding("some-other-observation", 0)).toBeNull();
  });

  test("gives nothing unless the engine was told to keep them", async () => {
    const plain = await start({ sidePackIds: [] });
    try {
      const { observation } = await observedFace(plain);
      expect(await plain.takeEmbedding(observation.observationId, 0)).toBeNull();
    } finally {
      await plain.close();
    }
  });
});
