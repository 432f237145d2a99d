import type { GalleryTemplate } from "./face-engine-port.ts";
import type { TemplateChunk } from "./gallery-set.ts";

/** Templates on their way to the worker: some at a time, of one model each, in one buffer that is given away. */

export function* partsOf<T>(all: Iterable<T>, countMax: number): Generator<readonly T[], void> {
  let part: T[] = [];
  for (const one of all) {
    part.push(one);
    if (part.length < countMax) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

export function chunkOf(model: string, length: number, templates: readonly GalleryTemplate[]): TemplateChunk {
  const embeddings = new Float32Array(templates.length * length);
  for (const [i, { embedding }] of templates.entries()) embeddings.set(embedding, i * length);
  const templateIds = templates.map(({ templateId }) => templateId);
  return { model, templateIds, personIds: templates.map(({ personId }) => personId), embeddings };
}

export const buffersOf = (chunks: readonly TemplateChunk[]) =>
  chunks.map(({ embeddings }) => embeddings.buffer);
