/** Bytes and text are the same thing here: Latin-1, one character per byte. Serial devices know no UTF-8. */

export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** @param text characters up to U+00FF. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

/** @returns upper-case hex without blanks. */
export function hexOf(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0").toUpperCase();
  return hex;
}

export const STX = 0x02;
export const ETX = 0x03;
export const ENQ = 0x05;
export const ACK = 0x06;
export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const NAK = 0x15;
export const ESC = 0x1b;
export const GS = 0x1d;
