import sharp from "sharp";
import type { FacePlaces } from "../../models/face-engine-port.ts";
import { blurFaces } from "./blur-faces.ts";
import {
  type CaptionFont,
  type CaptionStrip,
  captionStrip,
  type RgbPicture,
  stripHeightPx,
} from "./caption-strip.ts";
import type { PhotoCaption } from "./studio-port.ts";

/** What one pair of pictures is made of. */
export interface PictureOrder {
  readonly jpeg: Uint8Array;
  /** Known later than the picture is decoded. Null: nothing looked for them. */
  readonly faces: Promise<FacePlaces | null>;
  readonly caption: PhotoCaption;
}

export interface MadePictures {
  readonly photo: Uint8Array;
  readonly thumbnail: Uint8Array;
}

/** Strip included. */
export const PHOTO_SIDE_PX_MAX = 1600;
const THUMBNAIL_SIDE_PX = 240;
/** A picture of more is no camera's frame. */
const PIXELS_MAX = 25_000_000;
const DECODE_SECONDS_MAX = 5;

/** Bytes that a picture is made for and may have at most, and the qualities between which that is looked for. */
export interface ByteAim {
  readonly bytesWanted: number;
  readonly bytesMax: number;
  readonly qualityMin: number;
  readonly qualityMax: number;
}

export const PHOTO_AIM: ByteAim = {
  bytesWanted: 150_000,
  bytesMax: 200_000,
  qualityMin: 30,
  // Above it a JPEG grows and nobody sees why.
  qualityMax: 90,
};
export const THUMBNAIL_AIM: ByteAim = {
  bytesWanted: 8000,
  bytesMax: 12_000,
  qualityMin: 25,
  qualityMax: 85,
};

/**
 * Makes the picture and its thumbnail. What the camera wrote beside the pixels (EXIF, place, device) is gone, because
 * both are encoded from pixels. Most photos of goods show nobody: both are made while faces are still looked for, and
 * made anew if there are any. Nothing leaves this function before that is known.
 * @throws PictureUnreadable
 */
export async function makePictures(
  { jpeg, faces, caption }: PictureOrder,
  font: CaptionFont,
  qualities: QualityMemory,
): Promise<MadePictures> {
  const picture = await decoded(jpeg, caption.lines.length);
  const strip = await captionStrip(caption, picture.widthPx, font);
  const asItIs = await bothSizes(picture, strip, qualities);
  const found = await faces;
  if (found === null || found.boxes.length === 0) return asItIs;
  blurFaces(picture, found.boxes.map(scaledTo(picture, found)));
  return bothSizes(picture, strip, qualities);
}

async function bothSizes(
  picture: RgbPicture,
  strip: CaptionStrip,
  qualities: QualityMemory,
): Promise<MadePictures> {
  const [photo, thumbnail] = await Promise.all([
    encodedWithin(withStrip(picture, strip), PHOTO_AIM, qualities),
    smallPicture(picture).then((small) => encodedWithin(small, THUMBNAIL_AIM, qualities)),
  ]);
  return { photo, thumbnail };
}

/** The bytes are no picture that can be decoded. Its cause is not told: it may quote bytes of the picture. */
export class PictureUnreadable extends Error {
  override readonly name = "PictureUnreadable";
}

async function decoded(jpeg: Uint8Array, lineCount: number): Promise<RgbPicture> {
  const sidePx = PHOTO_SIDE_PX_MAX - stripHeightPx(PHOTO_SIDE_PX_MAX, lineCount);
  try {
    const { data, info } = await sharp(jpeg, { failOn: "truncated", limitInputPixels: PIXELS_MAX })
      .timeout({ seconds: DECODE_SECONDS_MAX })
      .rotate()
      .resize({
        width: PHOTO_SIDE_PX_MAX,
        height: sidePx,
        fit: "inside",
        withoutEnlargement: true,
        kernel: "cubic",
      })
      .flatten()
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new PictureUnreadable(`decoded to ${info.channels} channels`);
    return { data, widthPx: info.width, heightPx: info.height };
  } catch {
    throw new PictureUnreadable("the picture cannot be decoded");
  }
}

function scaledTo(
  picture: RgbPicture,
  { widthPx, heightPx }: FacePlaces,
): (box: FacePlaces["boxes"][number]) => FacePlaces["boxes"][number] {
  const across = picture.widthPx / widthPx;
  const down = picture.heightPx / heightPx;
  return ([x, y, width, height]) => [x * across, y * down, width * across, height * down];
}

function withStrip(picture: RgbPicture, strip: CaptionStrip): RgbPicture {
  const { widthPx } = picture;
  const heightPx = picture.heightPx + strip.heightPx;
  const data = new Uint8Array(widthPx * heightPx * 3);
  data.set(picture.data);
  let to = picture.heightPx * widthPx * 3;
  for (const grey of strip.grey) {
    data[to++] = grey;
    data[to++] = grey;
    data[to++] = grey;
  }
  return { data, widthPx, heightPx };
}

async function smallPicture({ data, widthPx, heightPx }: RgbPicture): Promise<RgbPicture> {
  const { data: small, info } = await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .resize({ width: THUMBNAIL_SIDE_PX, height: THUMBNAIL_SIDE_PX, fit: "inside", withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: small, widthPx: info.width, heightPx: info.height };
}

/** The quality that the last picture of an aim came out right with: the next is likely to be of the same scene. */
export type QualityMemory = Map<ByteAim, number>;

const FIRST_QUALITY = 80;
const TRIES_MAX = 5;
/** This near to what is wanted is near enough: another try costs what it takes to encode. */
const NEAR_SHARE = 0.25;
/** About so many steps of quality halve the bytes, in the middle of the scale. */
const QUALITY_PER_HALVING = 25;

/** Encoded with a quality at which the bytes are about what is wanted; a picture that is too rich is made smaller. */
async function encodedWithin(
  picture: RgbPicture,
  aim: ByteAim,
  qualities: QualityMemory,
): Promise<Uint8Array> {
  let quality = qualities.get(aim) ?? FIRST_QUALITY;
  let least = aim.qualityMin;
  let most = aim.qualityMax;
  let best: { readonly bytes: Uint8Array; readonly quality: number } | null = null;
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const bytes = await encoded(picture, quality);
    const fits = bytes.byteLength <= aim.bytesMax;
    if (fits && (best === null || quality > best.quality)) best = { bytes, quality };
    const off = bytes.byteLength / aim.bytesWanted - 1;
    if (fits && (Math.abs(off) <= NEAR_SHARE || (off < 0 && quality >= most))) break;
    if (off > 0) most = Math.min(most, quality - 1);
    else least = Math.max(least, quality + 1);
    if (least > most) break;
    const step = Math.round(Math.log2(1 + off) * QUALITY_PER_HALVING);
    quality = Math.min(most, Math.max(least, quality - step));
  }
  if (best === null) return encodedWithin(await halved(picture), aim, qualities);
  qualities.set(aim, best.quality);
  return best.bytes;
}

function encoded({ data, widthPx, heightPx }: RgbPicture, quality: number): Promise<Uint8Array> {
  return sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .jpeg({ quality })
    .toBuffer();
}

/** Half of the pixels. */
async function halved({ data, widthPx, heightPx }: RgbPicture): Promise<RgbPicture> {
  const { data: smaller, info } = await sharp(data, {
    raw: { width: widthPx, height: heightPx, channels: 3 },
  })
    .resize({ width: Math.max(1, Math.round(widthPx / Math.SQRT2)) })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: smaller, widthPx: info.width, heightPx: info.height };
}
