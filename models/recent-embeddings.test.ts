import { describe, expect, test } from "vitest";
import { RecentEmbeddings } from "./recent-embeddings.ts";

function world() {
  let nowMs = 0;
  const recent = new RecentEmbeddings(() => nowMs);
  return { recent, pass: (ms: number) => (nowMs += ms) };
}
const numbers = (...values: number[]) => Float32Array.from(values);

describe("embeddings of recent observations", () => {
  test("are given by observation and face, once", () => {
    const { recent } = world();
    recent.keep("a", [numbers(1), numbers(2)]);
    recent.keep("b", [numbers(3)]);
    expect(recent.take("a", 1)).toEqual(numbers(2));
    expect(recent.take("a", 1)).toBeNull();
    expect(recent.take("a", 0)).toEqual(numbers(1));
    expect(recent.take("b", 0)).toEqual(numbers(3));
  });

  test.each([
    ["an unknown observation", "x", 0],
    ["a face that was not seen", "a", 1],
    ["a place below the first", "a", -1],
    ["half a place", "a", 0.5],
    ["no number", "a", Number.NaN],
  ])("are null for %s", (_, id, faceIndex) => {
    const { recent } = world();
    recent.keep("a", [numbers(1)]);
    expect(recent.take(id, faceIndex)).toBeNull();
    expect(recent.take("a", 0)).toEqual(numbers(1));
  });

  test("are kept for 30 seconds and then overwritten", () => {
    const { recent, pass } = world();
    const embedding = numbers(1, 2);
    recent.keep("a", [embedding]);
    pass(30_000);
    recent.dropOld();
    expect(embedding).toEqual(numbers(1, 2));
    pass(1);
    expect(recent.take("a", 0)).toBeNull();
    expect(embedding).toEqual(numbers(0, 0));
  });

  test("are kept for the last 64 observations, and the oldest is overwritten", () => {
    const { recent } = world();
    const all = Array.from({ length: 65 }, (_, i) => numbers(i + 1));
    for (const [i, embedding] of all.entries()) recent.keep(String(i), [embedding]);
    expect(all[0]).toEqual(numbers(0));
    expect(recent.take("0", 0)).toBeNull();
    expect(recent.take("1", 0)).toEqual(numbers(2));
  });

  test("are not overwritten once they were taken: they are the taker's", () => {
    const { recent, pass } = world();
    recent.keep("a", [numbers(1)]);
    const taken = recent.take("a", 0);
    pass(60_000);
    recent.dropOld();
    expect(taken).toEqual(numbers(1));
  });
});
