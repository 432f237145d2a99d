import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { GalleryTemplate } from "../face-engine-port.ts";
import { readManifest } from "../manifest.ts";
import { calibrateGallery, seededRandom } from "./calibrate-gallery.ts";
import type { GalleryCalibration } from "./calibration-port.ts";
import { calibrate } from "./gallery-calibrator.ts";
import { GalleryMeans } from "./gallery-sample.ts";
import { hasPackBounds, packBounds, targetOf, uncalibratedThresholds } from "./pack-bounds.ts";
import { syntheticGallery } from "./synthetic-gallery.ts";

const model = "frf512-mfn192-flip";
const target = targetOf(model, { fpirMax: 0.001 });

function* partsOf(templates: Iterable<GalleryTemplate>, size = 100): Generator<readonly GalleryTemplate[]> {
  let part: GalleryTemplate[] = [];
  for (const template of templates) {
    part.push(template);
    if (part.length < size) continue;
    yield part;
    part = [];
  }
  yield part;
}

function run(
  templates: Iterable<GalleryTemplate>,
  options: {
    readonly embeddingLength?: number;
    readonly program?: string;
    readonly signal?: AbortSignal;
  } = {},
): Promise<GalleryCalibration> {
  return calibrate({
    model,
    embeddingLength: 64,
    peopleCount: 0,
    target,
    parts: partsOf(templates),
    ...options,
  });
}

const people = (peopleCount: number, twins: readonly (readonly [number, number])[] = []) =>
  syntheticGallery({
    model,
    embeddingLength: 64,
    peopleCount,
    templatesPerPerson: 3,
    twins,
    random: seededRandom(),
  });

describe("the calibration's process", () => {
  it.each([0, 1, 2, 5])("answers for a gallery of %i", async (peopleCount) => {
    const found = await run(people(peopleCount));
    expect(found).toMatchObject({ model, peopleCount, templateCount: peopleCount * 3, lookAlikes: [] });
    expect(found.similarityMin).toBeGreaterThanOrEqual(target.similarityFloor);
    expect(found.fnir === null).toBe(peopleCount === 0);
  });

  it("needs none for nobody, with the same answer as its process would give", async () => {
    const { tookMs: _, cpuMs: _1, ...found } = await run([], { program: "/there/is/no/such/program.ts" });
    const means = new GalleryMeans(64, { peopleCount: 0, sampleMax: 10, random: seededRandom() });
    means.finish();
    const { tookMs: __, cpuMs: _2, ...expected } = await calibrateGallery(means, { model, target });
    expect(found).toEqual(expected);
  });

  it("finds the twins among others, and answers the same a second time", async () => {
    const twins = [
      [3, 17],
      [200, 5],
    ] as const;
    const { tookMs: _, cpuMs: _1, ...first } = await run(people(300, twins));
    const { tookMs: __, cpuMs: _2, ...second } = await run(people(300, twins));
    expect(first.lookAlikes.map(({ personIds }) => personIds)).toEqual(
      expect.arrayContaining([
        ["p00003", "p00017"],
        ["p00005", "p00200"],
      ]),
    );
    expect(second).toEqual(first);
  });

  it("flags everybody of a gallery that is one person under many ids, and keeps the list bounded", async () => {
    const [one] = [...people(1)];
    const copies = Array.from({ length: 60 }, (_, i) => ({
      templateId: `t${i}`,
      personId: `copy-${String(i).padStart(2, "0")}`,
      model,
      embedding: Float32Array.from(one?.embedding ?? []),
    }));
    const { lookAlikes } = await run(copies);
    expect(new Set(lookAlikes.flatMap(({ personIds }) => personIds)).size).toBe(60);
    expect(lookAlikes.length).toBeLessThanOrEqual(60 * 8);
  });

  it("passes over what is no embedding of the model", async () => {
    const fit = [...people(5)];
    const unfit = [
      { ...fit[0], personId: "x", embedding: new Float32Array(64).fill(Number.NaN) },
      { ...fit[0], personId: "y", embedding: new Float32Array(63) },
      { ...fit[0], personId: "z", model: "another", embedding: fit[0]?.embedding },
    ] as readonly GalleryTemplate[];
    expect(await run([...fit, ...unfit])).toMatchObject({ peopleCount: 5, templateCount: 15 });
  });

  it("tells a crash of its process by name, whenever it comes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "calibration-"));
    const taking = "process.on('message', () => process.send({ kind: 'taken' }));";
    const sources = [
      "throw new Error('x')",
      "process.exit(3)",
      `${taking} process.once('message', () => process.once('message', () => process.kill(process.pid, 'SIGKILL')));`,
    ];
    for (const [i, source] of sources.entries()) {
      const program = join(folder, `${i}.mjs`);
      writeFileSync(program, source);
      await expect(run(people(200), { program })).rejects.toMatchObject({ code: "calibration-failed" });
    }
    rmSync(folder, { recursive: true });
  });

  it("ends at once when it is cancelled", async () => {
    const cancel = new AbortController();
    const running = run(people(200), { signal: cancel.signal });
    cancel.abort(new Error("the terminal closes"));
    await expect(running).rejects.toThrow("the terminal closes");
  });

  it("finds every planted pair of 17,000 people with three templates each, and only few others", async () => {
    const twins = Array.from({ length: 40 }, (_, i) => [i * 400, i * 400 + 7 + (i % 300)] as const);
    const templates = syntheticGallery({
      model,
      embeddingLength: 128,
      peopleCount: 17_000,
      templatesPerPerson: 3,
      twins,
      random: seededRandom(),
    });
    const found = await run(templates, { embeddingLength: 128 });
    expect(found).toMatchObject({ peopleCount: 17_000, templateCount: 51_000, targetMet: true });
    const ids = new Set(found.lookAlikes.map(({ personIds }) => personIds.join(" ")));
    const name = (i: number) => `p${String(i).padStart(5, "0")}`;
    for (const [a, b] of twins) expect(ids.has(`${name(a)} ${name(b)}`)).toBe(true);
    expect(found.lookAlikes.length).toBeLessThan(17_000 * 0.02);
    expect(found.fpir.value).toBeLessThanOrEqual(0.001);
  });
});

describe("bounds of the packs", () => {
  it("are there for every pack of the manifest", async () => {
    const { packs } = await readManifest();
    expect(packs.map(({ id }) => id).filter((id) => !hasPackBounds(id))).toEqual([]);
  });

  it("leave room, and what is configured only makes them stricter", () => {
    for (const id of ["frf512-mfn192-flip", "fr-feature-512", "mobile-face-net-192", "face-api-128", "new"]) {
      const bounds = packBounds(id);
      expect(bounds.similarityFloor).toBeLessThan(bounds.similarityCap);
      expect(bounds.marginFloor).toBeLessThan(bounds.marginCap);
      const written = targetOf(id, { fpirMax: 0.01, similarityMin: 0.99, marginMin: 0.2 });
      expect(written).toMatchObject({
        similarityFloor: 0.99,
        similarityCap: 0.99,
        marginFloor: 0.2,
        marginCap: 0.2,
      });
      expect(targetOf(id, { fpirMax: 0.01, similarityMin: 0, marginMin: 0 })).toEqual(
        targetOf(id, { fpirMax: 0.01 }),
      );
      expect(uncalibratedThresholds(id, { fpirMax: 0.01, similarityMin: 0.1 })).toEqual(bounds.uncalibrated);
    }
  });
});
