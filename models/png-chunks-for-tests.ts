/** A PNG taken apart and put together again, so that a change is not lost at the first check sum. For tests only. */

import { constants, crc32, deflateSync, inflateSync } from "node:zlib";

export interface PngChunk {
  readonly name: string;
  /** Of the one `IDAT`: the lines with their filter bytes, not deflated. */
  readonly data: Buffer;
}

const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

/** Of a whole PNG; all its `IDAT` as one (ISO/IEC 15948, 5.3 and 10). */
export function chunksOfPng(png: Buffer): readonly PngChunk[] {
  const chunks: PngChunk[] = [];
  const deflated: Buffer[] = [];
  for (let at = signature.length; at + 12 <= png.length; ) {
    const length = png.readUInt32BE(at);
    const name = png.toString("latin1", at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (name !== "IDAT") chunks.push({ name, data });
    else if (deflated.push(data) === 1) chunks.push({ name, data });
    at += length + 12;
  }
  const lines = inflateSync(Buffer.concat(deflated));
  return chunks.map((chunk) => (chunk.name === "IDAT" ? { name: "IDAT", data: lines } : chunk));
}

/** With the right lengths and check sums, whatever is in the chunks. */
export function pngOfChunks(chunks: readonly PngChunk[]): Buffer {
  const parts = chunks.map(({ name, data }) => {
    const packed = name === "IDAT" ? deflateSync(data, { level: constants.Z_BEST_SPEED }) : data;
    const chunk = Buffer.alloc(packed.length + 12);
    chunk.writeUInt32BE(packed.length, 0);
    chunk.write(name, 4, "latin1");
    packed.copy(chunk, 8);
    chunk.writeUInt32BE(crc32(chunk.subarray(4, packed.length + 8)), packed.length + 8);
    return chunk;
  });
  return Buffer.concat([signature, ...parts]);
}
