/** Galleries of invented people, for tests and benchmarks: of nobody's face, but as alike as faces are. */

import type { GalleryTemplate } from "../face-engine-port.ts";

export interface SyntheticGalleryOptions {
  readonly model: string;
  readonly embeddingLength: number;
  readonly peopleCount: number;
  readonly templatesPerPerson: number;
  /** Pairs of people, by number, of whom the second is made nearly as the first. */
  readonly twins?: readonly (readonly [number, number])[];
  readonly random: () => number;
}

/** Dimensions in which people differ: two random directions are then 0 ± 0.11 alike, as strangers' faces are. */
const dimensions = 81;
/** Share of a photo that is not the person: two photos of one are then 0.72 alike, as photos of another day are. */
const photoNoise = 0.62;
/** Twins are then 0.74 alike, mean against mean. */
const twinNoise = 0.45;

/** Templates person by person (`p00000`, …), made as they are taken. */
export function* syntheticGallery(options: SyntheticGalleryOptions): Generator<GalleryTemplate, void> {
  const { model, embeddingLength, peopleCount, templatesPerPerson, twins = [], random } = options;
  const used = Math.min(dimensions, embeddingLength);
  const twinOf = new Map(twins.flatMap(([a, b]) => [[Math.max(a, b), Math.min(a, b)] as const]));
  const wanted = new Set(twins.map(([a, b]) => Math.min(a, b)));
  const kept = new Map<number, Float32Array>();
  for (let person = 0; person < peopleCount; person += 1) {
    const first = kept.get(twinOf.get(person) ?? -1);
    const direction = randomDirection(used, random);
    const face = first === undefined ? direction : mixed(first, direction, twinNoise);
    if (wanted.has(person)) kept.set(person, face);
    for (let photo = 0; photo < templatesPerPerson; photo += 1) {
      const embedding = new Float32Array(embeddingLength);
      embedding.set(mixed(face, randomDirection(used, random), photoNoise));
      const personId = `p${String(person).padStart(5, "0")}`;
      yield { templateId: `${personId}-${photo}`, personId, model, embedding };
    }
  }
}

/** @param noise length of the second part beside a first one of what makes the whole 1. */
function mixed(base: Float32Array, other: Float32Array, noise: number): Float32Array {
  const keep = Math.sqrt(1 - noise * noise);
  return normalised(base.map((value, i) => keep * value + noise * (other[i] ?? 0)));
}

function randomDirection(length: number, random: () => number): Float32Array {
  return normalised(
    Float32Array.from(
      { length },
      () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
    ),
  );
}

function normalised(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
