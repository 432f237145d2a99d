import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rotationOf } from "./rotation.ts";

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

describe("rotation before quantisation", () => {
  test("keeps every dot product, for every length", () => {
    const vectors = fc.integer({ min: 1, max: 300 }).chain((length) => {
      const vector = fc.float32Array({ minLength: length, maxLength: length, noNaN: true, min: -1, max: 1 });
      return fc.tuple(vector, vector);
    });
    fc.assert(
      fc.property(vectors, ([a, b]) => {
        const rotation = rotationOf(a.length);
        const rotatedA = Float64Array.from(rotation.apply(a));
        expect(dot(rotatedA, rotation.apply(b))).toBeCloseTo(dot(a, b), 9);
      }),
    );
  });

  test("spreads the one large number of an embedding over all, wherever it stands", () => {
    const length = 704;
    const rotation = rotationOf(length);
    for (let at = 0; at < length; at += 1) {
      const spike = new Float32Array(length);
      spike[at] = 1;
      const largest = rotation.apply(spike).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expect(largest).toBeLessThan(0.2);
    }
  });
});
