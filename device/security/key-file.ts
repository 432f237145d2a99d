import { createSecretKey, type KeyObject } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Entropy } from "../platform/entropy.ts";
import { CanteenError, systemCode } from "../platform/errors.ts";

/** AES-256 */
export const KEY_BYTES = 32;
/** A key file of ours has 32 bytes, or 64 hex digits and a line end; more is some other file. */
const KEY_FILE_BYTES_MAX = 128;

/**
 * The key that wraps every person's key; it never leaves this terminal.
 * Made at the first start: written beside its place, forced to the disk, then linked into place, so that a crash
 * leaves either no key or a whole one. Held as a `KeyObject`, which no log or error prints.
 * @throws CanteenError `key-file-exposed` (others may read it), `key-file-damaged`, `key-file-unreadable`.
 */
export function loadOrCreateDeviceKey(file: string, entropy: Entropy): KeyObject {
  try {
    return readKey(file);
  } catch (error) {
    if (!(error instanceof CanteenError && systemCode(error.cause) === "ENOENT")) throw error;
  }
  createKeyFile(file, entropy);
  return readKey(file);
}

/** The device key of a data folder that is only read: none is made. @throws CanteenError as `loadOrCreateDeviceKey`. */
export function loadDeviceKey(file: string): KeyObject {
  return readKey(file);
}

/**
 * The key that the site's terminals share, put there by an operator; 32 bytes or 64 hex digits.
 * @throws CanteenError as `loadOrCreateDeviceKey`.
 */
export function loadSiteKey(file: string): KeyObject {
  return readKey(file);
}

function readKey(file: string): KeyObject {
  const bytes = readPrivateFile(file, KEY_FILE_BYTES_MAX);
  const key = parseKey(bytes);
  bytes.fill(0);
  if (key === undefined) throw keyFileDamaged(file);
  try {
    return createSecretKey(key);
  } finally {
    key.fill(0);
  }
}

/** As it is; undefined where there is none. @throws CanteenError `key-file-exposed`, `-damaged`, `-unreadable`. */
export function readPrivateFileOrNone(file: string, bytesMax: number): Buffer | undefined {
  try {
    return readPrivateFile(file, bytesMax);
  } catch (error) {
    if (error instanceof CanteenError && systemCode(error.cause) === "ENOENT") return undefined;
    throw error;
  }
}

function readPrivateFile(file: string, bytesMax: number): Buffer {
  try {
    return privateBytes(file, bytesMax);
  } catch (error) {
    if (error instanceof CanteenError) throw error;
    throw new CanteenError(`cannot read the key file ${file}`, {
      code: "key-file-unreadable",
      retry: "after-operator",
      hint: {
        zh: `无法读取密钥文件 ${file}。请检查路径、所有者和权限（应为 0600）。`,
        en: `The key file ${file} cannot be read. Check its path, owner and mode (0600).`,
      },
      cause: error,
    });
  }
}

function privateBytes(file: string, bytesMax: number): Buffer {
  const handle = openSync(file, "r");
  try {
    const status = fstatSync(handle);
    if (!status.isFile()) throw new Error("not a file");
    const { mode, size } = status;
    if ((mode & 0o077) !== 0) throw keyFileExposed(file, mode);
    if (size > bytesMax) throw keyFileDamaged(file);
    return readFileSync(handle);
  } finally {
    closeSync(handle);
  }
}

function parseKey(bytes: Buffer): Buffer | undefined {
  if (bytes.length === KEY_BYTES) return Buffer.from(bytes);
  const text = bytes.toString("latin1").trim();
  return /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, "hex") : undefined;
}

function createKeyFile(file: string, entropy: Entropy): void {
  const key = entropy.bytes(KEY_BYTES);
  try {
    createPrivateFile(file, key);
  } finally {
    key.fill(0);
  }
}

/** A new owner-only file, whole or not at all; never over one that exists. @throws CanteenError `key-file-unwritable`. */
export function createPrivateFile(file: string, bytes: Uint8Array): void {
  const fresh = `${file}.new`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    rmSync(fresh, { force: true });
    const handle = openSync(fresh, "wx", 0o600);
    try {
      writeSync(handle, bytes);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    linkSync(fresh, file); // Unlike rename it never replaces a key that appeared meanwhile.
    rmSync(fresh);
    syncFolder(dirname(file));
  } catch (error) {
    throw new CanteenError(`cannot create the key file ${file}`, {
      code: "key-file-unwritable",
      retry: "after-operator",
      hint: {
        zh: `无法创建密钥文件 ${file}。请检查磁盘空间和文件夹权限。`,
        en: `The key file ${file} cannot be created. Check the disk's space and the folder's mode.`,
      },
      cause: error,
    });
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function keyFileExposed(file: string, mode: number): CanteenError {
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  return new CanteenError(`the key file ${file} has mode ${shown}`, {
    code: "key-file-exposed",
    retry: "after-operator",
    hint: {
      zh: `密钥文件 ${file} 的权限为 ${shown}，其他用户可以读取。请执行 chmod 600，并考虑重新登记模板。`,
      en: `Others may read the key file ${file} (mode ${shown}). Run chmod 600, and consider a new enrolment.`,
    },
  });
}

function keyFileDamaged(file: string): CanteenError {
  return new CanteenError(`the key file ${file} holds neither ${KEY_BYTES} bytes nor 64 hex digits`, {
    code: "key-file-damaged",
    retry: "after-operator",
    hint: {
      zh: `密钥文件 ${file} 已损坏。请从备份恢复；没有备份则移走该文件并重新登记人脸。`,
      en: `The key file ${file} is damaged. Restore it; without a copy, move it away and enrol the faces again.`,
    },
  });
}
