import { randomBytes } from "node:crypto";
import { v7 } from "uuid";
import type { Clock } from "./clock.ts";

/** The only source of chance; seeded in tests, so that jitter and ids can be asserted. */
export interface Entropy {
  /** @returns `length` fresh bytes. */
  bytes(length: number): Uint8Array;
  /** @returns a number in [0, 1). */
  uniform(): number;
}

export const systemEntropy: Entropy = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  uniform: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};

/** A repeatable source for tests (mulberry32, public domain). Never for keys. */
export function seededEntropy(seed: number): Entropy {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { uniform, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(uniform() * 256)) };
}

/** Makes record ids. */
export interface IdSource {
  /** @returns a UUIDv7 (RFC 9562): sortable by time, 74 random bits. */
  next(): string;
}

export function idSource(clock: Clock, entropy: Entropy): IdSource {
  return { next: () => v7({ msecs: clock.now(), random: entropy.bytes(16) }) };
}
