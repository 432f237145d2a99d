/** Open-set identification figures (ISO/IEC 19795-1): pure functions from embeddings to error rates. */

import type { SearchResult } from "./face-engine-port.ts";
import { Gallery } from "./gallery.ts";

/** What one photo gave; `null` where no face was found. */
export type PhotoEmbeddings = ReadonlyMap<string, Float32Array | null>;

export interface EvaluationProtocol {
  /** Enrolled people with several photos each. */
  readonly gallery: Readonly<Record<string, readonly string[]>>;
  /** Enrolled people with one photo each. */
  readonly distractors: Readonly<Record<string, readonly string[]>>;
  /** [person, photo] of gallery people. */
  readonly probes: readonly (readonly [string, string])[];
  /** [person, photo] of distractors. */
  readonly single_shot_probes: readonly (readonly [string, string])[];
  /** Photos of people who are not enrolled. */
  readonly impostors: readonly string[];
  /** People who look alike, by pairs; not part of the four scenarios. */
  readonly siblings?: readonly (readonly [string, string])[];
}

/** Outcome of one probe: who came first, how similar, and the lead over the second person. */
export interface Trial {
  readonly correct: boolean;
  readonly similarity: number;
  readonly margin: number;
}

export interface Rate {
  readonly value: number;
  /** Wilson's 95 % interval. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly of: number;
}

export interface OperatingPoint {
  readonly fpirTarget: number;
  readonly similarityMin: number;
  readonly fnir: Rate;
}

export interface Scenario {
  readonly name: string;
  readonly photosEnrolled: number;
  readonly probeFrames: number;
  readonly rank1: Rate;
  readonly points: readonly OperatingPoint[];
  readonly genuine: readonly Trial[];
  /** Best similarity and margin of each impostor. */
  readonly impostors: readonly Trial[];
}

export const fpirTargets = [0.01, 0.0034] as const;

/** Enrols `photosPerPerson` photos of each person, skipping photos without a face. */
export function enrol(
  model: string,
  embeddingLength: number,
  people: Readonly<Record<string, readonly string[]>>,
  photosPerPerson: number,
  embeddings: PhotoEmbeddings,
  gallery: Gallery = new Gallery(model, embeddingLength),
): Gallery {
  for (const [personId, photos] of Object.entries(people)) {
    for (const photo of photos.slice(0, photosPerPerson)) {
      const embedding = embeddings.get(photo);
      if (embedding) gallery.add([{ templateId: photo, personId, model, embedding }]);
    }
  }
  return gallery;
}

/**
 * Searches the mean of a visit's frames. The result's similarities are the means over the frames, so that a threshold
 * from single frames is never easier to reach with two.
 */
export function searchVisit(
  gallery: Gallery,
  frames: readonly (Float32Array | null | undefined)[],
  excludePersonId?: string,
): SearchResult {
  const seen = frames.filter((frame) => frame instanceof Float32Array);
  if (seen.length === 0) return { best: null, runnerUp: null };
  const mean = new Float32Array(gallery.embeddingLength);
  for (const frame of seen)
    for (const [i, value] of frame.entries()) mean[i] = (mean[i] ?? 0) + value / seen.length;
  const length = Math.hypot(...mean);
  const probe = mean.map((value) => value / length);
  const { best, runnerUp } = gallery.search(probe, excludePersonId === undefined ? {} : { excludePersonId });
  const scaled = (candidate: typeof best) =>
    candidate && { ...candidate, similarity: candidate.similarity * length };
  return { best: scaled(best), runnerUp: scaled(runnerUp) };
}

/** A visit without a face is an error of a probe and no danger of an impostor: similarity −1. */
export function trialOf({ best, runnerUp }: SearchResult, personId: string | null): Trial {
  const similarity = best?.similarity ?? -1;
  return {
    correct: best?.personId === personId,
    similarity,
    margin: similarity - (runnerUp?.similarity ?? -1),
  };
}

/** The least threshold that lets at most `fpirTarget` of the impostors reach it. */
export function similarityMinFor(impostors: readonly Trial[], fpirTarget: number): number {
  const falling = impostors.map(({ similarity }) => similarity).sort((a, b) => b - a);
  const allowed = Math.floor(fpirTarget * impostors.length + 1e-9);
  // The first impostor that must not reach it; the smallest step above is far under any real difference.
  return (falling[allowed] ?? -1) + 1e-7;
}

/** FNIR: the best match is wrong, or under the threshold, or leads by less than `marginMin`. */
export function fnirAt(genuine: readonly Trial[], similarityMin: number, marginMin = 0): Rate {
  const missed = genuine.filter(
    ({ correct, similarity, margin }) => !correct || similarity < similarityMin || margin < marginMin,
  );
  return rateOf(missed.length, genuine.length);
}

/** FPIR: share of impostors that reach both. */
export function fpirAt(impostors: readonly Trial[], similarityMin: number, marginMin = 0): Rate {
  const taken = impostors.filter(
    ({ similarity, margin }) => similarity >= similarityMin && margin >= marginMin,
  );
  return rateOf(taken.length, impostors.length);
}

export function scenarioOf(
  name: string,
  photosEnrolled: number,
  probeFrames: number,
  genuine: readonly Trial[],
  impostors: readonly Trial[],
): Scenario {
  const points = fpirTargets.map((fpirTarget) => {
    const similarityMin = similarityMinFor(impostors, fpirTarget);
    return { fpirTarget, similarityMin, fnir: fnirAt(genuine, similarityMin) };
  });
  const rank1 = rateOf(genuine.filter(({ correct }) => correct).length, genuine.length);
  return { name, photosEnrolled, probeFrames, rank1, points, genuine, impostors };
}

/** A share with Wilson's score interval, which holds for rates near zero too (Wilson 1927). */
export function rateOf(count: number, of: number): Rate {
  if (of === 0) return { value: 0, low: 0, high: 1, count, of };
  const z = 1.96;
  const value = count / of;
  const centre = (value + z ** 2 / (2 * of)) / (1 + z ** 2 / of);
  const half = (z / (1 + z ** 2 / of)) * Math.sqrt((value * (1 - value)) / of + z ** 2 / (4 * of ** 2));
  return { value, low: Math.max(0, centre - half), high: Math.min(1, centre + half), count, of };
}

/** Runs the four scenarios: three and one photos enrolled, one and two frames looked at. */
export function evaluate(
  model: string,
  embeddingLength: number,
  protocol: EvaluationProtocol,
  embeddings: PhotoEmbeddings,
): readonly Scenario[] {
  const scenarios: Scenario[] = [];
  for (const photosEnrolled of [3, 1]) {
    const gallery = enrol(model, embeddingLength, protocol.gallery, photosEnrolled, embeddings);
    enrol(model, embeddingLength, protocol.distractors, 1, embeddings, gallery);
    // With one photo enrolled the distractors are ordinary people too, so their probes count.
    const pairs =
      photosEnrolled === 1 ? [...protocol.probes, ...protocol.single_shot_probes] : protocol.probes;
    const impostors = protocol.impostors.map((photo) =>
      trialOf(searchVisit(gallery, [embeddings.get(photo)]), null),
    );
    for (const probeFrames of [1, 2]) {
      const genuine = visitsOf(pairs, probeFrames).map(({ personId, photos }) => {
        const frames = photos.map((photo) => embeddings.get(photo));
        return trialOf(searchVisit(gallery, frames), personId);
      });
      const name = `${photosEnrolled} enrolled, ${probeFrames} frame${probeFrames > 1 ? "s" : ""}`;
      scenarios.push(scenarioOf(name, photosEnrolled, probeFrames, genuine, impostors));
    }
  }
  return scenarios;
}

/**
 * Every photo of an enrolled person against the gallery without that person: more impostors than the protocol names,
 * for thresholds of 0.1 %.
 */
export function leaveOneOutImpostors(
  model: string,
  embeddingLength: number,
  protocol: EvaluationProtocol,
  embeddings: PhotoEmbeddings,
): readonly Trial[] {
  const gallery = enrol(model, embeddingLength, protocol.gallery, 3, embeddings);
  enrol(model, embeddingLength, protocol.distractors, 1, embeddings, gallery);
  const strangers = protocol.impostors.map((photo) =>
    trialOf(searchVisit(gallery, [embeddings.get(photo)]), null),
  );
  const known = [...protocol.probes, ...protocol.single_shot_probes].map(([personId, photo]) =>
    trialOf(searchVisit(gallery, [embeddings.get(photo)], personId), null),
  );
  return [...strangers, ...known];
}

/** Photos of one person, `frames` at a time; a person with fewer photos gives no visit. */
function visitsOf(
  pairs: readonly (readonly [string, string])[],
  frames: number,
): readonly { readonly personId: string; readonly photos: readonly string[] }[] {
  const photosOf = Map.groupBy(pairs, ([personId]) => personId);
  return [...photosOf].flatMap(([personId, list]) => {
    const photos = list.map(([, photo]) => photo);
    const visits = Math.floor(photos.length / frames);
    return Array.from({ length: visits }, (_, i) => ({
      personId,
      photos: photos.slice(i * frames, (i + 1) * frames),
    }));
  });
}
