/** Reader of npm tarballs: a gzip stream of 512-byte tar blocks (POSIX ustar), of which a few members are wanted. */

import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";

const blockBytes = 512;
/** No wanted weight is larger; a member over it is refused instead of filling memory. */
const memberBytesMax = 64 * 1024 * 1024;

/**
 * Reads the named members; the rest of the tarball passes through memory in small pieces.
 * @param names paths inside the package, without npm's leading `package/`.
 * @throws Error when a member is missing, too large or cut short.
 */
export async function readTarball(
  file: string,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  let pending: Buffer = Buffer.alloc(0);
  /** Bytes of the current member, its padding included, that are still to come; they are kept in `parts` if wanted. */
  let restBytes = 0;
  let wanted: { name: string; sizeBytes: number; parts: Buffer[] } | null = null;
  for await (const chunk of createReadStream(file).pipe(createGunzip())) {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length > 0) {
      if (restBytes > 0) {
        const part = pending.subarray(0, restBytes);
        wanted?.parts.push(part);
        restBytes -= part.length;
        pending = pending.subarray(part.length);
        if (restBytes > 0) break;
        if (wanted !== null)
          found.set(wanted.name, Buffer.concat(wanted.parts).subarray(0, wanted.sizeBytes));
        wanted = null;
        continue;
      }
      if (pending.length < blockBytes) break;
      const header = readHeader(pending.subarray(0, blockBytes));
      pending = pending.subarray(blockBytes);
      if (header === null) continue;
      restBytes = Math.ceil(header.sizeBytes / blockBytes) * blockBytes;
      if (!names.has(header.name)) continue;
      if (header.sizeBytes > memberBytesMax)
        throw new Error(`${header.name} is larger than ${memberBytesMax} bytes`);
      wanted = { name: header.name, sizeBytes: header.sizeBytes, parts: [] };
    }
  }
  for (const name of names) {
    if (!found.has(name)) throw new Error(`${name} is not in ${file}`);
  }
  return found;
}

/** @returns `null` for the zero blocks at the end. */
function readHeader(block: Buffer): { name: string; sizeBytes: number } | null {
  if (block[0] === 0) return null;
  const field = (from: number, to: number) => block.toString("latin1", from, to).replace(/\0.*$/s, "");
  const prefix = field(257, 262) === "ustar" ? field(345, 500) : "";
  const name = prefix === "" ? field(0, 100) : `${prefix}/${field(0, 100)}`;
  return {
    name: name.replace(/^package\//, ""),
    sizeBytes: Number.parseInt(field(124, 136).trim() || "0", 8),
  };
}
