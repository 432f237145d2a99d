/**
 * What may enter a gallery. Beside the gallery, because the main thread checks too, before it hands vectors over, and
 * must not load the search library for that.
 */

import type { GalleryTemplate, TemplateRefusal } from "./face-engine-port.ts";

/** How far from length 1 an embedding may be (float32 rounding, and a decimal round trip). */
export const embeddingLengthTolerance = 1e-3;

/**
 * Why a template may not enter any gallery, or `null`.
 * @param lengths numbers in an embedding, by the model of each gallery.
 */
export function templateRefusal(
  template: GalleryTemplate,
  lengths: ReadonlyMap<string, number>,
): TemplateRefusal | null {
  const length = lengths.get(template.model);
  return length === undefined ? "other-model" : embeddingRefusal(template.embedding, length);
}

/** Why a vector is no embedding of `length` numbers, or `null`. */
export function embeddingRefusal(
  embedding: Float32Array,
  length: number,
): Exclude<TemplateRefusal, "other-model"> | null {
  if (embedding.length !== length) return "wrong-length";
  let squares = 0;
  for (const value of embedding) squares += value * value;
  if (!Number.isFinite(squares)) return "not-finite";
  return Math.abs(Math.sqrt(squares) - 1) > embeddingLengthTolerance ? "not-normalised" : null;
}
