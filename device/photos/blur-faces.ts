import type { Box } from "../../models/face-engine-port.ts";
import type { RgbPicture } from "./caption-strip.ts";

/** The box of a detector ends at brows and chin; hair, ears and jaw tell who it is as well. */
const ENLARGED_SHARE = 0.35;
/** Of the enlarged box, across: of a face remain six colours by six, whatever its size. */
const CELLS = 6;

/**
 * Makes faces unrecognisable in place: each enlarged box keeps the mean colours of 6×6 cells and runs from one to the
 * next. The means are all that is left, so that no sharpening brings anything back.
 *
 * @param boxes in pixels of `picture`; what lies outside of it is cut off.
 */
export function blurFaces(picture: RgbPicture, boxes: readonly Box[]): void {
  for (const box of boxes) blurFace(picture, box);
}

interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function blurFace(picture: RgbPicture, box: Box): void {
  const area = enlarged(box, picture);
  if (area === null) return;
  const means = cellMeans(picture, area);
  for (let y = 0; y < area.height; y++) {
    for (let x = 0; x < area.width; x++) {
      const at = ((area.top + y) * picture.widthPx + area.left + x) * 3;
      const across = cellPosition(x, area.width);
      const down = cellPosition(y, area.height);
      for (let channel = 0; channel < 3; channel++) {
        const upper = mix(means, down.first, across, channel);
        const lower = mix(means, down.second, across, channel);
        picture.data[at + channel] = Math.round(upper + (lower - upper) * down.share);
      }
    }
  }
}

function enlarged([x, y, width, height]: Box, picture: RgbPicture): Area | null {
  if (![x, y, width, height].every(Number.isFinite)) return null;
  const left = Math.max(0, Math.floor(x - width * ENLARGED_SHARE));
  const top = Math.max(0, Math.floor(y - height * ENLARGED_SHARE));
  const right = Math.min(picture.widthPx, Math.ceil(x + width * (1 + ENLARGED_SHARE)));
  const bottom = Math.min(picture.heightPx, Math.ceil(y + height * (1 + ENLARGED_SHARE)));
  return right > left && bottom > top ? { left, top, width: right - left, height: bottom - top } : null;
}

/** Mean colours, CELLS×CELLS×3; a cell of a box smaller than the grid takes its nearest pixel. */
function cellMeans({ data, widthPx }: RgbPicture, { left, top, width, height }: Area): Float64Array {
  const means = new Float64Array(CELLS * CELLS * 3);
  for (let row = 0; row < CELLS; row++) {
    const [y0, y1] = cellSpan(row, height);
    for (let column = 0; column < CELLS; column++) {
      const [x0, x1] = cellSpan(column, width);
      const count = (y1 - y0) * (x1 - x0);
      const cell = (row * CELLS + column) * 3;
      for (let y = y0; y < y1; y++) {
        for (let x = x0; x < x1; x++) {
          const at = ((top + y) * widthPx + left + x) * 3;
          for (let channel = 0; channel < 3; channel++)
            means[cell + channel] = (means[cell + channel] ?? 0) + (data[at + channel] ?? 0) / count;
        }
      }
    }
  }
  return means;
}

function cellSpan(index: number, length: number): readonly [number, number] {
  const from = Math.min(length - 1, Math.floor((index * length) / CELLS));
  return [from, Math.max(from + 1, Math.floor(((index + 1) * length) / CELLS))];
}

interface CellPosition {
  readonly first: number;
  readonly second: number;
  readonly share: number;
}

/** Between which two cells' middles a pixel lies. */
function cellPosition(at: number, length: number): CellPosition {
  const place = Math.min(CELLS - 1, Math.max(0, ((at + 0.5) * CELLS) / length - 0.5));
  const first = Math.floor(place);
  return { first, second: Math.min(CELLS - 1, first + 1), share: place - first };
}

function mix(means: Float64Array, row: number, across: CellPosition, channel: number): number {
  const one = means[(row * CELLS + across.first) * 3 + channel] ?? 0;
  const two = means[(row * CELLS + across.second) * 3 + channel] ?? 0;
  return one + (two - one) * across.share;
}
