import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeBytes } from "../decode.ts";
import type { Reading } from "../ports/reading.ts";
import { DIALECTS } from "./registry.ts";

interface GoldenFrame {
  readonly hex: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly expected: { readonly type: string; readonly value?: string | null };
}

function weightsIn(key: string, { hex, options = {} }: GoldenFrame): readonly Reading[] {
  const answer = decodeBytes({ id: 1, protocol: key, options }, [Uint8Array.from(Buffer.from(hex, "hex"))]);
  return "error" in answer ? [] : answer.readings.filter(({ type }) => type === "weight");
}

function weightsOf(key: string): readonly GoldenFrame[] {
  const text = readFileSync(new URL(`./${key}/golden.jsonl`, import.meta.url), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line): GoldenFrame => JSON.parse(line))
    .filter(({ expected }) => expected.type === "weight" && typeof expected.value === "string")
    .filter((frame) => weightsIn(key, frame).length === 1);
}

const scales = DIALECTS.map(({ key }) => key).filter((key) => weightsOf(key).length > 0);

describe.each(scales)("a part of a frame of %s", (key) => {
  it("never says another weight than the whole", () => {
    for (const { hex, options = {}, expected } of weightsOf(key)) {
      const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
      for (let cut = 1; cut < bytes.length; cut++)
        for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
          const answer = decodeBytes({ id: cut, protocol: key, options }, [part]);
          const readings = "error" in answer ? [] : answer.readings;
          for (const reading of readings)
            if (reading.type === "weight" && reading.value !== null)
              expect(reading.value, Buffer.from(part).toString("latin1")).toBe(expected.value);
        }
    }
  });
});
