/** From the bytes of a picture file to pixels, with limits: what comes from outside may be broken or a bomb. */

import sharp from "sharp";
import { FaceEngineError } from "../face-engine-error.ts";
import { jpegScanCount } from "./jpeg-scans.ts";
import type { RgbImage } from "./rgb-image.ts";

export const imageBytesMax = 16 * 1024 * 1024;

export interface PictureLimits {
  /** Of the file as it is; a picture with more is refused by its header. */
  readonly pixelsMax: number;
  /** Longer sides are made this long while decoding, so that the pixels of a large picture are never all in memory. */
  readonly sidePxMax: number;
}

/** For enrolment and `face embed`: a school photographer's 24 megapixels. */
export const photoLimits: PictureLimits = { pixelsMax: 25_000_000, sidePxMax: 4096 };
/** For the line, which waits: no camera of a terminal gives more than 4K. */
export const frameLimits: PictureLimits = { pixelsMax: 9_000_000, sidePxMax: 2048 };

/**
 * A progressive JPEG has about ten, and each goes over the whole picture however few bytes it has: 25 megapixels with
 * 3,000 of them took 13 s from 340 KB.
 */
const jpegScansMax = 32;

/**
 * A picture of 25 megapixels takes a small machine two seconds; one that takes this long is made to. Only a second
 * guard: libvips asks the clock between rows, and libjpeg reads all scans before the first row.
 */
const decodeSecondsMax = 10;

/** Decoded tiles are never asked for twice, and a terminal has better uses for the memory. */
sharp.cache(false);
sharp.concurrency(1);

/**
 * Decodes JPEG, PNG, WebP or GIF (its first frame), turned upright by its EXIF orientation, alpha on black, no side longer
 * than `sidePxMax`.
 *
 * Only these kinds reach libvips: its SVG, PDF and TIFF readers are larger surfaces than a canteen needs.
 * @throws FaceEngineError `image-unreadable` (unknown kind, damaged, truncated) or `image-too-large`.
 */
export async function decodeImage(
  bytes: Uint8Array,
  { pixelsMax, sidePxMax }: PictureLimits = photoLimits,
): Promise<RgbImage> {
  if (bytes.length > imageBytesMax) {
    throw new FaceEngineError(
      "image-too-large",
      `the picture has ${bytes.length} bytes, over ${imageBytesMax}`,
    );
  }
  if (!isKnownKind(bytes))
    throw new FaceEngineError("image-unreadable", "the bytes are no JPEG, PNG, WebP or GIF");
  if (isJpeg(bytes) && jpegScanCount(bytes) > jpegScansMax)
    throw new FaceEngineError("image-unreadable", `the JPEG has over ${jpegScansMax} scans`);
  try {
    const { data, info } = await sharp(bytes, { failOn: "truncated", limitInputPixels: pixelsMax })
      .timeout({ seconds: decodeSecondsMax })
      .rotate()
      .resize({
        width: sidePxMax,
        height: sidePxMax,
        fit: "inside",
        withoutEnlargement: true,
        kernel: "linear",
      })
      .flatten()
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels`);
    return { data, widthPx: info.width, heightPx: info.height };
  } catch (cause) {
    if (cause instanceof Error && /pixel limit/i.test(cause.message)) {
      throw new FaceEngineError("image-too-large", `the picture has over ${pixelsMax} pixels`, { cause });
    }
    throw new FaceEngineError("image-unreadable", "the picture can't be decoded", { cause });
  }
}

const jpegMark = "\xff\xd8\xff";
const kinds: readonly { readonly at: number; readonly mark: string }[] = [
  { at: 0, mark: jpegMark },
  { at: 0, mark: "\x89PNG\r\n\x1a\n" },
  { at: 8, mark: "WEBP" },
  { at: 0, mark: "GIF8" },
];

const isKnownKind = (bytes: Uint8Array): boolean => kinds.some(({ at, mark }) => hasMark(bytes, at, mark));
const isJpeg = (bytes: Uint8Array): boolean => hasMark(bytes, 0, jpegMark);

function hasMark(bytes: Uint8Array, at: number, mark: string): boolean {
  return [...mark].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
}
