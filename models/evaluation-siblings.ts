/** Twins of an evaluation set: would the terminal ask, or take the one for the other? Pure. */

import type { GalleryCalibration } from "./calibration/calibration-port.ts";
import {
  type EvaluationProtocol,
  fpirAt,
  type PhotoEmbeddings,
  type Rate,
  searchVisit,
  trialOf,
} from "./evaluation.ts";
import type { GalleryTemplate } from "./face-engine-port.ts";
import { addTemplate, Gallery } from "./gallery.ts";

/** What the terminal does with one pair, everybody of the protocol and both of them enrolled. */
export interface SiblingFinding {
  readonly people: readonly [string, string];
  /** Between the fused templates; null where one of them has no photo with a face. */
  readonly similarity: number | null;
  /** The calibration knows them as look-alikes, so that a visit of either ends in a question. */
  readonly asked: boolean;
  /** Photos of either that would be accepted as the other, were they themselves not enrolled: then nobody is asked. */
  readonly acceptedAsOther: Rate;
}

/** Photos by person: what is enrolled for the protocol, and all photos of twins who are not in it. */
export function enrolledPhotos(
  protocol: EvaluationProtocol,
  siblingPhotos: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  return new Map([
    ...siblingPhotos,
    ...Object.entries(protocol.distractors),
    ...Object.entries(protocol.gallery),
  ]);
}

/** Templates of these photos, those of one person together, as calibration wants them. */
export function templatesOf(
  model: string,
  people: ReadonlyMap<string, readonly string[]>,
  embeddings: PhotoEmbeddings,
): readonly GalleryTemplate[] {
  return [...people].flatMap(([personId, photos]) =>
    photos.flatMap((photo) => {
      const embedding = embeddings.get(photo);
      return embedding ? [{ templateId: photo, personId, model, embedding }] : [];
    }),
  );
}

/** @param templates all enrolled; the calibration is that of the same gallery. */
export function findSiblings(
  pairs: readonly (readonly [string, string])[],
  templates: readonly GalleryTemplate[],
  calibration: Pick<
    GalleryCalibration,
    "model" | "similarityMin" | "marginMin" | "lookAlikeMin" | "lookAlikes"
  >,
): readonly SiblingFinding[] {
  const ofPerson = Map.groupBy(templates, ({ personId }) => personId);
  const embeddingLength = templates[0]?.embedding.length ?? 0;
  if (embeddingLength === 0) return pairs.map(([a, b]) => unknown([a, b]));
  const gallery = new Gallery(calibration.model, embeddingLength);
  gallery.add(templates);
  return pairs.map(([one, other]) => {
    const [ofOne, ofOther] = [ofPerson.get(one), ofPerson.get(other)];
    if (ofOne === undefined || ofOther === undefined) return unknown([one, other]);
    const trials = [...ofOne, ...ofOther].map(({ personId, embedding }) =>
      trialOf(searchVisit(gallery, [embedding], personId), personId === one ? other : one),
    );
    const wrong = trials.map((trial) => (trial.correct ? trial : { ...trial, similarity: -1 }));
    return {
      people: [one, other],
      similarity: dot(fused(ofOne), fused(ofOther)),
      asked: calibration.lookAlikes.some(
        ({ personIds }) => personIds.includes(one) && personIds.includes(other),
      ),
      acceptedAsOther: fpirAt(wrong, calibration.similarityMin, calibration.marginMin),
    };
  });
}

function unknown(people: readonly [string, string]): SiblingFinding {
  return { people, similarity: null, asked: false, acceptedAsOther: fpirAt([], 1) };
}

function fused(templates: readonly GalleryTemplate[]): Float32Array {
  const mean = new Float32Array(templates[0]?.embedding.length ?? 0);
  let sumLength = 0;
  for (const { embedding } of templates) sumLength = addTemplate(mean, sumLength, embedding);
  return mean;
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
