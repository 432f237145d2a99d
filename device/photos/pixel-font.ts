/**
 * Letters of 5×7 dots for a machine without fonts: digits, capitals and the marks that a caption has. Each row is five
 * bits, the left-most highest.
 */
const GLYPHS: Readonly<Record<string, readonly number[]>> = {
  " ": [0, 0, 0, 0, 0, 0, 0],
  "0": [14, 17, 19, 21, 25, 17, 14],
  "1": [4, 12, 4, 4, 4, 4, 14],
  "2": [14, 17, 1, 2, 4, 8, 31],
  "3": [31, 2, 4, 2, 1, 17, 14],
  "4": [2, 6, 10, 18, 31, 2, 2],
  "5": [31, 16, 30, 1, 1, 17, 14],
  "6": [6, 8, 16, 30, 17, 17, 14],
  "7": [31, 1, 2, 4, 8, 8, 8],
  "8": [14, 17, 17, 14, 17, 17, 14],
  "9": [14, 17, 17, 15, 1, 2, 12],
  A: [14, 17, 17, 31, 17, 17, 17],
  B: [30, 17, 17, 30, 17, 17, 30],
  C: [14, 17, 16, 16, 16, 17, 14],
  D: [28, 18, 17, 17, 17, 18, 28],
  E: [31, 16, 16, 30, 16, 16, 31],
  F: [31, 16, 16, 30, 16, 16, 16],
  G: [14, 17, 16, 23, 17, 17, 15],
  H: [17, 17, 17, 31, 17, 17, 17],
  I: [14, 4, 4, 4, 4, 4, 14],
  J: [7, 2, 2, 2, 2, 18, 12],
  K: [17, 18, 20, 24, 20, 18, 17],
  L: [16, 16, 16, 16, 16, 16, 31],
  M: [17, 27, 21, 21, 17, 17, 17],
  N: [17, 17, 25, 21, 19, 17, 17],
  O: [14, 17, 17, 17, 17, 17, 14],
  P: [30, 17, 17, 30, 16, 16, 16],
  Q: [14, 17, 17, 17, 21, 18, 13],
  R: [30, 17, 17, 30, 20, 18, 17],
  S: [15, 16, 16, 14, 1, 1, 30],
  T: [31, 4, 4, 4, 4, 4, 4],
  U: [17, 17, 17, 17, 17, 17, 14],
  V: [17, 17, 17, 17, 17, 10, 4],
  W: [17, 17, 17, 21, 21, 21, 10],
  X: [17, 17, 10, 4, 10, 17, 17],
  Y: [17, 17, 17, 10, 4, 4, 4],
  Z: [31, 1, 2, 4, 8, 16, 31],
  ".": [0, 0, 0, 0, 0, 12, 12],
  ",": [0, 0, 0, 0, 12, 4, 8],
  ":": [0, 12, 12, 0, 12, 12, 0],
  ";": [0, 12, 12, 0, 12, 4, 8],
  "-": [0, 0, 0, 31, 0, 0, 0],
  "+": [0, 4, 4, 31, 4, 4, 0],
  "=": [0, 0, 31, 0, 31, 0, 0],
  "/": [0, 1, 2, 4, 8, 16, 0],
  "#": [10, 10, 31, 10, 31, 10, 10],
  "%": [24, 25, 2, 4, 8, 19, 3],
  "(": [2, 4, 8, 8, 8, 4, 2],
  ")": [8, 4, 2, 2, 2, 4, 8],
  "*": [0, 4, 21, 14, 21, 4, 0],
  "@": [14, 17, 1, 13, 21, 21, 14],
  _: [0, 0, 0, 0, 0, 0, 31],
  "?": [14, 17, 1, 2, 4, 0, 4],
};

const COLUMNS = 5;
export const PIXEL_FONT_ROWS = 7;
const ADVANCE = COLUMNS + 1;

/** What these letters can say of a text: capitals; runs of anything else, such as Chinese, as one `*`. */
export function inPixelFont(text: string): string {
  return text
    .toUpperCase()
    .replaceAll("±", "+-")
    .replace(/[^ -~]+/g, "*")
    .replace(/[^ -~]|[!"$&'<>[\]\\^`{|}~]/g, "?");
}

/** Which dots of a line are inked; a letter takes six columns. @returns one row of dots after another. */
export function pixelLine(text: string): { readonly widthDots: number; readonly dots: Uint8Array } {
  const letters = [...inPixelFont(text)];
  const widthDots = Math.max(1, letters.length * ADVANCE - 1);
  const dots = new Uint8Array(widthDots * PIXEL_FONT_ROWS);
  for (const [at, letter] of letters.entries()) {
    for (const [row, bits] of (GLYPHS[letter] ?? GLYPHS["?"] ?? []).entries()) {
      for (let column = 0; column < COLUMNS; column++) {
        const isInked = (bits >> (COLUMNS - 1 - column)) & 1;
        dots[row * widthDots + at * ADVANCE + column] = isInked;
      }
    }
  }
  return { widthDots, dots };
}
