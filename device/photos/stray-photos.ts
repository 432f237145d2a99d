import { stat } from "node:fs/promises";
import type { Database } from "better-sqlite3";
import { databaseFault } from "../journal/database-fault.ts";
import type { Clock } from "../platform/clock.ts";
import { type FoundFile, type PhotoFiles, removeFile } from "./photo-files.ts";
import { findGone } from "./photo-gone.ts";
import type { PhotoSize } from "./photo-port.ts";
import { quotedPhotos } from "./quoted-photos.ts";

export interface StrayPhotosOptions {
  readonly db: Database;
  readonly files: PhotoFiles;
  readonly clock: Pick<Clock, "delay">;
  /** How long a file that no entry quotes stays. */
  readonly keptMsMin: number;
  readonly isKnown: (sha256: string) => boolean;
}

type NamedFile = NonNullable<FoundFile["named"]>;

/**
 * Files without a row. Half-written ones go, and those whose row was deleted just before the power went. After the
 * database was restored from an older backup the others are photos that it does not know: what an entry quotes is taken
 * up again, for the cloud may lack it; the rest may be all that is left of an entry, and stays as long as any photo.
 */
export class StrayPhotos {
  readonly #options: StrayPhotosOptions;
  /** Those that no entry quoted when it was looked: an entry that comes later claims its photos itself. */
  readonly #unquoted = new Set<string>();

  constructor(options: StrayPhotosOptions) {
    this.#options = options;
  }

  /** @param adopt gives a file a row; false where it is not what its name says. */
  async settle(
    nowMs: number,
    adopt: (named: NamedFile, size: PhotoSize) => Promise<boolean>,
  ): Promise<{ readonly deletedCount: number; readonly adoptedCount: number }> {
    const { db, keptMsMin } = this.#options;
    const strays = await this.#find();
    const quoted = await this.#quoted(strays);
    let [deletedCount, adoptedCount] = [0, 0];
    for (const { file, named } of strays) {
      const size = named === null ? undefined : quoted.get(named.sha256);
      const isGone = named !== null && findGone(db, named.sha256) !== undefined;
      if (named !== null && size !== undefined && !isGone) {
        if (await adopt(named, size)) adoptedCount += 1;
      } else if (named === null || isGone || (await isOlder(file, nowMs - keptMsMin))) {
        await removeFile(file);
        deletedCount += 1;
      }
    }
    return { deletedCount, adoptedCount };
  }

  async #find(): Promise<readonly FoundFile[]> {
    const strays: FoundFile[] = [];
    for await (const found of this.#options.files.list())
      if (found.named === null || !this.#options.isKnown(found.named.sha256)) strays.push(found);
    return strays;
  }

  async #quoted(strays: readonly FoundFile[]): Promise<ReadonlyMap<string, PhotoSize>> {
    const { db, clock } = this.#options;
    const names = new Set(
      strays.flatMap(({ named }) =>
        named === null || this.#unquoted.has(named.sha256) ? [] : [named.sha256],
      ),
    );
    const quoted = await quotedPhotos(db, names, () => clock.delay(1));
    for (const sha256 of names) if (!quoted.has(sha256)) this.#unquoted.add(sha256);
    return quoted;
  }
}

async function isOlder(file: string, thanMs: number): Promise<boolean> {
  try {
    return (await stat(file)).mtimeMs < thanMs;
  } catch (error) {
    throw databaseFault(error) ?? error;
  }
}
