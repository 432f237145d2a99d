/**
 * Decoded pictures and the two ways to read a piece of one: by area (shrinking) and by a similarity (aligning).
 *
 * These loops are a tenth of a frame's time. They read each typed array by an index that was bounded before the loop;
 * `?? 0` there is for the type checker and costs nothing, because V8 has never seen the other case.
 */

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

/** 255 of these fit into 31 bits. */
const weightOne = 2 ** 22;

/** Where resampled pixels go: `target[start + y·rowStep + x·pixelStep + channel·channelStep] = value·scale + offset`. */
export interface Placement {
  readonly target: Float32Array;
  readonly start: number;
  readonly rowStep: number;
  readonly pixelStep: number;
  readonly channelStep: number;
  readonly scale: number;
  readonly offset: number;
}

/** For each output pixel of one axis: its source pixels, `perPixel` of them, and their weights (their sum is 1). */
interface AxisTaps {
  readonly sources: Int32Array;
  readonly weights: Float64Array;
  /** The same in whole 1/`weightOne`; their sum is `weightOne`. */
  readonly wholeWeights: Int32Array;
  readonly perPixel: number;
  /** Least and largest source pixel. */
  readonly first: number;
  readonly last: number;
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
  const target = new Float32Array(outWidth * outHeight * 3);
  const layout = { start: 0, rowStep: outWidth * 3, pixelStep: 3, channelStep: 1, scale: 1, offset: 0 };
  resampleInto(image, region, outWidth, outHeight, { target, ...layout });
  return target;
}

/** `resampleRegion` straight into a model's input. */
export function resampleInto(
  image: RgbImage,
  region: Region,
  outWidth: number,
  outHeight: number,
  placement: Placement,
): void {
  const across = axisTaps(region.x, region.width, outWidth, image.widthPx);
  const down = axisTaps(region.y, region.height, outHeight, image.heightPx);
  const row = new Int32Array((across.last - across.first + 1) * 3);
  const columns = across.sources.map((source) => (source - across.first) * 3);
  for (let y = 0; y < outHeight; y += 1) {
    mixRows(image, down, y, across.first * 3, row);
    writeRow(row, columns, across, y, placement);
  }
}

/** The weighted sum of the source rows of output row `y`, from byte `left` of each on, in 1/`weightOne`. */
function mixRows(
  { data, widthPx }: RgbImage,
  { sources, wholeWeights, perPixel }: AxisTaps,
  y: number,
  left: number,
  row: Int32Array,
): void {
  const rowBytes = widthPx * 3;
  const begin = y * perPixel;
  for (let tap = begin; tap < begin + perPixel; tap += 4) {
    mixFour(
      row,
      tap > begin,
      data,
      (sources[tap] ?? 0) * rowBytes + left,
      (sources[tap + 1] ?? 0) * rowBytes + left,
      (sources[tap + 2] ?? 0) * rowBytes + left,
      (sources[tap + 3] ?? 0) * rowBytes + left,
      wholeWeights[tap] ?? 0,
      wholeWeights[tap + 1] ?? 0,
      wholeWeights[tap + 2] ?? 0,
      wholeWeights[tap + 3] ?? 0,
    );
  }
}

/** A function of plain numbers: V8 compiles its loops twice as fast as the same among other code. */
function mixFour(
  row: Int32Array,
  adds: boolean,
  data: Uint8Array,
  a: number,
  b: number,
  c: number,
  d: number,
  k: number,
  l: number,
  m: number,
  n: number,
): void {
  if (adds) {
    for (let i = 0; i < row.length; i += 1)
      row[i] =
        (row[i] ?? 0) +
        Math.imul(k, data[a + i] ?? 0) +
        Math.imul(l, data[b + i] ?? 0) +
        Math.imul(m, data[c + i] ?? 0) +
        Math.imul(n, data[d + i] ?? 0);
    return;
  }
  for (let i = 0; i < row.length; i += 1)
    row[i] =
      Math.imul(k, data[a + i] ?? 0) +
      Math.imul(l, data[b + i] ?? 0) +
      Math.imul(m, data[c + i] ?? 0) +
      Math.imul(n, data[d + i] ?? 0);
}

/** @param columns where in `row` each tap's pixel begins. */
function writeRow(
  row: Int32Array,
  columns: Int32Array,
  { weights, perPixel }: AxisTaps,
  y: number,
  { target, start, rowStep, pixelStep, channelStep, scale, offset }: Placement,
): void {
  const wholeScale = scale / weightOne;
  let to = start + y * rowStep;
  for (let tap = 0; tap < columns.length; ) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (const end = tap + perPixel; tap < end; tap += 4) {
      const a = columns[tap] ?? 0;
      const b = columns[tap + 1] ?? 0;
      const c = columns[tap + 2] ?? 0;
      const d = columns[tap + 3] ?? 0;
      const k = weights[tap] ?? 0;
      const l = weights[tap + 1] ?? 0;
      const m = weights[tap + 2] ?? 0;
      const n = weights[tap + 3] ?? 0;
      red += k * (row[a] ?? 0) + l * (row[b] ?? 0) + m * (row[c] ?? 0) + n * (row[d] ?? 0);
      green += k * (row[a + 1] ?? 0) + l * (row[b + 1] ?? 0) + m * (row[c + 1] ?? 0) + n * (row[d + 1] ?? 0);
      blue += k * (row[a + 2] ?? 0) + l * (row[b + 2] ?? 0) + m * (row[c + 2] ?? 0) + n * (row[d + 2] ?? 0);
    }
    target[to] = red * wholeScale + offset;
    target[to + channelStep] = green * wholeScale + offset;
    target[to + 2 * channelStep] = blue * wholeScale + offset;
    to += pixelStep;
  }
}

function axisTaps(start: number, length: number, outCount: number, sourceCount: number): AxisTaps {
  const step = length / outCount;
  const radius = Math.max(1, step);
  // As many whole numbers as fit strictly inside an interval of twice the radius, in fours; the rest has no weight.
  const perPixel = Math.ceil((radius * 2) / 4) * 4;
  const sources = new Int32Array(outCount * perPixel);
  const weights = new Float64Array(outCount * perPixel);
  const wholeWeights = new Int32Array(weights.length);
  let first = sourceCount - 1;
  let last = 0;
  for (let i = 0; i < outCount; i += 1) {
    const centre = start + (i + 0.5) * step - 0.5;
    const begin = Math.floor(centre - radius) + 1;
    let sum = 0;
    for (let tap = 0; tap < perPixel; tap += 1) {
      const weight = Math.max(0, 1 - Math.abs(begin + tap - centre) / radius);
      const source = clamp(begin + tap, sourceCount - 1);
      sources[i * perPixel + tap] = source;
      weights[i * perPixel + tap] = weight;
      sum += weight;
      first = Math.min(first, source);
      last = Math.max(last, source);
    }
    let rest = weightOne;
    let largest = i * perPixel;
    for (let at = i * perPixel; at < (i + 1) * perPixel; at += 1) {
      const weight = (weights[at] ?? 0) / sum;
      const whole = Math.round(weight * weightOne);
      weights[at] = weight;
      wholeWeights[at] = whole;
      rest -= whole;
      if (whole > (wholeWeights[largest] ?? 0)) largest = at;
    }
    // A flat picture stays exactly flat.
    wholeWeights[largest] = (wholeWeights[largest] ?? 0) + rest;
  }
  return { sources, weights, wholeWeights, perPixel, first, last };
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
  const weight11 = right * bottom;
  const weight01 = right - weight11;
  const weight10 = bottom - weight11;
  const weight00 = 1 - right - weight10;
  for (let channel = 0; channel < 3; channel += 1) {
    sums[channel] =
      (sums[channel] ?? 0) +
      (data[row0 + x0 + channel] ?? 0) * weight00 +
      (data[row0 + x1 + channel] ?? 0) * weight01 +
      (data[row1 + x0 + channel] ?? 0) * weight10 +
      (data[row1 + x1 + channel] ?? 0) * weight11;
  }
}

function clamp(value: number, max: number): number {
  return value < 0 ? 0 : value > max ? max : value;
}

/** Grey by ITU-R BT.601, the weights that the models were trained with. */
export function greyOf(red: number, green: number, blue: number): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}
