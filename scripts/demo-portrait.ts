import sharp from "sharp";
import type { Box, FaceEngine } from "../models/face-engine-port.ts";

/** Size of the pictures that a kiosk's webcam gives. */
export const PORTRAIT_WIDTH_PX = 640;
export const PORTRAIT_HEIGHT_PX = 480;

/** How one portrait of a person differs from the next. */
export interface Variant {
  /** Height of the picture in heights of the face's box: smaller is closer. */
  readonly faceHeights: number;
  /** Where the face stands, as a share of the picture; 0.5 is the middle. */
  readonly faceAtX: number;
  readonly brightness: number;
}

const FACE_AT_Y = 0.46;
const BACKGROUND_BLUR_SIGMA = 12;
/** A detector finds a face in surprisingly little; this leaves a spot of colour. */
const NEIGHBOUR_BLUR_SIGMA = 45;
const NEIGHBOUR_ROUNDS_MAX = 3;
const JPEG_QUALITY = 90;

/**
 * Cuts one person out of a group photo: head and shoulders, 640×480, the background soft as in a video call, and no
 * second face in it, which the engine itself confirms.
 * @param face in pixels of the photo.
 * @returns a JPEG.
 * @throws Error when the engine does not find exactly one face: the recipe does not suit this photo.
 */
export async function portrait(
  engine: Pick<FaceEngine, "analyze">,
  photo: Buffer,
  face: Box,
  variant: Variant,
): Promise<Buffer> {
  const cut = await cutOut(photo, face, variant);
  let picture = await softBackground(cut.picture, cut.face);
  for (let round = 0; round <= NEIGHBOUR_ROUNDS_MAX; round++) {
    const jpeg = await sharp(picture).jpeg({ quality: JPEG_QUALITY }).toBuffer();
    const { faces } = await engine.analyze({ bytes: new Uint8Array(jpeg) });
    const neighbours = faces.map(({ box }) => box).filter((box) => !overlaps(box, cut.face));
    if (faces.length === 1 && neighbours.length === 0) return jpeg;
    if (neighbours.length === 0) break;
    picture = await hideNeighbours(picture, neighbours, cut.face);
  }
  throw new Error("a portrait of the demo does not hold exactly one face");
}

interface Cut {
  readonly picture: Buffer;
  /** In pixels of the picture. */
  readonly face: Box;
}

async function cutOut(photo: Buffer, [x, y, width, height]: Box, variant: Variant): Promise<Cut> {
  const cutHeight = Math.round(height * variant.faceHeights);
  const cutWidth = Math.round((cutHeight * PORTRAIT_WIDTH_PX) / PORTRAIT_HEIGHT_PX);
  const left = Math.round(x + width / 2 - cutWidth * variant.faceAtX);
  const top = Math.round(y + height / 2 - cutHeight * FACE_AT_Y);
  const { width: photoWidth = 0, height: photoHeight = 0 } = await sharp(photo).metadata();
  // A face at the photo's edge still gets a whole picture: the outermost pixels go on.
  const inside = {
    left: Math.max(0, left),
    top: Math.max(0, top),
    width: Math.min(photoWidth, left + cutWidth) - Math.max(0, left),
    height: Math.min(photoHeight, top + cutHeight) - Math.max(0, top),
  };
  const whole = await sharp(photo)
    .extract(inside)
    .extend({
      left: inside.left - left,
      top: inside.top - top,
      right: cutWidth - inside.width - (inside.left - left),
      bottom: cutHeight - inside.height - (inside.top - top),
      extendWith: "copy",
    })
    .png({ compressionLevel: 0 })
    .toBuffer();
  const picture = await sharp(whole)
    .resize(PORTRAIT_WIDTH_PX, PORTRAIT_HEIGHT_PX)
    .modulate({ brightness: variant.brightness })
    .png({ compressionLevel: 0 })
    .toBuffer();
  const scale = PORTRAIT_HEIGHT_PX / cutHeight;
  return { picture, face: [(x - left) * scale, (y - top) * scale, width * scale, height * scale] };
}

/** Keeps head and shoulders sharp and the rest soft. */
async function softBackground(picture: Buffer, [x, y, width, height]: Box): Promise<Buffer> {
  const centreX = x + width / 2;
  const centreY = y + height / 2;
  const shape = `
    <ellipse cx="${centreX}" cy="${centreY - height * 0.05}" rx="${width * 0.85}" ry="${height * 0.85}"/>
    <path d="M ${centreX - width * 0.5} ${centreY}
      L ${centreX + width * 0.5} ${centreY}
      L ${centreX + width * 1.5} ${PORTRAIT_HEIGHT_PX + 80}
      L ${centreX - width * 1.5} ${PORTRAIT_HEIGHT_PX + 80} Z"/>`;
  const blurred = await sharp(picture).blur(BACKGROUND_BLUR_SIGMA).png({ compressionLevel: 0 }).toBuffer();
  return over(blurred, await masked(picture, shape));
}

async function hideNeighbours(picture: Buffer, neighbours: readonly Box[], face: Box): Promise<Buffer> {
  const ellipses = neighbours.map(
    ([x, y, width, height]) =>
      `<ellipse cx="${x + width / 2}" cy="${y + height / 2}" rx="${width * 0.8}" ry="${height * 0.8}"/>`,
  );
  const blurred = await sharp(picture).blur(NEIGHBOUR_BLUR_SIGMA).png({ compressionLevel: 0 }).toBuffer();
  const hidden = await over(picture, await masked(blurred, ellipses.join("")));
  // The person's own face stays as it was, however near the neighbour stood.
  const [x, y, width, height] = face;
  const own = `<ellipse cx="${x + width / 2}" cy="${y + height / 2}" rx="${width * 0.55}" ry="${height * 0.6}"/>`;
  return over(hidden, await masked(picture, own));
}

/** The part of the picture within the shape, with a soft edge. */
async function masked(picture: Buffer, shape: string): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${PORTRAIT_WIDTH_PX}" height="${PORTRAIT_HEIGHT_PX}">
    <filter id="soft" x="-50%" y="-50%" width="200%" height="200%"><feGaussianBlur stdDeviation="10"/></filter>
    <g fill="white" filter="url(#soft)">${shape}</g></svg>`;
  return sharp(picture)
    .ensureAlpha()
    .composite([{ input: Buffer.from(svg), blend: "dest-in" }])
    .png({ compressionLevel: 0 })
    .toBuffer();
}

function over(below: Buffer, above: Buffer): Promise<Buffer> {
  return sharp(below)
    .composite([{ input: above }])
    .removeAlpha()
    .png({ compressionLevel: 0 })
    .toBuffer();
}

function overlaps(box: Box, face: Box): boolean {
  const [x, y, width, height] = box;
  const centreX = x + width / 2;
  const centreY = y + height / 2;
  return centreX > face[0] && centreX < face[0] + face[2] && centreY > face[1] && centreY < face[1] + face[3];
}
