/** From the bytes of a picture file to pixels, with limits: what comes from outside may be broken or a bomb. */

import sharp from "sharp";
import { FaceEngineError } from "../face-engine-error.ts";
import type { RgbImage } from "./rgb-image.ts";

export const imageBytesMax = 16 * 1024 * 1024;
export const imagePixelsMax = 25_000_000;

/** A picture of 25 megapixels takes a small machine two seconds; one that takes this long is made to. */
const decodeSecondsMax = 10;

/** Decoded tiles are never asked for twice, and a terminal has better uses for the memory. */
sharp.cache(false);
sharp.concurrency(1);

/**
 * Decodes JPEG, PNG, WebP or GIF (its first frame), turned upright by its EXIF orientation, alpha on black.
 *
 * Only these kinds reach libvips: its SVG, PDF and TIFF readers are larger surfaces than a canteen needs.
 * @throws FaceEngineError `image-unreadable` (unknown kind, damaged, truncated) or `image-too-large`.
 */
export async function decodeImage(bytes: Uint8Array): Promise<RgbImage> {
  if (bytes.length > imageBytesMax) {
    throw new FaceEngineError(
      "image-too-large",
      `the picture has ${bytes.length} bytes, over ${imageBytesMax}`,
    );
  }
  if (!isKnownKind(bytes))
    throw new FaceEngineError("image-unreadable", "the bytes are no JPEG, PNG, WebP or GIF");
  try {
    const { data, info } = await sharp(bytes, { failOn: "truncated", limitInputPixels: imagePixelsMax })
      .timeout({ seconds: decodeSecondsMax })
      .rotate()
      .flatten()
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels`);
    return { data, widthPx: info.width, heightPx: info.height };
  } catch (cause) {
    if (cause instanceof Error && /pixel limit/i.test(cause.message)) {
      throw new FaceEngineError("image-too-large", `the picture has over ${imagePixelsMax} pixels`, {
        cause,
      });
    }
    throw new FaceEngineError("image-unreadable", "the picture can't be decoded", { cause });
  }
}

const kinds: readonly { readonly at: number; readonly mark: string }[] = [
  { at: 0, mark: "\xff\xd8\xff" },
  { at: 0, mark: "\x89PNG\r\n\x1a\n" },
  { at: 8, mark: "WEBP" },
  { at: 0, mark: "GIF8" },
];

function isKnownKind(bytes: Uint8Array): boolean {
  return kinds.some(({ at, mark }) => [...mark].every((letter, i) => bytes[at + i] === letter.charCodeAt(0)));
}
