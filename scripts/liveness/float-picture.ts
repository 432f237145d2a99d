/** Pictures as floats 0…1 (sRGB values), for making scenes; and a photo as a world without edges. */

import { readFile } from "node:fs/promises";
import { decodeImage } from "../../models/pipeline/decode.ts";

export interface FloatPicture {
  /** height×width×3, row-major. */
  readonly data: Float32Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** The outermost pixels of a compressed photo are often smeared. */
const edgeInsetPx = 3;

export type Colour = readonly [red: number, green: number, blue: number];

export async function readPhoto(file: string): Promise<FloatPicture> {
  const { data, widthPx, heightPx } = await decodeImage(await readFile(file));
  return { data: Float32Array.from(data, (value) => value / 255), widthPx, heightPx };
}

export function blank(widthPx: number, heightPx: number): FloatPicture {
  return { data: new Float32Array(widthPx * heightPx * 3), widthPx, heightPx };
}

/**
 * Bilinear value at a point, written to `out`. Outside of the picture the edge repeats, so that a photo can fill a
 * wider scene: streaks, but no edge and no second face.
 */
export function sampleRepeated(
  { data, widthPx, heightPx }: FloatPicture,
  x: number,
  y: number,
  out: Float32Array,
): void {
  const u = Math.min(Math.max(x, edgeInsetPx), widthPx - 1 - edgeInsetPx);
  const v = Math.min(Math.max(y, edgeInsetPx), heightPx - 1 - edgeInsetPx);
  const left = Math.floor(u);
  const top = Math.floor(v);
  const fx = u - left;
  const fy = v - top;
  const at = (top * widthPx + left) * 3;
  const right = left + 1 < widthPx ? 3 : 0;
  const below = top + 1 < heightPx ? widthPx * 3 : 0;
  for (let channel = 0; channel < 3; channel += 1) {
    const i = at + channel;
    const upper = (data[i] ?? 0) * (1 - fx) + (data[i + right] ?? 0) * fx;
    const lower = (data[i + below] ?? 0) * (1 - fx) + (data[i + below + right] ?? 0) * fx;
    out[channel] = upper * (1 - fy) + lower * fy;
  }
}

/** Whether a corner is black: what turning a photo upright left empty, which would look like a bezel. */
export function hasBlackCorner({ data, widthPx, heightPx }: FloatPicture): boolean {
  const corners = [0, widthPx - 8].flatMap((x) => [0, heightPx - 8].map((y) => [x, y] as const));
  return corners.some(([left, top]) => {
    let sum = 0;
    for (let i = 0; i < 64; i += 1) sum += data[((top + (i >> 3)) * widthPx + left + (i & 7)) * 3 + 1] ?? 0;
    return sum / 64 < 0.03;
  });
}

/** Gaussian blur by three taps, repeated: enough for a lens, deviations of up to two pixels. */
export function blurred(picture: FloatPicture, deviationPx: number): FloatPicture {
  let current = picture;
  // Three taps [a, 1 − 2a, a] have the variance 2a; a stays under 1/4.
  const passes = Math.max(1, Math.ceil(deviationPx ** 2 / 0.5));
  const side = deviationPx ** 2 / passes / 2;
  for (let pass = 0; pass < passes; pass += 1) {
    current = threeTaps(current, side, 3);
    current = threeTaps(current, side, picture.widthPx * 3);
  }
  return current;
}

function threeTaps({ data, widthPx, heightPx }: FloatPicture, side: number, step: number): FloatPicture {
  const out = new Float32Array(data.length);
  // The rim stays as it is: a read beside the array would make the whole loop slow.
  out.set(data);
  for (let i = step; i < data.length - step; i += 1) {
    const centre = data[i] ?? 0;
    out[i] = centre + side * ((data[i - step] ?? 0) + (data[i + step] ?? 0) - 2 * centre);
  }
  return { data: out, widthPx, heightPx };
}
