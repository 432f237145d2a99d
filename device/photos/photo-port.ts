/** Photos of goods and of samples, kept by their content's hash until the cloud has them and their time is over. */

/** `thumbnail`: a few kilobytes that go up first. `photo`: the picture itself. */
export type PhotoSize = "photo" | "thumbnail";
export type PhotoMediaType = "image/jpeg" | "image/webp";

export interface StoredPhoto {
  /** Of the file's bytes: 64 hex digits. The name of the file, and what a journal entry quotes. */
  readonly sha256: string;
  readonly bytes: number;
  readonly size: PhotoSize;
  readonly mediaType: PhotoMediaType;
  readonly storedAtMs: number;
  /** When the cloud said that it has all of it; null before. */
  readonly ackedAtMs: number | null;
}

/** Why a photo on record cannot be shown. */
export type PhotoProblem = "photo-missing" | "photo-changed";

/** What becomes of photos that the cloud asked for; one in neither list may be asked for again later. */
export interface PhotosAskedFor {
  readonly sending: string[];
  readonly gone: {
    readonly sha256: string;
    /** `deleted`: by the rules, after the cloud's receipt. `unknown`: no photo that an entry claimed, or no note of it. */
    readonly why: "unknown" | "deleted" | "missing" | "changed";
    readonly ackedAtMs: number | null;
    readonly deletedAtMs: number | null;
  }[];
}

export interface PhotoUsage {
  readonly bytes: number;
  readonly bytesMax: number;
  readonly count: number;
  /** Claimed by an entry and not yet with the cloud. */
  readonly waitingCount: number;
}

export interface PhotoStore {
  /**
   * Keeps a picture. File and folder have reached the disk when this resolves. The same content again is the same photo.
   * @throws CanteenError `photo-too-large`, `photo-space-full` (nothing more may be deleted), or of the disk.
   */
  put(
    content: Uint8Array,
    what: { readonly size: PhotoSize; readonly mediaType: PhotoMediaType },
  ): Promise<StoredPhoto>;
  /** As `put`, both or neither: a photo and its thumbnail reach the disk together. */
  putBoth(
    contents: Readonly<Record<PhotoSize, Uint8Array>>,
    mediaType: PhotoMediaType,
  ): Promise<Readonly<Record<PhotoSize, StoredPhoto>>>;
  /**
   * Ties photos to a journal entry; called inside the entry's transaction. Only a claimed photo goes to the cloud, and
   * one that nobody claims is deleted after a day.
   */
  claim(hashes: readonly string[]): void;
  find(sha256: string): StoredPhoto | undefined;
  /** The content, checked against its hash. @throws CanteenError `photo-missing`, `photo-changed`, or of the disk. */
  read(sha256: string): Promise<Uint8Array>;
  /** What goes up next: thumbnails before photos, older before newer. */
  nextToSend(): StoredPhoto | undefined;
  /** The cloud has it. */
  confirm(sha256: string): void;
  /**
   * The cloud has lost these: what is still here waits for it once more, and stays until it has it again. At most so many
   * at once that photos cannot fill their space with what the cloud does not take.
   * @throws CanteenError of the disk: nothing was changed.
   */
  sendAgain(hashes: readonly string[]): PhotosAskedFor;
  /** It cannot be sent because the file is gone or changed: passed over until the file is there again. */
  setAside(sha256: string, problem: PhotoProblem): void;
  usage(): PhotoUsage;
  /** The disk is nearly full: deletes what the cloud has before its time, oldest first, until so many bytes are free. */
  free(bytes: number): Promise<{ readonly deletedCount: number }>;
  /**
   * Deletes what is confirmed and past its time, and what nobody claimed. Takes up again what entries quote and the table
   * does not know, as after the restore of an older backup.
   */
  tidy(): Promise<{ readonly deletedCount: number; readonly adoptedCount: number }>;
  /** Called when a photo waits for the cloud that did not before; must not throw. */
  onPending(listener: () => void): () => void;
}
