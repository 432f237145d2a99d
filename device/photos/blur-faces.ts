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

/** Each row of pixels is a row of cells first, then what lies between them: few steps for each of a million pixels. */
function blurFace(picture: RgbPicture, box: Box): void {
  const area = enlarged(box, picture);
  if (area === null) return;
  const { data, widthPx } = picture;
  const means = cellMeans(picture, area);
  const across = Array.from({ length: area.width }, (_, x) => cellPosition(x, area.width));
  const row = new Float64Array(CELLS * 3);
  for (let y = 0; y < area.height; y++) {
    const down = cellPosition(y, area.height);
    for (let at = 0; at < row.length; at++) {
      const upper = means[down.first * CELLS * 3 + at] ?? 0;
      row[at] = upper + ((means[down.second * CELLS * 3 + at] ?? 0) - upper) * down.share;
    }
    let to = ((area.top + y) * widthPx + area.left) * 3;
    for (const { first, second, share } of across) {
      for (let channel = 0; channel < 3; channel++) {
        const left = row[first * 3 + channel] ?? 0;
        data[to++] = Math.round(left + ((row[second * 3 + channel] ?? 0) - left) * share);
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
      let [red, green, blue] = [0, 0, 0];
      for (let y = y0; y < y1; y++) {
        let at = ((top + y) * widthPx + left + x0) * 3;
        for (let x = x0; x < x1; x++) {
          red += data[at++] ?? 0;
          green += data[at++] ?? 0;
          blue += data[at++] ?? 0;
        }
      }
      const count = (y1 - y0) * (x1 - x0);
      means.set([red / count, green / count, blue / count], (row * CELLS + column) * 3);
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
