/** The galleries of all packs: a template goes to its own pack's, and a person may be in several while packs change. */

import type { GalleryLoad, GallerySize, GalleryTemplate, OtherSearch } from "./face-engine-port.ts";
import { Gallery } from "./gallery.ts";
import { joinedLoads } from "./gallery-load.ts";
import type { ModelPack } from "./manifest.ts";

type PackShape = Pick<ModelPack, "id" | "embeddingLength">;

/** Templates of one pack on their way: row i of `embeddings` (each of the pack's length) is the i-th template. */
export interface TemplateChunk {
  readonly model: string;
  readonly templateIds: readonly string[];
  readonly personIds: readonly string[];
  readonly embeddings: Float32Array<ArrayBuffer>;
}

export class GallerySet {
  readonly primary: PackShape;
  readonly sides: readonly PackShape[];
  private expectedIds: readonly string[] | null = null;
  private live: ReadonlyMap<string, Gallery>;
  /** Being loaded, until its commit. */
  private incoming: ReadonlyMap<string, Gallery> | null = null;

  constructor(primary: PackShape, sides: readonly PackShape[]) {
    this.primary = primary;
    this.sides = sides;
    this.live = this.fresh(0);
  }

  /** Starts new galleries beside the live ones. */
  begin(peopleCount: number): void {
    this.incoming = this.fresh(peopleCount);
  }

  append(chunks: readonly TemplateChunk[]): GalleryLoad {
    return addTo(this.incoming ?? this.live, chunks);
  }

  /** Puts the new galleries in the live ones' place. */
  commit(): void {
    this.live = this.incoming ?? this.live;
    this.incoming = null;
  }

  replacePerson(personId: string, chunks: readonly TemplateChunk[]): GalleryLoad {
    for (const gallery of this.live.values()) gallery.removePerson(personId);
    return addTo(
      this.live,
      chunks.map((chunk) => ({ ...chunk, personIds: chunk.personIds.map(() => personId) })),
    );
  }

  setExpected(personIds: readonly string[] | null): void {
    this.expectedIds = personIds;
    for (const galleries of [this.live, this.incoming ?? []])
      for (const gallery of galleries.values()) gallery.setExpected(personIds);
  }

  /** @returns the gallery of a pack that this set was made with. */
  of(model: string): Gallery {
    return galleryIn(this.live, model);
  }

  /** Side packs that have anybody in them. */
  sidesInUse(): readonly PackShape[] {
    return this.sides.filter(({ id }) => this.of(id).size.people > 0);
  }

  get size(): GallerySize {
    return this.of(this.primary.id).size;
  }

  /** What the side galleries answer to the same face's embeddings; one whose last person just left says nothing. */
  searchSides(
    embeddings: readonly { readonly model: string; readonly embedding: Float32Array }[],
  ): OtherSearch[] {
    return embeddings
      .filter(({ model }) => this.of(model).size.people > 0)
      .map(({ model, embedding }) => ({ model, search: this.of(model).observe(embedding) }));
  }

  private fresh(peopleCount: number): ReadonlyMap<string, Gallery> {
    const made = new Map<string, Gallery>();
    for (const { id, embeddingLength } of [this.primary, ...this.sides]) {
      const gallery = new Gallery(id, embeddingLength, id === this.primary.id ? peopleCount : 0);
      gallery.setExpected(this.expectedIds);
      made.set(id, gallery);
    }
    return made;
  }
}

function addTo(galleries: ReadonlyMap<string, Gallery>, chunks: readonly TemplateChunk[]): GalleryLoad {
  const loads = chunks.map((chunk) => {
    const gallery = galleryIn(galleries, chunk.model);
    const load = gallery.add(unpacked(chunk, gallery.embeddingLength));
    // The gallery has its own copy. Left to the collector, thousands of chunks would be tens of megabytes.
    chunk.embeddings.buffer.transfer(0);
    return load;
  });
  return joinedLoads(loads);
}

function galleryIn(galleries: ReadonlyMap<string, Gallery>, model: string): Gallery {
  const gallery = galleries.get(model);
  // The engine sends templates of its own packs only.
  if (gallery === undefined) throw new Error(`there is no gallery of ${model}`);
  return gallery;
}

function unpacked(
  { model, templateIds, personIds, embeddings }: TemplateChunk,
  embeddingLength: number,
): readonly GalleryTemplate[] {
  return templateIds.map((templateId, i) => ({
    templateId,
    personId: personIds[i] ?? "",
    model,
    embedding: embeddings.subarray(i * embeddingLength, (i + 1) * embeddingLength),
  }));
}
