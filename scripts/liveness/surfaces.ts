/**
 * What a flat copy of a face looks like from near: a screen or a print.
 *
 * Not photographs of screens but formulas for what sets them apart: gratings that beat with the camera's pixels, dots
 * of ink, paper's tone, lifted blacks, glare, edges.
 */

import { type Colour, type FloatPicture, sampleRepeated } from "./float-picture.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** Colour at a point of the plane; u, v in its own pixels from its middle, x, y where in the scene. False: beside it. */
export type Surface = (u: number, v: number, x: number, y: number, out: Float32Array) => boolean;

/** How the shown photo is displaced inside its frame at this moment: a replayed video. Adds to the point. */
export type Displacement = (point: Float64Array) => void;

export interface ShownPhoto {
  readonly photo: FloatPicture;
  /** Half the width and height of what is shown of it, pixels of the photo around its middle. */
  readonly halfWidth: number;
  readonly halfHeight: number;
  readonly displacement: Displacement;
}

function contentAt(shown: ShownPhoto, u: number, v: number, point: Float64Array, out: Float32Array): void {
  point[0] = u + shown.photo.widthPx / 2;
  point[1] = v + shown.photo.heightPx / 2;
  shown.displacement(point);
  sampleRepeated(shown.photo, point[0] ?? 0, point[1] ?? 0, out);
}

/** A phone or tablet: bezel, gamma and lifted blacks, a cold white, glare, and the beat of its pixels with the camera's. */
export function screenSurface(shown: ShownPhoto, random: SeededRandom): Surface {
  const bezel = random.between(4, 9);
  const chin = bezel + random.between(0, 14);
  const bezelTone = random.between(0.02, 0.1);
  const gamma = random.between(0.85, 1.25);
  const black = random.between(0.03, 0.12);
  const white = [random.between(0.88, 1), random.between(0.92, 1.02), random.between(0.97, 1.1)];
  const pitch = random.between(0.31, 0.83);
  const turn = random.between(-0.12, 0.12);
  const beat = random.between(0.025, 0.11);
  const glare = glareOf(shown, random);
  const point = new Float64Array(2);
  const { halfWidth, halfHeight } = shown;
  return (u, v, _x, _y, out) => {
    if (Math.abs(u) > halfWidth + bezel || v < -halfHeight - chin || v > halfHeight + chin) return false;
    const shine = glare(u, v);
    if (Math.abs(u) > halfWidth || Math.abs(v) > halfHeight) {
      out.fill(bezelTone + shine * 0.5);
      return true;
    }
    contentAt(shown, u, v, point, out);
    const [along, down] = [(u + v * turn) / pitch, (v - u * turn) / pitch];
    const rows = swing(down);
    for (let channel = 0; channel < 3; channel += 1) {
      const lit = black + (1 - black) * (out[channel] ?? 0) ** gamma;
      // Sub-pixels of the three colours lie a third of the pitch apart; rows beat with rows.
      const across = swing(along + channel / 3);
      out[channel] = lit * (white[channel] ?? 1) * (1 + beat * across + beat * 0.6 * rows) + shine;
    }
    return true;
  };
}

/** Light of a lamp on glass: one soft bright patch, on two screens of three. */
function glareOf(
  { halfWidth, halfHeight }: ShownPhoto,
  random: SeededRandom,
): (u: number, v: number) => number {
  const strength = random.between(-0.2, 0.4);
  const [cu, cv] = [random.between(-1, 1) * halfWidth, random.between(-1, 1) * halfHeight];
  const [ru, rv] = [random.between(20, 70), random.between(20, 70)];
  if (strength <= 0) return () => 0;
  return (u, v) => strength * Math.exp(-(((u - cu) / ru) ** 2) - ((v - cv) / rv) ** 2);
}

export interface PrintOptions {
  /** Width of the unprinted margin, pixels of the photo. */
  readonly marginPx: number;
  /** 0: a photo print without visible dots; 1: all dots. */
  readonly halftone: number;
}

/** Cosine and sine of the angles of the four inks' rows of dots, as printers set them. */
const inkTurns = [15, 75, 0, 45].map((deg) => [
  Math.cos((deg * Math.PI) / 180),
  Math.sin((deg * Math.PI) / 180),
]);

/** A print on paper: dots of four inks, paper's tone, weak blacks, a shadow that bends with the sheet. */
export function printSurface(shown: ShownPhoto, options: PrintOptions, random: SeededRandom): Surface {
  const paper: Colour = [random.between(0.86, 0.97), random.between(0.85, 0.95), random.between(0.78, 0.93)];
  const black = random.between(0.06, 0.2);
  const pitch = random.between(0.9, 2.2);
  const bend = random.between(-0.18, 0.18);
  const bendTurn = random.between(0, Math.PI);
  const point = new Float64Array(2);
  const { halfWidth, halfHeight } = shown;
  const [edgeU, edgeV] = [halfWidth + options.marginPx, halfHeight + options.marginPx];
  return (u, v, _x, _y, out) => {
    if (Math.abs(u) > edgeU || Math.abs(v) > edgeV) return false;
    const shade = 1 + bend * ((u / edgeU) * Math.cos(bendTurn) + (v / edgeV) * Math.sin(bendTurn));
    if (Math.abs(u) > halfWidth || Math.abs(v) > halfHeight) {
      for (let channel = 0; channel < 3; channel += 1) out[channel] = (paper[channel] ?? 1) * shade;
      return true;
    }
    contentAt(shown, u, v, point, out);
    if (options.halftone > 0) printDots(u, v, pitch, options.halftone, out);
    for (let channel = 0; channel < 3; channel += 1) {
      const ink = black + (1 - black) * (out[channel] ?? 0);
      out[channel] = ink * (paper[channel] ?? 1) * shade;
    }
    return true;
  };
}

/** Replaces the colour by what its dots of cyan, magenta, yellow and black leave, mixed by `share`. */
function printDots(u: number, v: number, pitch: number, share: number, out: Float32Array): void {
  const key = 1 - Math.max(out[0] ?? 0, out[1] ?? 0, out[2] ?? 0);
  const rest = 1 - key || 1;
  const uncovered = isDot(u, v, 3, pitch, key) ? 0 : 1;
  for (let channel = 0; channel < 3; channel += 1) {
    const value = out[channel] ?? 0;
    const dot = isDot(u, v, channel, pitch, (1 - value - key) / rest) ? 0 : uncovered;
    out[channel] = value * (1 - share) + dot * share;
  }
}

function isDot(u: number, v: number, inkAt: number, pitch: number, amount: number): boolean {
  const [cosine = 1, sine = 0] = inkTurns[inkAt] ?? [];
  const across = swing((u * cosine + v * sine) / pitch);
  const down = swing((v * cosine - u * sine) / pitch);
  // A classic spot function: its values are spread so that the share of points under `amount` is near `amount`.
  return (2 + across + down) / 4 < amount;
}

const cosines = Float32Array.from({ length: 4096 }, (_, i) => Math.cos((2 * Math.PI * i) / 4096));

/** The cosine of so many turns, from a table: it is asked for millions of times a picture. */
function swing(turns: number): number {
  return cosines[Math.floor((turns - Math.floor(turns)) * 4096) & 4095] ?? 0;
}
