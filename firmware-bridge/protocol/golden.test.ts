import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBytes } from "../decode.ts";
import type { Reading } from "../ports/reading.ts";
import { DIALECTS } from "./registry.ts";

/** A line of `golden.jsonl`: bytes, where they come from, and what they mean. */
interface GoldenFrame {
  readonly origin: "capture" | "manual" | "test-suite" | "code" | "derived";
  readonly source: string;
  readonly hex: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly expected: Readonly<Record<string, unknown>>;
}

function goldenFrames(key: string): readonly GoldenFrame[] {
  const text = readFileSync(new URL(`./${key}/golden.jsonl`, import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): GoldenFrame => JSON.parse(line));
}

function readingsOf(key: string, frame: GoldenFrame, chunks: readonly Uint8Array[]): readonly Reading[] {
  const answer = decodeBytes({ id: 1, protocol: key, options: frame.options ?? {} }, chunks);
  if ("error" in answer) throw new Error(answer.error.message);
  return answer.readings;
}

const bytesOf = (frame: GoldenFrame): Uint8Array => Uint8Array.from(Buffer.from(frame.hex, "hex"));

describe.each(DIALECTS.map((dialect) => dialect.key))("golden frames of %s", (key) => {
  const frames = goldenFrames(key);

  it("mean what their source says, each at least once", () => {
    expect(frames.length).toBeGreaterThan(2);
    for (const frame of frames)
      expect(readingsOf(key, frame, [bytesOf(frame)]), frame.hex).toContainEqual(
        expect.objectContaining(frame.expected),
      );
  });

  it("mean the same one byte at a time and in random chunks", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...frames),
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 12 }),
        (frame, cuts) => {
          const bytes = bytesOf(frame);
          const whole = readingsOf(key, frame, [bytes]);
          const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
          expect(readingsOf(key, frame, single)).toEqual(whole);
          expect(readingsOf(key, frame, cutAt(bytes, cuts))).toEqual(whole);
        },
      ),
      { numRuns: 50 },
    );
  });
});

function cutAt(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const length of lengths) {
    chunks.push(bytes.subarray(from, from + length));
    from += length;
  }
  return [...chunks, bytes.subarray(from)];
}
