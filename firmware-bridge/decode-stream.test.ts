import { describe, expect, it } from "vitest";
import { DECODE_LINE_CHARACTERS_MAX } from "./decode.ts";
import { decodeLines } from "./decode-stream.ts";

async function answersOf(...chunks: (string | Uint8Array)[]): Promise<unknown[]> {
  async function* input(): AsyncGenerator<string | Uint8Array> {
    yield* chunks;
  }
  const answers: unknown[] = [];
  for await (const line of decodeLines(input())) answers.push(JSON.parse(line));
  return answers;
}

const request = (id: string): string => JSON.stringify({ id, protocol: "mt-sics", hex: "53202d0d0a" });

describe("the stream of serial decode", () => {
  it("answers each line in order, however the lines are cut, and goes on after a bad one", async () => {
    const text = `${request("a")}\n\nnonsense\n${request("秤")}`;
    const bytes = new TextEncoder().encode(text);
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    const expected = [{ id: "a" }, { id: null, error: { code: "bad-line" } }, { id: "秤" }];
    expect(await answersOf(text)).toMatchObject(expected);
    expect(await answersOf(...single)).toMatchObject(expected);
  });

  it("drops a line that is too long to its end, and says so", async () => {
    const long = "x".repeat(DECODE_LINE_CHARACTERS_MAX / 2 + 1);
    expect(await answersOf(long, long, `tail\n${request("b")}\n`)).toMatchObject([
      { error: { code: "line-too-long" } },
      { id: "b" },
    ]);
  });
});
