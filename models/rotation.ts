/**
 * A fixed rotation that spreads each number of a vector over many, so that int8 copies lose little.
 *
 * The embeddings have a few numbers that are ten times as large as the others. With a step that fits the others
 * those are cut off, with one that fits them the others drown. Dot products do not change under a rotation, and after
 * this one no number stands out: signs flip, blocks of 64 are Hadamard-transformed, neighbours move apart, and again.
 * (Ailon and Chazelle 2009 use the same to make vectors dense.)
 */

const blockLength = 64;

export interface Rotation {
  /** The rotated vector; valid until the next call. */
  apply(vector: Float32Array): Float64Array;
}

/** @param length of the vectors; what does not fill a block of 64 at the end is turned in smaller blocks. */
export function rotationOf(length: number): Rotation {
  const signs = Float64Array.from({ length }, (_, i) => signOf(i));
  const blocks = blocksOf(length);
  const [rotated, moved] = [new Float64Array(length), new Float64Array(length)];
  const sources = scattered(length);
  return {
    apply(vector) {
      for (let i = 0; i < length; i += 1) moved[i] = (vector[i] ?? 0) * (signs[i] ?? 1);
      for (const { start, size } of blocks) hadamard(moved, start, size);
      for (let i = 0; i < length; i += 1) {
        const source = sources[i] ?? 0;
        rotated[i] = (moved[source] ?? 0) * (signs[length - 1 - i] ?? 1);
      }
      for (const { start, size } of blocks) hadamard(rotated, start, size);
      return rotated;
    },
  };
}

/** A repeatable coin: the parity of a scrambled index (the finaliser of MurmurHash3). */
function signOf(index: number): 1 | -1 {
  let h = Math.imul(index + 1, 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return ((h ^ (h >>> 16)) & 1) === 0 ? 1 : -1;
}

interface Block {
  readonly start: number;
  /** A power of two. */
  readonly size: number;
}

function blocksOf(length: number): readonly Block[] {
  const blocks: Block[] = [];
  for (let start = 0; start < length; ) {
    let size = blockLength;
    while (size > length - start) size /= 2;
    blocks.push({ start, size });
    start += size;
  }
  return blocks;
}

/** A permutation that takes the numbers of one block from all over: rows of a table become its columns. */
function scattered(length: number): Int32Array {
  const columns = Math.ceil(length / blockLength);
  const sources: number[] = [];
  for (let column = 0; column < columns; column += 1)
    for (let i = column; i < length; i += columns) sources.push(i);
  return Int32Array.from(sources);
}

/** The Walsh–Hadamard transform of a block, in place, scaled to keep lengths. */
function hadamard(values: Float64Array, start: number, size: number): void {
  for (let half = 1; half < size; half *= 2) {
    for (let pair = start; pair < start + size; pair += 2 * half) {
      for (let i = pair; i < pair + half; i += 1) {
        const a = values[i] ?? 0;
        const b = values[i + half] ?? 0;
        values[i] = a + b;
        values[i + half] = a - b;
      }
    }
  }
  const scale = 1 / Math.sqrt(size);
  for (let i = start; i < start + size; i += 1) values[i] = (values[i] ?? 0) * scale;
}
