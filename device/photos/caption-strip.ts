import sharp, { type Sharp } from "sharp";
import { PIXEL_FONT_ROWS, pixelLine } from "./pixel-font.ts";
import type { PhotoCaption } from "./studio-port.ts";

/** Pixels, three bytes each, row by row. */
export interface RgbPicture {
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** `chinese`: the machine has a font for it. `dots`: it has not, and digits and capitals are drawn by this program. */
export type CaptionFont = "chinese" | "dots";

export const CAPTION_LINES_MAX = 4;
export const CAPTION_LINE_LENGTH_MAX = 80;
/** Of the picture's width; a line of a 640 pixel picture is then 18 pixels high. */
const LINE_SHARE = 0.028;
const LINE_PX_MIN = 14;
/** sans: whatever font for Chinese the machine has comes after it by fontconfig's own order. */
const FONT_FAMILY = "Noto Sans CJK SC, sans";
const INK = 255;
const PAPER = 24;

/** Height of the strip under a picture of this width. */
export function stripHeightPx(widthPx: number, lineCount: number): number {
  return lineCount === 0 ? 0 : Math.round(linePitchPx(widthPx) * (lineCount + 0.5));
}

const linePx = (widthPx: number): number => Math.max(LINE_PX_MIN, Math.round(widthPx * LINE_SHARE));
const linePitchPx = (widthPx: number): number => Math.round(linePx(widthPx) * 1.45);

/**
 * Whether Chinese can be written here: 一 is a flat stroke in every font that has it, and a box where none has.
 * Pango never says that a glyph is missing, and with no font at all it draws empty boxes for digits too.
 */
export async function captionFontHere(): Promise<CaptionFont> {
  try {
    const { info } = await textOf("一", 32).toBuffer({ resolveWithObject: true });
    return info.width >= 4 * info.height ? "chinese" : "dots";
  } catch {
    return "dots";
  }
}

/** One byte of brightness a pixel, as wide as its picture. */
export interface CaptionStrip {
  readonly grey: Uint8Array;
  readonly heightPx: number;
}

/**
 * As much of a line as has room. What is certain to be there stands at its ends: a name at the beginning may be as long
 * as it likes, and the weight behind it is what the strip is for.
 */
export function shownLine(line: string): string {
  if (line.length <= CAPTION_LINE_LENGTH_MAX) return line;
  const kept = CAPTION_LINE_LENGTH_MAX - 1;
  const tail = Math.floor(kept / 2);
  // A character of two halves may have lost one.
  const [head, end] = [line.slice(0, kept - tail), line.slice(-tail)];
  return `${head.replace(/[\ud800-\udbff]$/, "")}…${end.replace(/^[\udc00-\udfff]/, "")}`;
}

/** Light letters on dark. A line that is too wide is made narrower. */
export async function captionStrip(
  { lines }: PhotoCaption,
  widthPx: number,
  font: CaptionFont,
): Promise<CaptionStrip> {
  const shown = lines.slice(0, CAPTION_LINES_MAX).map(shownLine);
  const heightPx = stripHeightPx(widthPx, shown.length);
  const grey = new Uint8Array(widthPx * heightPx).fill(PAPER);
  const pitchPx = linePitchPx(widthPx);
  const marginPx = Math.round(pitchPx / 3);
  for (const [index, line] of shown.entries()) {
    if (line.trim() === "") continue;
    const widthPxMax = widthPx - 2 * marginPx;
    const drawn =
      font === "chinese"
        ? await writtenLine(line, widthPx, widthPxMax)
        : dottedLine(line, widthPx, widthPxMax);
    const top = Math.round(pitchPx * (index + 0.25) + (pitchPx - drawn.heightPx) / 2);
    ink(grey, widthPx, heightPx, drawn, marginPx, top);
  }
  return { grey, heightPx };
}

interface DrawnLine {
  /** How much ink, 0…255. */
  readonly cover: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

async function writtenLine(line: string, pictureWidthPx: number, widthPxMax: number): Promise<DrawnLine> {
  const sizePx = linePx(pictureWidthPx);
  const { data, info } = await textOf(line, sizePx)
    .resize({
      width: widthPxMax,
      height: linePitchPx(pictureWidthPx),
      fit: "inside",
      withoutEnlargement: true,
    })
    .extractChannel("alpha")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { cover: data, widthPx: info.width, heightPx: info.height };
}

/** At 72 dots an inch a point is a pixel. */
function textOf(line: string, sizePx: number): Sharp {
  const text = line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return sharp({ text: { text, font: `${FONT_FAMILY} ${sizePx}`, dpi: 72, rgba: true } });
}

function dottedLine(line: string, pictureWidthPx: number, widthPxMax: number): DrawnLine {
  const { widthDots, dots } = pixelLine(line);
  const wanted = Math.max(1, Math.round((linePx(pictureWidthPx) * 0.85) / PIXEL_FONT_ROWS));
  const dotPx = Math.max(1, Math.min(wanted, Math.floor(widthPxMax / widthDots)));
  const widthPx = Math.min(widthPxMax, widthDots * dotPx);
  const heightPx = PIXEL_FONT_ROWS * dotPx;
  const cover = new Uint8Array(widthPx * heightPx);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const dot = Math.floor(y / dotPx) * widthDots + Math.floor(x / dotPx);
      cover[y * widthPx + x] = dots[dot] === 1 ? 255 : 0;
    }
  }
  return { cover, widthPx, heightPx };
}

function ink(
  grey: Uint8Array,
  stripWidthPx: number,
  stripHeight: number,
  { cover, widthPx, heightPx }: DrawnLine,
  left: number,
  top: number,
): void {
  for (let y = 0; y < heightPx; y++) {
    const row = top + y;
    if (row < 0 || row >= stripHeight) continue;
    for (let x = 0; x < widthPx && left + x < stripWidthPx; x++) {
      const share = (cover[y * widthPx + x] ?? 0) / 255;
      grey[row * stripWidthPx + left + x] = Math.round(PAPER + (INK - PAPER) * share);
    }
  }
}
