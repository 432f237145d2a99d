import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage, frameLimits, photoLimits } from "./decode.ts";
import { jpegScanCount } from "./jpeg-scans.ts";

const plain = (widthPx: number, heightPx: number) =>
  sharp({ create: { width: widthPx, height: heightPx, channels: 3, background: "#a0b0c0" } });

/** A valid JPEG that goes over its picture `count` times more than it need: libjpeg warns of nothing. */
async function withScansRepeated(count: number): Promise<Buffer> {
  const jpeg = await plain(64, 64).jpeg({ progressive: true }).toBuffer();
  const tables = jpeg.lastIndexOf(Buffer.from([0xff, 0xc4]), jpeg.indexOf(Buffer.from([0xff, 0xda, 0, 8])));
  const start = jpeg.indexOf(Buffer.from([0xff, 0xda, 0, 8]), tables);
  const end = jpeg.indexOf(Buffer.from([0xff, 0xc4]), start);
  const scan = Buffer.from(jpeg.subarray(tables, end));
  // Its last bits, whole: a first scan is allowed again only where nothing is left to refine.
  scan[start - tables + 9] = 0;
  const eoi = jpeg.subarray(-2);
  return Buffer.concat([jpeg.subarray(0, -2), ...Array<Buffer>(count).fill(scan), eoi]);
}

describe("a JPEG with many scans", () => {
  test("is counted as libjpeg meets them", async () => {
    expect(jpegScanCount(await plain(64, 64).jpeg().toBuffer())).toBe(1);
    const progressive = jpegScanCount(await plain(64, 64).jpeg({ progressive: true }).toBuffer());
    expect(progressive).toBe(10);
    expect(jpegScanCount(await withScansRepeated(7))).toBe(progressive + 7);
  });

  test("is decoded up to what programs write and refused beyond, before libjpeg reads it", async () => {
    expect(await decodeImage(await withScansRepeated(20))).toMatchObject({ widthPx: 64, heightPx: 64 });
    await expect(decodeImage(await withScansRepeated(23))).rejects.toMatchObject({
      code: "image-unreadable",
      message: expect.stringContaining("scans"),
    });
  });

  test("is not seen in a thumbnail or in what follows the picture, as of a telephone's moving photo", async () => {
    const jpeg = await plain(64, 64).jpeg().toBuffer();
    const scans = Buffer.concat(Array<Buffer>(100).fill(Buffer.from([0xff, 0xda, 0, 2])));
    const segment = Buffer.concat([Buffer.from([0xff, 0xe1, 0, 0]), scans]);
    segment.writeUInt16BE(scans.length + 2, 2);
    const both = Buffer.concat([jpeg.subarray(0, 2), segment, jpeg.subarray(2), scans]);
    expect(jpegScanCount(both)).toBe(1);
    expect(await decodeImage(both)).toMatchObject({ widthPx: 64, heightPx: 64 });
  });

  test("is counted too high rather than too low where a segment lies about its length", () => {
    const scans = Array<number[]>(40).fill([0xff, 0xda, 0, 0]).flat();
    expect(jpegScanCount(Uint8Array.of(0xff, 0xd8, ...scans))).toBe(40);
    expect(jpegScanCount(Uint8Array.of(0xff, 0xd8, 0xff, 0xe1, 0, 0, ...scans))).toBe(40);
    expect(jpegScanCount(Uint8Array.of(0xff, 0xd8, 0xff, 0xff, 0xda))).toBe(1);
    expect(jpegScanCount(Uint8Array.of(0xff, 0xd8))).toBe(0);
  });
});

describe("a large picture", () => {
  test("has its longer side made as long as the limit while it is decoded, and keeps its shape", async () => {
    const bytes = await plain(3000, 1500).jpeg().toBuffer();
    const { widthPx, heightPx, data } = await decodeImage(bytes, frameLimits);
    expect([widthPx, heightPx]).toEqual([2048, 1024]);
    expect(data).toHaveLength(2048 * 1024 * 3);
    expect(await decodeImage(bytes)).toMatchObject({ widthPx: 3000, heightPx: 1500 });
  });

  test("is turned upright before it is measured", async () => {
    const bytes = await plain(3000, 1500).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await decodeImage(bytes, frameLimits)).toMatchObject({ widthPx: 1024, heightPx: 2048 });
  });

  test("of more pixels than a terminal's camera has is refused as a frame and taken as a photo", async () => {
    const bytes = await plain(4000, 3000).jpeg().toBuffer();
    await expect(decodeImage(bytes, frameLimits)).rejects.toMatchObject({ code: "image-too-large" });
    expect(await decodeImage(bytes, photoLimits)).toMatchObject({ widthPx: 4000, heightPx: 3000 });
  });

  test("of over 25 megapixels is refused by its header", async () => {
    const bytes = await plain(5001, 5000).png().toBuffer();
    await expect(decodeImage(bytes)).rejects.toMatchObject({ code: "image-too-large" });
  });
});
