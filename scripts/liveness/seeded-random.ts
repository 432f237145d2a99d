/** Random numbers that a seed repeats: the same set on every machine. */

export interface SeededRandom {
  /** Evenly in [min, max). */
  between(min: number, max: number): number;
  /** A source of values with mean 0 and deviation 1, near enough to normal, for a million pixels. */
  grain(): () => number;
  /** Another sequence, told apart by its name. */
  fork(name: string): SeededRandom;
}

/** mulberry32 (Tommy Ettinger's, public domain): 32 bits of state are plenty for a picture's noise. */
export function seededRandom(seed: string): SeededRandom {
  let state = hashOf(seed);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    between: (min, max) => min + (max - min) * next(),
    grain: () => {
      // Drawn once and read in an order that jumps: a number for each of a million samples would cost a second.
      const table = Float32Array.from(
        { length: 1 << 14 },
        () => (next() + next() + next() + next() - 2) * 1.732,
      );
      let at = 0;
      let left = 0;
      return () => {
        if (left === 0) {
          at = Math.floor(next() * table.length);
          left = 97;
        }
        left -= 1;
        at = (at + 1) & (table.length - 1);
        return table[at] ?? 0;
      };
    },
    fork: (name) => seededRandom(`${seed}/${name}`),
  };
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}
