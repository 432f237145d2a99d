/**
 * Motion between two frames: whether a face moves by itself or as one plane with what is beside and above it.
 *
 * A print or a phone in a hand carries its own background along; a head does not. Both are followed by Lucas and
 * Kanade's method (1981): the shift that best explains the difference, by least squares over the gradients.
 */

import type { Box, FaceMotion } from "../face-engine-port.ts";
import type { RgbImage } from "./rgb-image.ts";

/** A small grey copy of a frame: all that is kept of it until the next. */
export interface GreyPicture {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  /** Pixels of the frame in one of these. */
  readonly scale: number;
}

const greyWidth = 160;
const stepCount = 8;
const settledShift = 0.02;
/** In grey pixels: a face that moved less has not moved for certain, and says nothing. */
const shiftMin = 0.25;
/** A larger one is somebody else, or a lost track. */
const shiftMax = 6;

/** Means of squares of the green channel, which is most of what is seen as grey. */
export function greyPictureOf({ data, widthPx, heightPx }: RgbImage): GreyPicture {
  const scale = Math.max(1, Math.floor(widthPx / greyWidth));
  const width = Math.floor(widthPx / scale);
  const height = Math.floor(heightPx / scale);
  const grey = new Float32Array(width * height);
  for (let y = 0; y < height * scale; y += 1) {
    const row = Math.floor(y / scale) * width;
    for (let x = 0; x < width * scale; x += 1) {
      const at = row + Math.floor(x / scale);
      grey[at] = (grey[at] ?? 0) + (data[(y * widthPx + x) * 3 + 1] ?? 0);
    }
  }
  const area = scale * scale;
  return { data: grey.map((sum) => sum / area), width, height, scale };
}

/** @returns null where the pictures cannot be compared or there is no texture to follow. */
export function measureMotion(previous: GreyPicture, current: GreyPicture, box: Box): FaceMotion | null {
  if (previous.width !== current.width || previous.height !== current.height) return null;
  const [left, top, width, height] = box.map((value) => value / current.scale);
  if (left === undefined || top === undefined || width === undefined || height === undefined) return null;
  const face = followShift(previous, current, [
    {
      left: left + width * 0.1,
      top: top + height * 0.1,
      right: left + width * 0.9,
      bottom: top + height * 0.9,
    },
  ]);
  if (face === null) return null;
  const length = Math.hypot(face.x, face.y);
  const faceShare = length / width;
  if (length < shiftMin || length > shiftMax) return { faceShare, together: null };
  // Beside the head from its crown to the mouth; under that are shoulders, which go along with a live head too.
  const [crown, mouth] = [top - height * 0.2, top + height * 0.8];
  const around = followShift(previous, current, [
    { left: left - width * 0.8, top: crown, right: left - width * 0.25, bottom: mouth },
    { left: left + width * 1.25, top: crown, right: left + width * 1.8, bottom: mouth },
  ]);
  if (around === null) return { faceShare, together: null };
  // The part of the face's shift that the surroundings made too.
  const along = (around.x * face.x + around.y * face.y) / length ** 2;
  return { faceShare, together: Math.min(Math.max(along, 0), 1) };
}

interface Area {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** One shift of all the areas together; null where their gradients do not fix it. */
function followShift(
  previous: GreyPicture,
  current: GreyPicture,
  areas: readonly Area[],
): { readonly x: number; readonly y: number } | null {
  const { width, height } = previous;
  let x = 0;
  let y = 0;
  for (let step = 0; step < stepCount; step += 1) {
    let [xx, xy, yy, xt, yt, light, count] = [0, 0, 0, 0, 0, 0, 0];
    for (const pass of [0, 1]) {
      // The first pass finds by how much the light changed, which is not motion.
      const lightMean = count === 0 ? 0 : light / count;
      for (const area of areas) {
        const [y0, y1] = [Math.max(1, Math.ceil(area.top)), Math.min(height - 2, Math.floor(area.bottom))];
        const [x0, x1] = [Math.max(1, Math.ceil(area.left)), Math.min(width - 2, Math.floor(area.right))];
        for (let row = y0; row <= y1; row += 1) {
          for (let column = x0; column <= x1; column += 1) {
            const at = row * width + column;
            const difference = greyAt(current, column + x, row + y) - (previous.data[at] ?? 0) - lightMean;
            if (pass === 0) {
              light += difference;
              count += 1;
              continue;
            }
            const slopeX = ((previous.data[at + 1] ?? 0) - (previous.data[at - 1] ?? 0)) / 2;
            const slopeY = ((previous.data[at + width] ?? 0) - (previous.data[at - width] ?? 0)) / 2;
            xx += slopeX * slopeX;
            xy += slopeX * slopeY;
            yy += slopeY * slopeY;
            xt += slopeX * difference;
            yt += slopeY * difference;
          }
        }
      }
    }
    const determinant = xx * yy - xy * xy;
    // Too few pixels, or stripes of one direction: the shift along them is anybody's guess.
    if (count < 60 || determinant < (10 * count) ** 2) return null;
    const [byX, byY] = [(yy * xt - xy * yt) / determinant, (xx * yt - xy * xt) / determinant];
    x -= byX;
    y -= byY;
    if (Math.hypot(x, y) > 2 * shiftMax) return null;
    if (Math.hypot(byX, byY) < settledShift) break;
  }
  return { x, y };
}

function greyAt({ data, width, height }: GreyPicture, x: number, y: number): number {
  const u = Math.min(Math.max(x, 0), width - 1.001);
  const v = Math.min(Math.max(y, 0), height - 1.001);
  const left = Math.floor(u);
  const top = Math.floor(v);
  const fx = u - left;
  const fy = v - top;
  const at = top * width + left;
  const upper = (data[at] ?? 0) * (1 - fx) + (data[at + 1] ?? 0) * fx;
  const lower = (data[at + width] ?? 0) * (1 - fx) + (data[at + width + 1] ?? 0) * fx;
  return upper * (1 - fy) + lower * fy;
}
