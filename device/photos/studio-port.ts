/** Takes a photo of goods or of a sample at a moment that has just passed, and makes the two pictures that are kept. */

/** One line each under the picture, as it is to be read years later. */
export interface PhotoCaption {
  readonly lines: readonly string[];
}

export interface PhotoMoment {
  /** The monotonic time the photo is of: when the weight became stable. */
  readonly atMono: number;
  readonly caption: PhotoCaption;
}

export interface TakenPhoto {
  /** SHA-256 of the stored picture and of its thumbnail, both in the photo store. */
  readonly photoSha256: string;
  readonly thumbnailSha256: string;
  /** How far the frame is from the moment; over 300 the photo is marked as late or early. */
  readonly offMs: number;
  /** Where the picture came from, e.g. "browser". */
  readonly cameraLabel: string;
  /** Faces that were made unrecognisable; null in records from when a photo was kept though nothing could look. */
  readonly facesBlurred: number | null;
}

export type TakePhoto =
  | { readonly kind: "taken"; readonly photo: TakenPhoto }
  /** No frame near enough to the moment within the wait, or none at all. */
  | { readonly kind: "refused"; readonly reason: PhotoRefusal };

/**
 * `picture-unreadable`: the camera gave bytes that are no picture. `faces-unseen`: nothing could look for faces in it, and
 * one that may show somebody is not kept.
 */
export type PhotoRefusal =
  | "camera-lost"
  | "no-frame"
  | "busy"
  | "photo-space-full"
  | "picture-unreadable"
  | "faces-unseen";

export interface PhotoStudio {
  /**
   * Picks the frame nearest to the moment (also one that comes shortly after), and resolves when both pictures are on
   * the disk. Encoding happens in a worker. @throws CanteenError of the disk.
   */
  take(moment: PhotoMoment): Promise<TakePhoto>;
  /** Whether a picture could be taken now. */
  ready(): { readonly kind: "ready" } | { readonly kind: "lost"; readonly code: string };
  close(): Promise<void>;
}
