import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { databaseFault } from "../journal/database-fault.ts";
import { CanteenError, systemCode } from "../platform/errors.ts";
import type { PhotoMediaType, PhotoProblem } from "./photo-port.ts";

const EXTENSIONS: Readonly<Record<PhotoMediaType, string>> = { "image/jpeg": "jpg", "image/webp": "webp" };

const PHOTO_NAME = /^([0-9a-f]{64})\.(jpg|webp)$/;

export interface FoundFile {
  readonly file: string;
  /** What its name says; null for what is no photo's name. */
  readonly named: { readonly sha256: string; readonly mediaType: PhotoMediaType } | null;
}

/** Lower-case hex SHA-256 of a photo's bytes. */
export function photoHash(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The files themselves: `photos/{first two digits}/{sha256}.{jpg|webp}`. */
export class PhotoFiles {
  readonly #folder: string;
  /** Of the 256 those whose names have reached the disk, as far as this program saw. */
  readonly #syncedFolders = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  fileOf(sha256: string, mediaType: PhotoMediaType): string {
    return join(this.#folderOf(sha256), `${sha256}.${EXTENSIONS[mediaType]}`);
  }

  /** Written beside its place, synced and renamed: under the final name lies the whole picture or nothing. */
  async write(sha256: string, mediaType: PhotoMediaType, content: Uint8Array): Promise<void> {
    try {
      const folder = this.#folderOf(sha256);
      const isNew = (await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined;
      const beside = join(folder, `.${sha256}.part`);
      try {
        await writeSynced(beside, content);
        await rename(beside, this.fileOf(sha256, mediaType));
      } catch (error) {
        await rm(beside, { force: true }).catch(() => {});
        throw error;
      }
      await syncFolder(folder);
      if (isNew || !this.#syncedFolders.has(folder)) await syncFolder(this.#folder);
      this.#syncedFolders.add(folder);
    } catch (error) {
      throw databaseFault(error) ?? error;
    }
  }

  /** @throws CanteenError `photo-missing`, `photo-changed`, or of the disk. */
  async read(sha256: string, mediaType: PhotoMediaType): Promise<Uint8Array> {
    let content: Uint8Array;
    try {
      content = await readFile(this.fileOf(sha256, mediaType));
    } catch (error) {
      if (systemCode(error) === "ENOENT") throw photoFault("photo-missing", sha256);
      throw databaseFault(error) ?? error;
    }
    if (photoHash(content) !== sha256) throw photoFault("photo-changed", sha256);
    return content;
  }

  remove(sha256: string, mediaType: PhotoMediaType): Promise<void> {
    return removeFile(this.fileOf(sha256, mediaType));
  }

  /** Every file that lies here. */
  async *list(): AsyncGenerator<FoundFile> {
    for (const first of await namesIn(this.#folder)) {
      for (const name of await namesIn(join(this.#folder, first))) {
        const [, sha256, extension] = PHOTO_NAME.exec(name) ?? [];
        const mediaType = extension === "webp" ? "image/webp" : "image/jpeg";
        const file = join(this.#folder, first, name);
        yield { file, named: sha256 === undefined ? null : { sha256, mediaType } };
      }
    }
  }

  #folderOf(sha256: string): string {
    return join(this.#folder, sha256.slice(0, 2));
  }
}

/** Also where there is none. @throws CanteenError of the disk, as on one that has become read-only. */
export async function removeFile(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw databaseFault(error) ?? error;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw databaseFault(error) ?? error;
  }
}

async function writeSynced(file: string, content: Uint8Array): Promise<void> {
  const handle = await open(file, "w", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A name has reached the disk only when its folder has. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const PROBLEM_HINTS: Readonly<Record<PhotoProblem, { readonly zh: string; readonly en: string }>> = {
  "photo-missing": {
    zh: "照片文件不见了。记录仍在，云端若已有此照片可在云端查看。",
    en: "The photo's file is gone. The record stands; the cloud may still have the photo.",
  },
  "photo-changed": {
    zh: "照片文件被改动过，与记录中的指纹不符。请勿删除，并检查磁盘。",
    en: "The photo's file was changed: it does not match the hash on record. Keep it, and check the disk.",
  },
};

export function photoFault(code: PhotoProblem, sha256: string): CanteenError {
  return new CanteenError(`${code}: ${sha256.slice(0, 12)}`, {
    code,
    retry: "never",
    hint: PROBLEM_HINTS[code],
  });
}
