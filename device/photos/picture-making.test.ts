import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { CAPTION_LINE_LENGTH_MAX, captionFontHere, captionStrip, shownLine } from "./caption-strip.ts";
import { madeFrame } from "./picture-fixture.ts";
import { makePictures, PHOTO_SIDE_PX_MAX, PictureUnreadable } from "./picture-making.ts";
import { inPixelFont, pixelLine } from "./pixel-font.ts";

const caption = { lines: ["青菜 12.350 kg 净重", "2026-09-01 06:12:33  秤 scale-1  #4f2a91"] };
const font = await captionFontHere();
const cutOff = (await madeFrame(640, 480)).subarray(0, 9000);

async function made(jpeg: Uint8Array, lines = caption.lines, qualities = new Map()) {
  const { photo, thumbnail } = await makePictures(
    { jpeg, faces: Promise.resolve(null), caption: { lines } },
    font,
    qualities,
  );
  const [photoMeta, thumbnailMeta] = await Promise.all([
    sharp(photo).metadata(),
    sharp(thumbnail).metadata(),
  ]);
  return { photo, thumbnail, photoMeta, thumbnailMeta };
}

describe("the two pictures of a photo", () => {
  it.each([
    ["a webcam's", 640, 480, 0.1],
    ["a full-HD camera's", 1920, 1080, 0.2],
    ["an upright telephone's", 1500, 2000, 0.3],
    ["a noisy night's", 1920, 1080, 1],
  ])("of %s frame are within their limits", async (_what, width, height, noise) => {
    const { photo, thumbnail, photoMeta, thumbnailMeta } = await made(
      await madeFrame(width, height, { noise }),
    );
    expect(photo.byteLength).toBeLessThanOrEqual(200_000);
    expect(thumbnail.byteLength).toBeLessThanOrEqual(12_000);
    expect(Math.max(photoMeta.width, photoMeta.height)).toBeLessThanOrEqual(PHOTO_SIDE_PX_MAX);
    expect(Math.max(thumbnailMeta.width, thumbnailMeta.height)).toBeLessThanOrEqual(240);
    expect([photoMeta.format, thumbnailMeta.format]).toEqual(["jpeg", "jpeg"]);
  });

  it("are about as large as wanted where the picture has as much in it, also the next one", async () => {
    const qualities = new Map();
    for (const seed of [1, 2, 3]) {
      const { photo, thumbnail } = await made(
        await madeFrame(1920, 1080, { noise: 0.3, seed }),
        caption.lines,
        qualities,
      );
      expect(photo.byteLength).toBeGreaterThan(100_000);
      expect(thumbnail.byteLength).toBeGreaterThan(5000);
    }
  });

  it("of a camera with 20 megapixels are as small as any; more than a camera has is refused", async () => {
    const flat = (width: number, height: number): Promise<Buffer> =>
      sharp({ create: { width, height, channels: 3, background: "#7a4" } })
        .jpeg()
        .toBuffer();
    const { photoMeta, photo, thumbnail } = await made(await flat(5184, 3888));
    expect(Math.max(photoMeta.width, photoMeta.height)).toBeLessThanOrEqual(PHOTO_SIDE_PX_MAX);
    expect(photo.byteLength).toBeLessThanOrEqual(200_000);
    expect(thumbnail.byteLength).toBeLessThanOrEqual(12_000);
    await expect(made(await flat(6000, 4500))).rejects.toBeInstanceOf(PictureUnreadable);
  });

  it("keep nothing that the camera wrote beside the pixels", async () => {
    const frame = await madeFrame(640, 480);
    expect(Buffer.from(frame).includes("Gate camera")).toBe(true);
    const { photo, thumbnail, photoMeta } = await made(frame);
    expect(photoMeta.exif).toBeUndefined();
    expect(Buffer.concat([photo, thumbnail]).includes("Gate camera")).toBe(false);
  });

  it("have the caption under the picture, which stays whole", async () => {
    const frame = await madeFrame(640, 480);
    const [two, none] = [await made(frame), await made(frame, [])];
    expect(none.photoMeta).toMatchObject({ width: 640, height: 480 });
    expect(two.photoMeta.width).toBe(640);
    expect(two.photoMeta.height).toBeGreaterThan(520);
    expect(two.thumbnailMeta).toMatchObject({ width: 240, height: 180 });
  });

  it.each([
    ["no picture", Buffer.from("GIF89a is not here")],
    ["a cut-off one", cutOff],
    ["nothing", new Uint8Array(0)],
  ])("are refused by name for %s", async (_what, bytes) => {
    await expect(made(bytes)).rejects.toBeInstanceOf(PictureUnreadable);
  });
});

describe("the caption", () => {
  it("keeps the weight behind a name that is too long for the line", () => {
    const line = shownLine(`${"有机小白菜".repeat(16)}  12.350 kg`);
    expect(line).toHaveLength(CAPTION_LINE_LENGTH_MAX);
    expect(line).toMatch(/^有机小白菜.*….*菜 {2}12\.350 kg$/);
    expect(shownLine("𠮷".repeat(80)).isWellFormed()).toBe(true);
    expect(shownLine("青菜  12.350 kg")).toBe("青菜  12.350 kg");
  });

  const inked = (grey: Uint8Array): number => grey.filter((value) => value > 150).length;

  it.each(["chinese", "dots"] as const)("is legible with %s letters, however long the line", async (kind) => {
    const short = await captionStrip({ lines: ["12.350 kg #4f2a91"] }, 640, kind);
    expect(inked(short.grey)).toBeGreaterThan(300);
    const long = await captionStrip({ lines: ["9".repeat(500), "x < y & z > 0", ""] }, 640, kind);
    expect(long.grey.byteLength).toBe(640 * long.heightPx);
    expect(inked(long.grey)).toBeGreaterThan(300);
  });

  it("says in dots what it can of a Chinese line: numbers, units and the hash stay", () => {
    expect(inPixelFont("青菜 12.350 kg，秤 scale-1 #4f2a91")).toBe("* 12.350 KG* SCALE-1 #4F2A91");
    const { widthDots, dots } = pixelLine("1");
    const rows = Array.from({ length: 7 }, (_, row) =>
      [...dots.subarray(row * widthDots, (row + 1) * widthDots)]
        .map((dot) => (dot === 1 ? "#" : "."))
        .join(""),
    );
    expect(rows).toEqual(["..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###."]);
  });
});
