import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MjpegFramer } from "./camera-mjpeg-framer.ts";

const jpeg = (...body: number[]): Buffer => Buffer.from([0xff, 0xd8, ...body, 0xff, 0xd9]);

function part(picture: Uint8Array, options: { boundary?: string; length?: number | null } = {}): Buffer {
  const { boundary = "frame", length = picture.length } = options;
  const lengthLine = length === null ? "" : `Content-Length: ${length}\r\n`;
  return Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Type: image/jpeg\r\n${lengthLine}\r\n`),
    picture,
    Buffer.from("\r\n"),
  ]);
}

const sizes = (pictures: readonly Uint8Array[]): number[] => pictures.map((picture) => picture.length);

describe("MjpegFramer", () => {
  it("hands a part with a length on as soon as its last byte is there", () => {
    const framer = new MjpegFramer("frame");
    const bytes = part(jpeg(1, 2, 3));
    expect(framer.push(bytes.subarray(0, -3))).toEqual([]);
    expect(framer.push(bytes.subarray(-3, -2))).toEqual([new Uint8Array(jpeg(1, 2, 3))]);
  });

  it("hands a part without a length on when the next boundary comes", () => {
    const framer = new MjpegFramer("frame");
    expect(framer.push(part(jpeg(1), { length: null }))).toEqual([]);
    expect(sizes(framer.push(part(jpeg(1, 2), { length: null })))).toEqual([5]);
  });

  it("takes a boundary that the header wrote with its dashes", () => {
    const framer = new MjpegFramer("--frame");
    expect(sizes(framer.push(part(jpeg(1))))).toEqual([5]);
  });

  it("skips a part that was cut off and finds its step at the next boundary", () => {
    const framer = new MjpegFramer("frame");
    const cut = part(jpeg(1, 2, 3, 4, 5, 6, 7, 8), { length: 500 });
    expect(sizes(framer.push(Buffer.concat([cut, part(jpeg(9))])))).toEqual([5]);
    expect(framer.counts()).toEqual({ frames: 1, broken: 1 });
  });

  it("skips a part that is no JPEG", () => {
    const framer = new MjpegFramer("frame");
    expect(sizes(framer.push(Buffer.concat([part(Buffer.from("<html>")), part(jpeg(9))])))).toEqual([5]);
    expect(framer.counts().broken).toBe(1);
  });

  it("skips a part larger than the frame maximum, stated or not", () => {
    const big = jpeg(...Array<number>(200).fill(7));
    for (const length of [big.length, null]) {
      const framer = new MjpegFramer("frame", 100);
      expect(
        sizes(framer.push(Buffer.concat([part(big, { length }), part(jpeg(9)), part(jpeg(9))]))),
      ).toContain(5);
      expect(framer.counts().broken).toBeGreaterThan(0);
    }
  });

  it("gives the same pictures however the bytes are cut into chunks", () => {
    const pictures = [jpeg(1), jpeg(0x0d, 0x0a, 0x2d, 0x2d), jpeg(...Array<number>(50).fill(3))];
    const stream = Buffer.concat([
      Buffer.from("preamble\r\n"),
      ...pictures.map((picture, index) => part(picture, { length: index === 1 ? null : picture.length })),
    ]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (cuts) => {
        const framer = new MjpegFramer("frame");
        const found: Uint8Array[] = [];
        for (let from = 0, turn = 0; from < stream.length; turn++) {
          const to = from + (cuts[turn % cuts.length] ?? 1);
          found.push(...framer.push(stream.subarray(from, to)));
          from = to;
        }
        expect(found).toEqual(pictures.map((picture) => new Uint8Array(picture)));
      }),
    );
  });

  it("never throws at garbage and still reads the picture that follows", () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .constantFrom("--frame", "\r\n\r\n", "Content-Length: 9\r\n\r\n", "--frame\r\n\r\n")
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 12 }), (chunks) => {
        const framer = new MjpegFramer("frame", 400);
        for (const chunk of chunks) framer.push(chunk);
        const found = [
          ...framer.push(Buffer.concat([Buffer.from("\r\n"), part(jpeg(42))])),
          ...framer.push(Buffer.concat([part(jpeg(42)), part(jpeg(42))])),
        ];
        expect(sizes(found)).toContain(5);
      }),
    );
  });
});
