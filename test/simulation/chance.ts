import { type Entropy, seededEntropy } from "../../device/platform/entropy.ts";

/** Everything that is left to chance in a run, from one seed. */
export class Chance {
  readonly entropy: Entropy;

  constructor(seed: number) {
    this.entropy = seededEntropy(seed);
  }

  /** A source of its own, so that what one part draws does not move another part's numbers. */
  branch(): Chance {
    return new Chance(this.below(2 ** 31));
  }

  /** True in `share` of the cases. */
  happens(share: number): boolean {
    return share > 0 && this.entropy.uniform() < share;
  }

  /** A whole number from 0 to `count` − 1. */
  below(count: number): number {
    return Math.floor(this.entropy.uniform() * count);
  }

  between(least: number, most: number): number {
    return least + this.entropy.uniform() * (most - least);
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }

  shuffled<T>(of: readonly T[]): T[] {
    return of
      .map((value) => ({ value, key: this.entropy.uniform() }))
      .sort((a, b) => a.key - b.key)
      .map(({ value }) => value);
  }
}
