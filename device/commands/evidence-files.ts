import { createWriteStream, existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CanteenError, isFault, systemCode } from "../platform/errors.ts";
import { databaseFile } from "../terminal-database.ts";
import { type CommandContext, usageError } from "./command-context.ts";
import { type ConfigOption, whichConfig } from "./which-config.ts";

/** The journal that commands read, and the files of evidence that they write and check. */

/** The journal's file: of the folder that was named, or of the configuration. */
export function journalFileOf(
  options: ConfigOption & { readonly data?: string },
  { io }: CommandContext,
): string {
  const folder =
    options.data === undefined
      ? whichConfig(options, io.folder).config.dataFolder
      : resolve(io.folder, options.data);
  return databaseFile(folder);
}

/** @returns the file itself. @throws CanteenError `journal-missing` when there is none. */
export function existingJournal(file: string): string {
  if (existsSync(file)) return file;
  throw new CanteenError(`there is no journal at ${file}`, {
    code: "journal-missing",
    retry: "after-operator",
    hint: {
      zh: `${file} 不存在：终端从未在此数据目录运行过，或目录写错了`,
      en: `There is no ${file}: no terminal ever ran with this data folder, or the folder is wrong.`,
    },
  });
}

/** For the catch of a read. @throws CanteenError `usage`. */
export function cannotRead(file: string): (cause: unknown) => never {
  return (cause) => {
    throw new CanteenError(`cannot read ${file}`, {
      code: "usage",
      retry: "never",
      hint: { zh: `无法读取 ${file}`, en: `${file} cannot be read.` },
      cause,
    });
  };
}

/**
 * Writes and syncs a file that was not there: evidence is never written over.
 * @throws CanteenError `usage` (it exists), `export-failed`; half a file is taken away, so that nobody takes it for a whole one.
 */
export async function writeEvidence(file: string, parts: Iterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(parts), createWriteStream(file, { flags: "wx", mode: 0o600, flush: true }));
  } catch (cause) {
    if (systemCode(cause) === "EEXIST")
      throw usageError(`${file} 已存在，不会覆盖`, `${file} exists and is not written over`);
    await rm(file, { force: true });
    if (isFault(cause)) throw cause;
    throw new CanteenError(`cannot write ${file}`, {
      code: "export-failed",
      retry: "after-operator",
      hint: {
        zh: `无法写入 ${file}：请检查目录、权限和空间`,
        en: `${file} cannot be written: check folder, permissions and space.`,
      },
      cause,
    });
  }
}
