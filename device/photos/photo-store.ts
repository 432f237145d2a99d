import type { Database } from "better-sqlite3";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import { prepared } from "../journal/prepared.ts";
import { assert, present } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";
import { CanteenError, isFault } from "../platform/errors.ts";
import { sendPhotosAgain } from "./photo-again.ts";
import { type FoundFile, PhotoFiles, photoFault, photoHash } from "./photo-files.ts";
import { type GonePhoto, noteGone } from "./photo-gone.ts";
import type {
  PhotoMediaType,
  PhotoProblem,
  PhotoSize,
  PhotoStore,
  PhotosAskedFor,
  PhotoUsage,
  StoredPhoto,
} from "./photo-port.ts";
import { StrayPhotos } from "./stray-photos.ts";

export interface PhotoStoreOptions {
  readonly db: Database;
  /** Where the files lie; made when the first is written. */
  readonly folder: string;
  readonly clock: Pick<Clock, "now" | "mono" | "delay">;
  readonly limits: PhotoLimits;
}

export interface PhotoLimits {
  /** All files together. */
  readonly bytesMax: number;
  /** How long a photo stays here after the cloud has it. */
  readonly keptMsMin: number;
  /** For tests: how many notes of deleted photos are kept. */
  readonly goneRecordsMax?: number;
}

/** A picture is made for about 150 kB; what is far larger was not made by this program. */
export const PHOTO_BYTES_MAX = 1024 * 1024;
/** A photo that no entry claimed was taken for something that did not happen. */
const LOOSE_MS_MAX = 86_400_000;
/** Rows looked at in one round of making room. */
const DELETE_ROUND_MAX = 64;

interface PhotoRow {
  readonly sha256: string;
  readonly bytes: number;
  readonly size: PhotoSize;
  readonly media_type: PhotoMediaType;
  readonly stored_at_ms: number;
  readonly acked_at_ms: number | null;
}

const COLUMNS = "sha256, bytes, size, media_type, stored_at_ms, acked_at_ms";

export function openPhotoStore(options: PhotoStoreOptions): PhotoStore {
  return new PhotosOnDisk(options);
}

/**
 * Files by hash beside a table that says what of them the cloud has. The file is on the disk before its row, and the
 * row before the entry that quotes it: whatever stops the machine, an entry's photo is there.
 */
class PhotosOnDisk implements PhotoStore {
  readonly #options: PhotoStoreOptions;
  readonly #files: PhotoFiles;
  readonly #listeners = new Set<() => void>();
  readonly #strays: StrayPhotos;
  /** Stored here and not yet claimed, with their monotonic time: whatever the wall clock does, their entry may come. */
  readonly #inHand = new Map<string, number>();
  /** Pictures are kept and deleted one after the other, so that two cannot take the last room. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PhotoStoreOptions) {
    this.#options = options;
    this.#files = new PhotoFiles(options.folder);
    const { db, clock, limits } = options;
    const keptMsMin = Math.max(limits.keptMsMin, LOOSE_MS_MAX);
    const isKnown = (sha256: string): boolean => this.find(sha256) !== undefined;
    this.#strays = new StrayPhotos({ db, files: this.#files, clock, keptMsMin, isKnown });
  }

  async put(
    content: Uint8Array,
    { size, mediaType }: { readonly size: PhotoSize; readonly mediaType: PhotoMediaType },
  ): Promise<StoredPhoto> {
    const picture = newPicture(content, size, mediaType);
    await this.#keep([picture]);
    return this.#known(picture.sha256);
  }

  async putBoth(
    contents: Readonly<Record<PhotoSize, Uint8Array>>,
    mediaType: PhotoMediaType,
  ): Promise<Readonly<Record<PhotoSize, StoredPhoto>>> {
    const photo = newPicture(contents.photo, "photo", mediaType);
    const thumbnail = newPicture(contents.thumbnail, "thumbnail", mediaType);
    await this.#keep([photo, thumbnail]);
    return { photo: this.#known(photo.sha256), thumbnail: this.#known(thumbnail.sha256) };
  }

  #keep(pictures: readonly NewPicture[]): Promise<void> {
    return this.#inTurn(async () => {
      const lacking: NewPicture[] = [];
      for (const picture of pictures) {
        this.#inHand.set(picture.sha256, this.#options.clock.mono());
        const known = this.find(picture.sha256);
        if (known === undefined || !(await this.#isWhole(known))) lacking.push(picture);
      }
      if (lacking.length === 0) return;
      await this.#makeRoom(lacking.reduce((bytes, { content }) => bytes + content.byteLength, 0));
      await Promise.all(
        lacking.map(({ sha256, mediaType, content }) => this.#files.write(sha256, mediaType, content)),
      );
      withDatabaseFaults(() =>
        this.#options.db.transaction(() => {
          for (const picture of lacking) this.#insert(picture);
        })(),
      );
    });
  }

  #insert({ sha256, content, size, mediaType }: NewPicture): void {
    this.#run(
      `INSERT INTO photo (sha256, bytes, size, media_type, stored_at_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (sha256) DO UPDATE SET problem = NULL`,
      sha256,
      content.byteLength,
      size,
      mediaType,
      this.#options.clock.now(),
    );
  }

  #known(sha256: string): StoredPhoto {
    return present(this.find(sha256), "a photo that was just stored");
  }

  claim(hashes: readonly string[]): void {
    for (const sha256 of hashes) {
      this.#inHand.delete(sha256);
      const { changes } = this.#run("UPDATE photo SET claimed = 1 WHERE sha256 = ?", sha256);
      // A question that stood on the screen over a weekend: its photo was nobody's after a day.
      if (changes === 0) throw photoFault("photo-missing", sha256);
    }
    this.#tellPending();
  }

  #tellPending(): void {
    for (const listener of this.#listeners) listener();
  }

  find(sha256: string): StoredPhoto | undefined {
    const row = this.#rows(`SELECT ${COLUMNS} FROM photo WHERE sha256 = ?`, sha256)[0];
    return row === undefined ? undefined : photoOf(row);
  }

  async read(sha256: string): Promise<Uint8Array> {
    const photo = this.find(sha256);
    if (photo === undefined) throw photoFault("photo-missing", sha256);
    return this.#files.read(sha256, photo.mediaType);
  }

  nextToSend(): StoredPhoto | undefined {
    const row = this.#rows(
      `SELECT ${COLUMNS} FROM photo WHERE claimed = 1 AND acked_at_ms IS NULL AND problem IS NULL
       ORDER BY size DESC, stored_at_ms, sha256 LIMIT 1`,
    )[0];
    return row === undefined ? undefined : photoOf(row);
  }

  confirm(sha256: string): void {
    withDatabaseFaults(() =>
      this.#run(
        "UPDATE photo SET acked_at_ms = ? WHERE sha256 = ? AND acked_at_ms IS NULL",
        this.#options.clock.now(),
        sha256,
      ),
    );
  }

  sendAgain(hashes: readonly string[]): PhotosAskedFor {
    const { db } = this.#options;
    const asked = withDatabaseFaults(() =>
      db.transaction(() => sendPhotosAgain(db, hashes, this.usage().waitingCount)).immediate(),
    );
    if (asked.sending.length > 0) this.#tellPending();
    return asked;
  }

  setAside(sha256: string, problem: PhotoProblem): void {
    withDatabaseFaults(() => this.#run("UPDATE photo SET problem = ? WHERE sha256 = ?", problem, sha256));
  }

  usage(): PhotoUsage {
    const row = prepared<[], { bytes: number; count: number; waitingCount: number }>(
      this.#options.db,
      `SELECT coalesce(sum(bytes), 0) AS bytes, count(*) AS count,
              coalesce(sum(claimed = 1 AND acked_at_ms IS NULL), 0) AS waitingCount FROM photo`,
    ).get();
    assert(row !== undefined, "a sum has one row");
    return { ...row, bytesMax: this.#options.limits.bytesMax };
  }

  tidy(): ReturnType<PhotoStore["tidy"]> {
    return this.#inTurn(async () => {
      const { clock, limits } = this.#options;
      const now = clock.now();
      let deletedCount = 0;
      for (;;) {
        const due = this.#rows(
          `SELECT * FROM (SELECT ${COLUMNS} FROM photo WHERE acked_at_ms < ? UNION ALL
             SELECT ${COLUMNS} FROM photo WHERE claimed = 0 AND stored_at_ms < ?)
           WHERE sha256 NOT IN (SELECT value FROM json_each(?)) LIMIT ?`,
          now - limits.keptMsMin,
          now - LOOSE_MS_MAX,
          this.#handJson(),
          DELETE_ROUND_MAX,
        );
        for (const row of due) if (await this.#delete(row, "retention")) deletedCount += 1;
        if (due.length < DELETE_ROUND_MAX) break;
      }
      const strays = await this.#strays.settle(now, (named, size) => this.#adopt(named, size));
      if (strays.adoptedCount > 0) this.#tellPending();
      return { ...strays, deletedCount: deletedCount + strays.deletedCount };
    });
  }

  free(bytes: number): Promise<{ readonly deletedCount: number }> {
    return this.#inTurn(async () => {
      let [freed, deletedCount] = [0, 0];
      while (freed < bytes) {
        const deletable = this.#deletable();
        if (deletable.length === 0) break;
        for (const row of deletable) {
          if (freed >= bytes) break;
          if (!(await this.#delete(row, "space"))) continue;
          freed += row.bytes;
          deletedCount += 1;
        }
      }
      return { deletedCount };
    });
  }

  onPending(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** At the budget what the cloud has goes before its time, oldest first; what it lacks never does. */
  async #makeRoom(bytes: number): Promise<void> {
    const { bytesMax } = this.#options.limits;
    let free = bytesMax - this.usage().bytes;
    while (free < bytes) {
      const deletable = this.#deletable();
      if (deletable.length === 0) throw spaceFull(bytesMax);
      for (const row of deletable) {
        if (free >= bytes) break;
        if (await this.#delete(row, "space")) free += row.bytes;
      }
    }
  }

  #deletable(): readonly PhotoRow[] {
    return this.#rows(
      `SELECT ${COLUMNS} FROM photo
       WHERE acked_at_ms IS NOT NULL AND sha256 NOT IN (SELECT value FROM json_each(?))
       ORDER BY acked_at_ms LIMIT ?`,
      this.#handJson(),
      DELETE_ROUND_MAX,
    );
  }

  /** What may not be deleted now; what nobody claimed for a day is in nobody's hand any more. */
  #handJson(): string {
    const since = this.#options.clock.mono() - LOOSE_MS_MAX;
    for (const [sha256, atMono] of this.#inHand) if (atMono < since) this.#inHand.delete(sha256);
    return JSON.stringify([...this.#inHand.keys()]);
  }

  /** The row goes first: a file without a row is found and removed by name, a row without a file is an alarm. */
  async #delete({ sha256, media_type, acked_at_ms }: PhotoRow, why: GonePhoto["why"]): Promise<boolean> {
    const { db, clock, limits } = this.#options;
    const isDeleted = withDatabaseFaults(() =>
      db.transaction(() => {
        // As it was when it was chosen: since then an entry may have claimed it, or the cloud may have asked for it again.
        const { changes } = this.#run(
          "DELETE FROM photo WHERE sha256 = ? AND acked_at_ms IS ? AND (acked_at_ms IS NOT NULL OR claimed = 0)",
          sha256,
          acked_at_ms,
        );
        if (changes === 0) return false;
        if (acked_at_ms === null) return true;
        const gone: GonePhoto = { ackedAtMs: acked_at_ms, deletedAtMs: clock.now(), why };
        noteGone(db, sha256, gone, limits.goneRecordsMax);
        return true;
      })(),
    );
    if (isDeleted) await this.#files.remove(sha256, media_type);
    return isDeleted;
  }

  /** @returns false where the file is not what its name says: it stays as it is, for whoever looks into it. */
  async #adopt({ sha256, mediaType }: NonNullable<FoundFile["named"]>, size: PhotoSize): Promise<boolean> {
    let content: Uint8Array;
    try {
      content = await this.#files.read(sha256, mediaType);
    } catch (error) {
      if (isFault(error)) return false;
      throw error;
    }
    withDatabaseFaults(() =>
      this.#options.db.transaction(() => {
        this.#insert({ sha256, content, size, mediaType });
        this.#run("UPDATE photo SET claimed = 1 WHERE sha256 = ?", sha256);
      })(),
    );
    return true;
  }

  async #isWhole({ sha256, mediaType }: StoredPhoto): Promise<boolean> {
    return this.#files.read(sha256, mediaType).then(
      () => true,
      () => false,
    );
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #rows(sql: string, ...values: readonly (string | number)[]): readonly PhotoRow[] {
    return prepared<(string | number)[], PhotoRow>(this.#options.db, sql).all(...values);
  }

  #run(sql: string, ...values: readonly (string | number | null)[]): { readonly changes: number } {
    return prepared<(string | number | null)[]>(this.#options.db, sql).run(...values);
  }
}

interface NewPicture {
  readonly sha256: string;
  readonly content: Uint8Array;
  readonly size: PhotoSize;
  readonly mediaType: PhotoMediaType;
}

function newPicture(content: Uint8Array, size: PhotoSize, mediaType: PhotoMediaType): NewPicture {
  if (content.byteLength === 0 || content.byteLength > PHOTO_BYTES_MAX) throw tooLarge(content.byteLength);
  return { sha256: photoHash(content), content, size, mediaType };
}

function photoOf(row: PhotoRow): StoredPhoto {
  const { sha256, bytes, size } = row;
  const { media_type: mediaType, stored_at_ms: storedAtMs, acked_at_ms: ackedAtMs } = row;
  return { sha256, bytes, size, mediaType, storedAtMs, ackedAtMs };
}

function tooLarge(bytes: number): CanteenError {
  return new CanteenError(`a photo of ${bytes} bytes`, {
    code: "photo-too-large",
    retry: "never",
    hint: {
      zh: "照片为空或过大，请重拍。",
      en: "The photo is empty or too large; take it again.",
    },
  });
}

function spaceFull(bytesMax: number): CanteenError {
  return new CanteenError(`photos fill their ${bytesMax} bytes and the cloud has none of them`, {
    code: "photo-space-full",
    retry: "after-operator",
    hint: {
      zh: "照片空间已满，且都还没有上传。请恢复网络，等照片上传后再试。",
      en: "Photos fill their space and none has reached the cloud. Restore the network and wait for the upload.",
    },
  });
}
