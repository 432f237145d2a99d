/** Decoded pictures and the two ways to read a piece of one: by area (shrinking) and by a similarity (aligning). */

/** Rows of red, green, blue bytes (sRGB), origin top left. */
export interface RgbImage {
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** A rectangle in pixels of an image; it may reach outside, where the edge pixels repeat. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** For each output pixel of one axis: where its source pixels begin, and their weights (their sum is 1). */
interface AxisTaps {
  readonly first: Int32Array;
  readonly weights: Float32Array;
  readonly perPixel: number;
}

/**
 * Scales a region to `outWidth`×`outHeight` with a triangle filter as wide as the shrink factor asks, so that
 * nothing aliases; when it enlarges, that is plain bilinear.
 *
 * @returns outHeight×outWidth×3 values 0…255, row-major, a new array.
 */
export function resampleRegion(
  image: RgbImage,
  region: Region,
  outWidth: number,
  outHeight: number,
): Float32Array {
  const across = axisTaps(region.x, region.width, outWidth, image.widthPx);
  const down = axisTaps(region.y, region.height, outHeight, image.heightPx);
  const rows = new Map<number, Float32Array>();
  const out = new Float32Array(outWidth * outHeight * 3);
  const rowLength = outWidth * 3;
  for (let y = 0; y < outHeight; y += 1) {
    const firstRow = down.first[y] ?? 0;
    const target = y * rowLength;
    for (let tap = 0; tap < down.perPixel; tap += 1) {
      const weight = down.weights[y * down.perPixel + tap] ?? 0;
      if (weight === 0) continue;
      const sourceY = clamp(firstRow + tap, image.heightPx - 1);
      let row = rows.get(sourceY);
      if (row === undefined) {
        row = resampleRow(image, sourceY, across, outWidth);
        rows.set(sourceY, row);
      }
      for (let i = 0; i < rowLength; i += 1)
        out[target + i] = (out[target + i] ?? 0) + weight * (row[i] ?? 0);
    }
    // Rows above the next one's first are never read again.
    for (const key of rows.keys()) if (key < firstRow - 1) rows.delete(key);
  }
  return out;
}

function resampleRow(image: RgbImage, sourceY: number, taps: AxisTaps, outWidth: number): Float32Array {
  const row = new Float32Array(outWidth * 3);
  const { data, widthPx } = image;
  const base = sourceY * widthPx * 3;
  for (let x = 0; x < outWidth; x += 1) {
    const first = taps.first[x] ?? 0;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let tap = 0; tap < taps.perPixel; tap += 1) {
      const weight = taps.weights[x * taps.perPixel + tap] ?? 0;
      const at = base + clamp(first + tap, widthPx - 1) * 3;
      red += weight * (data[at] ?? 0);
      green += weight * (data[at + 1] ?? 0);
      blue += weight * (data[at + 2] ?? 0);
    }
    row[x * 3] = red;
    row[x * 3 + 1] = green;
    row[x * 3 + 2] = blue;
  }
  return row;
}

function axisTaps(start: number, length: number, outCount: number, sourceCount: number): AxisTaps {
  const step = length / outCount;
  const radius = Math.max(1, step);
  const perPixel = Math.min(Math.ceil(radius) * 2 + 1, sourceCount * 2 + 3);
  const first = new Int32Array(outCount);
  const weights = new Float32Array(outCount * perPixel);
  for (let i = 0; i < outCount; i += 1) {
    const centre = start + (i + 0.5) * step - 0.5;
    const begin = Math.ceil(centre - radius);
    first[i] = begin;
    let sum = 0;
    for (let tap = 0; tap < perPixel; tap += 1) {
      const weight = Math.max(0, 1 - Math.abs(begin + tap - centre) / radius);
      weights[i * perPixel + tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < perPixel; tap += 1) {
      const at = i * perPixel + tap;
      weights[at] = (weights[at] ?? 0) / sum;
    }
  }
  return { first, weights, perPixel };
}

/** Bilinear value of the three channels at a point in pixel-centre coordinates, added to `sums`. */
export function addBilinear(image: RgbImage, x: number, y: number, sums: Float64Array): void {
  const { data, widthPx, heightPx } = image;
  const left = Math.floor(x);
  const top = Math.floor(y);
  const right = x - left;
  const bottom = y - top;
  const x0 = clamp(left, widthPx - 1) * 3;
  const x1 = clamp(left + 1, widthPx - 1) * 3;
  const row0 = clamp(top, heightPx - 1) * widthPx * 3;
  const row1 = clamp(top + 1, heightPx - 1) * widthPx * 3;
  for (let channel = 0; channel < 3; channel += 1) {
    const upper = (data[row0 + x0 + channel] ?? 0) * (1 - right) + (data[row0 + x1 + channel] ?? 0) * right;
    const lower = (data[row1 + x0 + channel] ?? 0) * (1 - right) + (data[row1 + x1 + channel] ?? 0) * right;
    sums[channel] = (sums[channel] ?? 0) + upper * (1 - bottom) + lower * bottom;
  }
}

function clamp(value: number, max: number): number {
  return value < 0 ? 0 : value > max ? max : value;
}

/** Grey by ITU-R BT.601, the weights that the models were trained with. */
export function greyOf(red: number, green: number, blue: number): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}
