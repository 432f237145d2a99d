/**
 * Embeddings of the last observations, for a short while: somebody who was recognised and paid can be enrolled from
 * that visit with no picture kept. What is dropped is overwritten.
 */

const observationCountMax = 64;
const keptMsMax = 30_000;

interface KeptObservation {
  readonly keptAtMs: number;
  /** By place in the observation's faces; null once it was taken. */
  readonly embeddings: (Float32Array | null)[];
}

export class RecentEmbeddings {
  private readonly nowMs: () => number;
  /** Oldest first. */
  private readonly kept = new Map<string, KeptObservation>();

  /** @param nowMs of a clock that never goes back. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  keep(observationId: string, embeddings: readonly Float32Array[]): void {
    this.kept.set(observationId, { keptAtMs: this.nowMs(), embeddings: [...embeddings] });
    this.dropOld();
  }

  /** Gives an embedding away, once. @returns null when it is gone. */
  take(observationId: string, faceIndex: number): Float32Array | null {
    this.dropOld();
    const embeddings = this.kept.get(observationId)?.embeddings;
    const embedding = embeddings?.[faceIndex] ?? null;
    if (embedding !== null) embeddings?.splice(faceIndex, 1, null);
    return embedding;
  }

  /** To be called now and then also when nobody looks: nothing stays for longer than it may. */
  dropOld(): void {
    for (const [id, { keptAtMs, embeddings }] of this.kept) {
      if (this.kept.size <= observationCountMax && this.nowMs() - keptAtMs <= keptMsMax) return;
      for (const embedding of embeddings) embedding?.fill(0);
      this.kept.delete(id);
    }
  }
}
