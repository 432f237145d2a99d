/** Invented embeddings for the gallery's tests. For tests only. */

/** Small generator with a seed (mulberry32): thousands of vectors must come back the same from one number. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function unit(values: Iterable<number>): Float32Array {
  const all = Float64Array.from(values);
  const norm = Math.hypot(...all);
  return Float32Array.from(all, (value) => value / norm);
}

/** Random, or around `near`: each number moves by about `spread` of a random unit vector's. */
export function randomUnit(
  random: () => number,
  length: number,
  near?: Float32Array,
  spread = 1,
): Float32Array {
  // A sum of three has a standard deviation of a half.
  const scale = near === undefined ? 1 : (2 * spread) / Math.sqrt(length);
  return unit(
    Array.from({ length }, (_, i) => (near?.[i] ?? 0) + scale * (random() + random() + random() - 1.5)),
  );
}

/** One spike: quantises badly, because it does not fit the int8 range. */
export function spike(at: number, length: number): Float32Array {
  return unit(Array.from({ length }, (_, i) => (i === at ? 1 : 0.01)));
}
