import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CanteenError } from "../platform/errors.ts";

/** Layout: magic, nonce, ciphertext, tag. One nonce of 96 bits for each file: a few thousand files in a device's life. */
const MAGIC = Buffer.from("CANTEENB1");
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = MAGIC.length + NONCE_BYTES;

/** A key for backups alone, out of the device key: it may go to a worker without the device key going along. */
export function backupKeyOf(deviceKey: KeyObject): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync("sha256", deviceKey, "", "canteen-edge backup 1", 32)));
}

/** AES-256-GCM over a whole file, however large; on the disk when this resolves. @throws the disk's error. */
export async function sealFile(key: KeyObject, from: string, to: string): Promise<void> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(MAGIC);
  const out = createWriteStream(to, { flags: "wx", mode: 0o600 });
  out.write(Buffer.concat([MAGIC, nonce]));
  await pipeline(createReadStream(from), cipher, out);
  const handle = await open(to, "a");
  try {
    await handle.write(cipher.getAuthTag());
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Opens a sealed file into a new one, or only checks it. What was written is good only when this resolves.
 * @throws CanteenError `backup-damaged` (changed, cut off, or another key); the disk's error.
 */
export async function openSealedFile(key: KeyObject, from: string, to: string | null): Promise<void> {
  const { size } = await stat(from);
  if (size < HEAD_BYTES + TAG_BYTES) throw damaged(from, undefined);
  const [head, tag] = await headAndTag(from, size);
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged(from, undefined);
  const nonce = head.subarray(MAGIC.length);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(MAGIC).setAuthTag(tag);
  const out = to === null ? nowhere() : createWriteStream(to, { flags: "wx", mode: 0o600, flush: true });
  const body = createReadStream(from, { start: HEAD_BYTES, end: Math.max(HEAD_BYTES, size - TAG_BYTES - 1) });
  try {
    await pipeline(body, decipher, out);
  } catch (error) {
    // Only the tag's own error has no code of the system.
    if (
      error instanceof Error &&
      "code" in error &&
      typeof error.code === "string" &&
      /^E[A-Z]+$/.test(error.code)
    )
      throw error;
    throw damaged(from, error);
  }
}

async function headAndTag(file: string, size: number): Promise<readonly [Buffer, Buffer]> {
  const handle = await open(file, "r");
  try {
    const [head, tag] = [Buffer.alloc(HEAD_BYTES), Buffer.alloc(TAG_BYTES)];
    await handle.read(head, 0, HEAD_BYTES, 0);
    await handle.read(tag, 0, TAG_BYTES, size - TAG_BYTES);
    return [head, tag];
  } finally {
    await handle.close();
  }
}

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

function damaged(file: string, cause: unknown): CanteenError {
  return new CanteenError(`the backup ${file} does not open`, {
    code: "backup-damaged",
    retry: "never",
    hint: {
      zh: "备份已损坏，或不是用本机密钥加密的。",
      en: "The backup is damaged, or was not sealed with this device's key.",
    },
    cause,
  });
}
