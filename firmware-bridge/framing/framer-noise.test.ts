import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { OptionBag } from "../ports/dialect.ts";
import type { FramingSpec } from "../ports/framing.ts";
import { DIALECTS } from "../protocol/registry.ts";
import { createFramer } from "./framer.ts";

/** For each framing. CANTEEN_LONG=1 is the real thing; a tenth of it finds the same mistakes on most days. */
const BYTES = process.env["CANTEEN_LONG"] === undefined ? 1e6 : 1e7;
const CHUNK_BYTES_MAX = 8192;
/** The line falls silent after so many chunks on average. */
const CHUNKS_UNTIL_SILENCE = 16;

/** Options that change the framing itself. */
const VARIANTS: Readonly<Record<string, readonly OptionBag[]>> = {
  "scanner-serial": ["any", "cr", "lf", "crlf", "tab", "etx", "none"].map((suffix) => ({ suffix })),
  "toledo-continuous": ["auto", "on", "off"].map((checksum) => ({ checksum })),
};

interface Case {
  readonly name: string;
  readonly spec: FramingSpec;
  readonly frames: readonly Uint8Array[];
}

/** Every framing that a dialect uses. Line, enclosed and burst framings with the same data are one and the same. */
function distinctCases(): readonly Case[] {
  const cases = new Map<string, Case>();
  for (const dialect of DIALECTS)
    for (const options of VARIANTS[dialect.key] ?? [{}]) {
      const spec = dialect.open(options).framing;
      const name = `${dialect.key} ${JSON.stringify(options)}`;
      const data = spec.kind === "measured" ? name : JSON.stringify(spec);
      if (!cases.has(data)) cases.set(data, { name, spec, frames: goldenFrames(dialect.key) });
    }
  return [...cases.values()];
}

function goldenFrames(key: string): readonly Uint8Array[] {
  const lines = readFileSync(new URL(`../protocol/${key}/golden.jsonl`, import.meta.url), "utf8").trim();
  return lines.split("\n").map((line) => {
    const { hex }: { readonly hex: string } = JSON.parse(line);
    return Uint8Array.from(Buffer.from(hex, "hex"));
  });
}

/** Marsaglia's xorshift32. */
class Noise {
  #state = 0x2545f491;
  readonly #words = new Uint32Array(CHUNK_BYTES_MAX / 4);
  readonly #bytes = new Uint8Array(this.#words.buffer);

  below(bound: number): number {
    return this.#next() % bound;
  }

  /** Valid until the next call. */
  chunk(lengthBytes: number): Uint8Array {
    for (let index = 0; index * 4 < lengthBytes; index++) this.#words[index] = this.#next();
    return this.#bytes.subarray(0, lengthBytes);
  }

  #next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }
}

/** In every other chunk frames of the dialect lie across the noise and each other, so that rules get past their head. */
function strewn(chunk: Uint8Array, frames: readonly Uint8Array[], noise: Noise): Uint8Array {
  for (let at = noise.below(64); at < chunk.length; at += 8 + noise.below(64)) {
    const frame = frames[noise.below(frames.length)] ?? chunk;
    chunk.set(frame.subarray(0, chunk.length - at), at);
  }
  return chunk;
}

describe(`${BYTES} random bytes`, () => {
  it.each(distinctCases())(
    "neither throw in the framing of $name nor fill its buffer beyond the maximum",
    ({ spec, frames }) => {
      const framer = createFramer(spec);
      const noise = new Noise();
      let pushedBytes = 0;
      let mostBufferedBytes = 0;
      let framesOut = 0;
      for (let turn = 0; pushedBytes < BYTES; turn++) {
        const chunk = noise.chunk(1 + noise.below(CHUNK_BYTES_MAX));
        const events = framer.push(turn % 2 === 0 ? chunk : strewn(chunk, frames, noise));
        pushedBytes += chunk.length;
        mostBufferedBytes = Math.max(mostBufferedBytes, framer.bufferedBytes);
        framesOut += events.filter(({ kind }) => kind === "frame").length;
        if (noise.below(CHUNKS_UNTIL_SILENCE) > 0) continue;
        framesOut += framer.end().filter(({ kind }) => kind === "frame").length;
        if (framer.bufferedBytes !== 0) expect.fail("bytes were kept beyond the silence");
      }
      expect(mostBufferedBytes).toBeLessThanOrEqual(framer.frameBytesMax);
      const counters = framer.counters();
      // A burst has room for one small message; the chunks here are longer.
      if (spec.kind !== "burst") expect(framesOut).toBeGreaterThan(0);
      expect(counters.frames).toBe(framesOut);
      expect(counters.frames + counters.noiseBytes).toBeLessThanOrEqual(pushedBytes);
    },
  );
});
