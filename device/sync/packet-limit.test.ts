import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketLimit } from "./packet-limit.ts";

/** An MQTT packet of the given remaining length: type, variable-length size, content. */
function packet(length: number): Uint8Array {
  const size: number[] = [];
  let left = length;
  do {
    size.push((left % 128) + (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Uint8Array.from([0x30, ...size, ...new Array<number>(length).fill(0x80)]);
}

function chunksOf(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
}

describe("PacketLimit", () => {
  it("lets packets up to the limit pass, however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 60 }),
        (lengths, sizes) => {
          const limit = new PacketLimit(300);
          const bytes = Uint8Array.from(lengths.flatMap((length) => [...packet(length)]));
          expect(chunksOf(bytes, sizes).every((chunk) => limit.accept(chunk))).toBe(true);
        },
      ),
    );
  });

  it("refuses one byte more as soon as the length is known, before the content", () => {
    for (const length of [301, 16_384, 2_097_152]) {
      const limit = new PacketLimit(300);
      const header = packet(Math.min(length, 20_000)).subarray(0, 5);
      expect([...header].every((byte) => limit.accept(Uint8Array.of(byte)))).toBe(false);
    }
  });

  it("refuses a length of five digits, which MQTT does not have", () => {
    expect(new PacketLimit(2 ** 40).accept(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff))).toBe(false);
  });
});
