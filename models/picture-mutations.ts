/** Damaged pictures, made from whole ones with a seed, as a broken upload or a hostile one would have them. For tests only. */

import { crc32 } from "node:zlib";
import sharp from "sharp";
import { chunksOfPng, pngOfChunks } from "./png-chunks-for-tests.ts";

export type PictureKind =
  | "jpeg"
  | "progressive jpeg"
  | "png"
  | "png interlaced"
  | "png 16 bit"
  | "webp"
  | "webp lossless"
  | "gif"
  | "avif"
  | "heic";

/** Whole pictures of each kind from one photo; the last two are kinds that the terminal refuses. */
export async function wholePictures(photo: Uint8Array): Promise<ReadonlyMap<PictureKind, Buffer>> {
  const picture = () => sharp(photo);
  const avif = await picture().avif({ quality: 50, effort: 0 }).toBuffer();
  const heic = Buffer.from(avif);
  // ISO/IEC 14496-12: the major brand follows the length and "ftyp".
  heic.write("heic", 8, "latin1");
  return new Map<PictureKind, Buffer>([
    ["jpeg", await picture().withMetadata({ orientation: 1 }).jpeg({ quality: 85 }).toBuffer()],
    ["progressive jpeg", await picture().jpeg({ quality: 85, progressive: true }).toBuffer()],
    ["png", await picture().png({ compressionLevel: 3 }).toBuffer()],
    ["png interlaced", await picture().png({ compressionLevel: 3, progressive: true }).toBuffer()],
    ["png 16 bit", await picture().toColourspace("rgb16").png({ compressionLevel: 3 }).toBuffer()],
    ["webp", await picture().webp({ quality: 85, effort: 0 }).toBuffer()],
    ["webp lossless", await picture().ensureAlpha(0.9).webp({ lossless: true, effort: 0 }).toBuffer()],
    ["gif", await picture().gif({ effort: 1 }).toBuffer()],
    ["avif", avif],
    ["heic", heic],
  ]);
}

type Random = () => number;
type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

/** The smallest change: what is behind it is still read. */
function flipBit(bytes: Buffer, random: Random): void {
  const at = somewhere(random, bytes);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
}

/** How far the header reaches in which a change does most. */
const headerBytes = 700;
/** Values at which lengths and counters break. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

const below = (random: Random, end: number): number => Math.floor(random() * end);
const somewhere = (random: Random, bytes: Buffer): number =>
  below(random, random() < 0.6 ? Math.min(bytes.length, headerBytes) : bytes.length);

const mutations: readonly Mutation[] = [
  /** Some bits. */
  (bytes, random) => {
    for (let n = 1 + below(random, 8); n > 0; n -= 1) flipBit(bytes, random);
    return bytes;
  },
  /** Some bytes anew. */
  (bytes, random) => {
    for (let n = 1 + below(random, 32); n > 0; n -= 1) bytes[somewhere(random, bytes)] = below(random, 256);
    return bytes;
  },
  /** A length, a size or a counter at its edge, of either byte order. */
  (bytes, random) => {
    const value = edges[below(random, edges.length)] ?? 0;
    const width = value > 0xffff ? 4 : value > 0xff ? 2 : 1 + below(random, 4);
    const at = Math.min(somewhere(random, bytes), bytes.length - 4);
    if (at < 0) return bytes;
    if (random() < 0.5) bytes.writeUIntBE(value, at, width);
    else bytes.writeUIntLE(value, at, width);
    return bytes;
  },
  /** Cut off. */
  (bytes, random) => bytes.subarray(0, somewhere(random, bytes)),
  /** A piece left out. */
  (bytes, random) => {
    const at = somewhere(random, bytes);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 64))]);
  },
  /** A piece twice, or very often. */
  (bytes, random) => {
    const at = somewhere(random, bytes);
    const piece = bytes.subarray(at, at + 1 + below(random, 200));
    const times = random() < 0.9 ? 1 : 1 + below(random, 500);
    return Buffer.concat([bytes.subarray(0, at), ...Array<Buffer>(times).fill(piece), bytes.subarray(at)]);
  },
  /** A piece of a picture of another kind in the middle. */
  (bytes, random, other) => {
    const from = somewhere(random, other);
    other.copy(bytes, somewhere(random, bytes), from, from + 1 + below(random, 400));
    return bytes;
  },
  /** The head of one kind on the body of another. */
  (bytes, random, other) => {
    const at = somewhere(random, bytes);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(at)]);
  },
  /** A run of one value. */
  (bytes, random) => {
    const at = somewhere(random, bytes);
    return bytes.fill(below(random, 256), at, Math.min(bytes.length, at + below(random, 300)));
  },
];

/** One to three mutations on one of the pictures; of a PNG often inside its chunks, or with its check sums made right again. */
export function mutated(
  whole: ReadonlyMap<PictureKind, Buffer>,
  random: Random,
): { readonly kind: PictureKind; readonly bytes: Uint8Array<ArrayBuffer> } {
  const kinds = [...whole.keys()];
  const kind = kinds[below(random, kinds.length)] ?? "jpeg";
  const copyOf = (name: PictureKind | undefined) => Buffer.from(whole.get(name ?? "jpeg") ?? []);
  const mutate = (piece: Buffer): Buffer => {
    let bytes = Buffer.from(piece);
    if (random() < 0.3) flipBit(bytes, random);
    else
      for (let n = 1 + below(random, 3); n > 0; n -= 1) {
        const mutation = mutations[below(random, mutations.length)];
        if (mutation !== undefined && bytes.length > 0)
          bytes = Buffer.from(mutation(bytes, random, copyOf(kinds[below(random, kinds.length)])));
      }
    return bytes;
  };
  const isPng = kind.startsWith("png");
  if (isPng && random() < 0.5)
    return { kind, bytes: Uint8Array.from(mutatedInChunks(copyOf(kind), random, mutate)) };
  const bytes = mutate(copyOf(kind));
  if (isPng && random() < 0.7) mendCheckSums(bytes);
  return { kind, bytes: Uint8Array.from(bytes) };
}

/** The header's numbers, the lines of pixels or another chunk changed, and all around it right. */
function mutatedInChunks(png: Buffer, random: Random, mutate: (piece: Buffer) => Buffer): Buffer {
  const chunks = [...chunksOfPng(png)];
  const at = below(random, chunks.length);
  const chunk = chunks[at];
  if (chunk !== undefined) chunks[at] = { ...chunk, data: mutate(chunk.data) };
  // Behind the header, and sometimes not once but twice or away.
  if (chunk !== undefined && random() < 0.1) chunks.splice(at, random() < 0.5 ? 1 : 0, chunk, chunk);
  return pngOfChunks(chunks);
}

/** Chunks: length, name, data, CRC-32 of name and data (ISO/IEC 15948). */
function mendCheckSums(png: Buffer): void {
  for (let at = 8; at + 12 <= png.length; ) {
    const end = at + 8 + png.readUInt32BE(at);
    if (end + 4 > png.length) return;
    png.writeUInt32BE(crc32(png.subarray(at + 4, end)), end);
    at = end + 4;
  }
}
