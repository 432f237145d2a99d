/**
 * Whether the calibration keeps its word: `node scripts/eval-calibration.ts --set FOLDER`, as `npm run eval:calibration`.
 *
 * Enrols random people of the set's protocol, calibrates from these alone, and holds the photos of the protocol's
 * impostors against them: promised beside measured, for galleries of several sizes. Then everybody with the set's
 * `siblings`, who must be found.
 */

import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import {
  calibrateGallery,
  seededRandom,
  templatesSampledMax,
} from "../models/calibration/calibrate-gallery.ts";
import type { GalleryCalibration } from "../models/calibration/calibration-port.ts";
import { GalleryMeans } from "../models/calibration/gallery-sample.ts";
import { targetOf } from "../models/calibration/pack-bounds.ts";
import type { EvaluationProtocol, PhotoEmbeddings } from "../models/evaluation.ts";
import { embedFiles } from "../models/face-embed.ts";
import { createFaceEngine } from "../models/face-engine.ts";
import type { GalleryTemplate } from "../models/face-engine-port.ts";
import { Gallery } from "../models/gallery.ts";
import { artifactsFolderDefault, cacheFolderDefault, prepareModels } from "./prepare-models.ts";

export interface SiblingProtocol extends EvaluationProtocol {
  readonly siblings?: readonly (readonly [string, string])[];
}

export interface EmbeddedSet {
  readonly model: string;
  readonly embeddingLength: number;
  readonly protocol: SiblingProtocol;
  readonly photosOf: ReadonlyMap<string, readonly string[]>;
  readonly embeddings: PhotoEmbeddings;
}

export interface PromiseRow {
  readonly people: number;
  readonly galleries: number;
  readonly fpirMax: number;
  readonly similarityMin: number;
  /** Mean over the galleries, of what was promised and of what strangers did. */
  readonly promised: number;
  readonly measured: number;
  readonly ratio: number;
}

interface Outcome {
  readonly similarityMin: number;
  readonly promised: number;
  readonly measured: number;
}

/** Galleries of each size: fewer of the large ones, which share most of their people anyway. */
const galleriesOfSizeDefault: readonly (readonly [people: number, galleries: number])[] = [
  [5, 40],
  [50, 60],
  [200, 20],
  [Number.POSITIVE_INFINITY, 1],
];
const fpirMaxima = [0.001, 0.01] as const;

/** Calibrates galleries of random people and counts the strangers that pass. Without the pack's floor, to see the estimate itself. */
export async function promisesKept(
  set: EmbeddedSet,
  galleriesOfSize: typeof galleriesOfSizeDefault = galleriesOfSizeDefault,
): Promise<readonly PromiseRow[]> {
  const everybody = Object.keys({ ...set.protocol.gallery, ...set.protocol.distractors });
  const random = seededRandom();
  const rows: PromiseRow[] = [];
  for (const [wanted, galleries] of galleriesOfSize) {
    const people = Math.min(wanted, everybody.length);
    const samples = Array.from({ length: galleries }, () => shuffled(everybody, random).slice(0, people));
    for (const fpirMax of fpirMaxima) {
      const outcomes: Outcome[] = [];
      for (const sample of samples) outcomes.push(await outcomeOf(set, sample, fpirMax));
      const mean = (pick: (outcome: Outcome) => number) =>
        outcomes.reduce((sum, outcome) => sum + pick(outcome), 0) / outcomes.length;
      const promised = mean((outcome) => outcome.promised);
      const measured = mean((outcome) => outcome.measured);
      const similarityMin = mean((outcome) => outcome.similarityMin);
      rows.push({
        people,
        galleries,
        fpirMax,
        similarityMin,
        promised,
        measured,
        ratio: measured / promised,
      });
    }
  }
  return rows;
}

/** Everybody of the protocol and the siblings, with the pack's own bounds. */
export function wholeGallery(set: EmbeddedSet): Promise<GalleryCalibration> {
  const { gallery, distractors, siblings = [] } = set.protocol;
  const people = [...new Set([...Object.keys({ ...gallery, ...distractors }), ...siblings.flat()])];
  return calibrated(set, people, 0.001, {});
}

async function outcomeOf(set: EmbeddedSet, people: readonly string[], fpirMax: number): Promise<Outcome> {
  const found = await calibrated(set, people, fpirMax, { similarityFloor: 0, similarityCap: 0.95 });
  const gallery = new Gallery(set.model, set.embeddingLength, people.length);
  gallery.add(templatesOf(set, people));
  let passed = 0;
  let strangers = 0;
  for (const photo of set.protocol.impostors) {
    const embedding = set.embeddings.get(photo);
    if (!embedding) continue;
    strangers += 1;
    const { best, runnerUp } = gallery.search(embedding);
    const margin = (best?.similarity ?? -1) - (runnerUp?.similarity ?? -1);
    if ((best?.similarity ?? -1) >= found.similarityMin && margin >= found.marginMin) passed += 1;
  }
  return {
    similarityMin: found.similarityMin,
    promised: found.fpir.value,
    measured: passed / Math.max(1, strangers),
  };
}

function calibrated(
  set: EmbeddedSet,
  people: readonly string[],
  fpirMax: number,
  change: { readonly similarityFloor?: number; readonly similarityCap?: number },
): Promise<GalleryCalibration> {
  const { model, embeddingLength } = set;
  const target = { ...targetOf(model, { fpirMax }), ...change };
  const means = new GalleryMeans(embeddingLength, {
    peopleCount: people.length,
    sampleMax: templatesSampledMax,
    random: seededRandom(),
  });
  for (const { personId, embedding } of templatesOf(set, people)) means.add(personId, embedding);
  means.finish();
  return calibrateGallery(means, { model, target });
}

function templatesOf(set: EmbeddedSet, people: readonly string[]): readonly GalleryTemplate[] {
  return people.flatMap((personId) =>
    (set.photosOf.get(personId) ?? []).flatMap((photo) => {
      const embedding = set.embeddings.get(photo);
      return embedding ? [{ templateId: photo, personId, model: set.model, embedding }] : [];
    }),
  );
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const order = [...all];
  for (let i = order.length - 1; i > 0; i -= 1) {
    const other = Math.floor(random() * (i + 1));
    [order[i], order[other]] = [order[other] as T, order[i] as T];
  }
  return order;
}

/** Enrolled photos of each person: as the protocol says, and all of the siblings'. */
export function enrolledPhotos(
  set: string,
  protocol: SiblingProtocol,
): ReadonlyMap<string, readonly string[]> {
  const photosOf = new Map<string, readonly string[]>(
    Object.entries({ ...protocol.gallery, ...protocol.distractors }),
  );
  for (const person of protocol.siblings?.flat() ?? []) {
    if (photosOf.has(person)) continue;
    photosOf.set(
      person,
      readdirSync(path.join(set, person)).map((file) => path.join(person, file)),
    );
  }
  return photosOf;
}

/** Embeds photos by the terminal's own engine. */
export async function embedSet(
  set: string,
  protocol: SiblingProtocol,
  photosOf: ReadonlyMap<string, readonly string[]>,
  packId?: string,
): Promise<EmbeddedSet> {
  const photos = [...new Set([...[...photosOf.values()].flat(), ...protocol.impostors])];
  const engine = await createFaceEngine({
    artifactsFolder: artifactsFolderDefault,
    faceCountMax: 1,
    ...(packId === undefined ? {} : { packId }),
  });
  const embeddings = new Map<string, Float32Array | null>();
  try {
    const files = photos.map((photo) => path.join(set, photo));
    for await (const embedded of embedFiles(engine, files)) {
      const face = "faces" in embedded ? embedded.faces[0] : undefined;
      const photo = path.relative(set, embedded.file);
      embeddings.set(photo, face === undefined ? null : Float32Array.from(face.embedding));
      if (embeddings.size % 250 === 0) console.error(`${embeddings.size}/${photos.length} photos`);
    }
    const { model, embeddingLength } = engine;
    return { model, embeddingLength, protocol, photosOf, embeddings };
  } finally {
    await engine.close();
  }
}

export function printRows(rows: readonly PromiseRow[], whole: GalleryCalibration): readonly string[] {
  const percent = (rate: number) => `${(rate * 100).toFixed(3)} %`;
  return [
    "people | galleries | target | similarityMin | promised | measured | ratio",
    ...rows.map((row) =>
      [
        row.people,
        row.galleries,
        percent(row.fpirMax),
        row.similarityMin.toFixed(3),
        percent(row.promised),
        percent(row.measured),
        row.ratio.toFixed(2),
      ].join(" | "),
    ),
    `with the siblings: similarityMin ${whole.similarityMin}, marginMin ${whole.marginMin}, look-alikes from ${whole.lookAlikeMin}:`,
    ...whole.lookAlikes.map(
      ({ personIds, similarity }) => `  ${similarity.toFixed(3)} ${personIds.join(" ")}`,
    ),
  ];
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      set: { type: "string" },
      pack: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help || values.set === undefined) {
    console.log("node scripts/eval-calibration.ts --set FOLDER [--pack ID]");
    process.exitCode = values.help ? 0 : 2;
  } else {
    // The protocol comes with the set; a wrong one shows as missing photos.
    const protocol: SiblingProtocol = JSON.parse(
      await readFile(path.join(values.set, "protocol.json"), "utf8"),
    );
    await prepareModels({ artifactsFolder: artifactsFolderDefault, cacheFolder: cacheFolderDefault });
    const set = await embedSet(values.set, protocol, enrolledPhotos(values.set, protocol), values.pack);
    for (const line of printRows(await promisesKept(set), await wholeGallery(set))) console.log(line);
  }
}
