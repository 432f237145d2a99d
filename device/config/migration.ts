import { createHash } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import type { Document } from "yaml";
import { CanteenError } from "../platform/errors.ts";

/** One step from a layout of the file to the next; edits the document, so that comments stay. */
export interface Migration {
  /** The version it starts from; it ends at the next. */
  readonly from: number;
  migrate(document: Document): void;
}

/** The steps of the layouts that were ever released, by `from`. Version 1 is the first: there is none yet. */
export const MIGRATIONS: readonly Migration[] = [];

/**
 * Runs the steps from `version` up to `target` on the document.
 * @throws CanteenError `config-too-new` when the file is from a later program, `config-too-old` when a step is missing.
 */
export function migrateDocument(
  document: Document,
  version: number,
  target: number,
  migrations: readonly Migration[],
): void {
  if (version > target) {
    throw new CanteenError(`configuration version ${version} is newer than ${target}`, {
      code: "config-too-new",
      retry: "never",
      hint: {
        zh: `配置文件版本 ${version} 比程序支持的 ${target} 新，请升级程序`,
        en: `The file is version ${version}, this program knows up to ${target}: update the program.`,
      },
    });
  }
  for (let from = version; from < target; from++) {
    const step = migrations.find((migration) => migration.from === from);
    if (step === undefined) {
      throw new CanteenError(`no migration from configuration version ${from}`, {
        code: "config-too-old",
        retry: "never",
        hint: {
          zh: `无法从版本 ${from} 迁移，请参照 device/config/canteen.example.yaml 重写`,
          en: `Version ${from} can no longer be migrated: write the file anew from device/config/canteen.example.yaml.`,
        },
      });
    }
    step.migrate(document);
    document.set("version", from + 1);
  }
}

/**
 * Replaces the file by its migrated text; the old one stays beside it as a backup. A power cut leaves either the old
 * file or the new one: the text is on the disk before the name changes hands.
 * @returns the backup's name.
 * @throws CanteenError `config-not-writable`.
 */
export function replaceWithBackup(file: string, version: number, text: string): string {
  const old = readFileSync(file);
  const digest = createHash("sha256").update(old).digest("hex").slice(0, 8);
  const backup = `${file}.v${version}-${digest}.bak`;
  const partial = `${file}.new`;
  try {
    if (!existsSync(backup)) copyFileSync(file, backup);
    const handle = openSync(partial, "w", 0o644);
    try {
      writeSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(partial, file);
    return backup;
  } catch (cause) {
    throw new CanteenError(`cannot write the migrated ${file}`, {
      code: "config-not-writable",
      retry: "after-operator",
      hint: {
        zh: `配置文件需要升级，但无法写入 ${file}，请检查权限和磁盘`,
        en: `The file must be migrated but ${file} cannot be written: check its permissions and the disk.`,
      },
      cause,
    });
  }
}
