import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Camera, CameraFrame, CameraState } from "../ports/camera.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import { CameraChannel, type CameraTrouble, FRAME_BYTES_MAX, isWholeJpeg } from "./camera-channel.ts";
import { greyJpeg } from "./grey-jpeg.ts";

export interface FolderCameraOptions {
  /** JPEG photos, in it and in its subfolders; the order is that of their paths. */
  readonly folder: string;
  readonly framePeriodMs: number;
  /** How long one photo stands before the camera. */
  readonly photoHoldMs: number;
  /** How long the scene is empty between two photos, so that a person "leaves". */
  readonly emptyMs?: number;
  readonly clock: Clock;
}

/** A folder of photos in place of a camera, for the demo and for tests, with two handles for whoever presents it. */
export interface FolderCamera extends Camera {
  /** The next photo comes now, whatever stands there. */
  next(): void;
  /** The scene stays empty until this is called with false. */
  keepEmpty(isEmpty: boolean): void;
  isKeptEmpty(): boolean;
  /** Path of the photo that stands before the camera, relative to the folder; null while the scene is empty. */
  current(): string | null;
}

const EMPTY_MS = 1000;
/** A folder is for demonstration: more photos than this are not looked at. */
const PHOTO_COUNT_MAX = 5000;
const LOOK_AGAIN_MS = 2000;

const TROUBLE_MISSING: CameraTrouble = {
  code: "camera-folder-missing",
  hint: {
    zh: "找不到照片文件夹，请检查配置 camera.folder",
    en: "The photo folder cannot be read: check camera.folder in the configuration",
  },
};
const TROUBLE_EMPTY: CameraTrouble = {
  code: "camera-folder-empty",
  hint: {
    zh: "照片文件夹里没有可用的 JPEG 照片",
    en: "The photo folder holds no JPEG photo that can be read",
  },
};

export function createFolderCamera(options: FolderCameraOptions): FolderCamera {
  return new PhotoFolderCamera(options);
}

class PhotoFolderCamera implements FolderCamera {
  readonly label: string;
  readonly #options: FolderCameraOptions;
  readonly #channel: CameraChannel;
  readonly #empty = greyJpeg(640, 480);
  #photos: string[] = [];
  #index = -1;
  #shown: { readonly path: string; readonly bytes: Uint8Array<ArrayBuffer> } | null = null;
  #sceneEndsMonoMs = 0;
  #isKeptEmpty = false;
  #isOpen = false;
  #isBusy = false;
  #tick: Timer | undefined;
  #unlinkSignal: () => void = () => {};

  constructor(options: FolderCameraOptions) {
    this.label = options.folder;
    this.#options = options;
    this.#channel = new CameraChannel(options.clock);
  }

  state(): CameraState {
    return this.#channel.state;
  }

  onFrame(listener: (frame: CameraFrame) => void): () => void {
    return this.#channel.onFrame(listener);
  }

  onState(listener: (state: CameraState) => void): () => void {
    return this.#channel.onState(listener);
  }

  current(): string | null {
    return this.#isKeptEmpty ? null : (this.#shown?.path ?? null);
  }

  next(): void {
    this.#isKeptEmpty = false;
    this.#shown = null;
    this.#sceneEndsMonoMs = this.#options.clock.mono();
  }

  keepEmpty(isEmpty: boolean): void {
    this.#isKeptEmpty = isEmpty;
  }

  isKeptEmpty(): boolean {
    return this.#isKeptEmpty;
  }

  async open({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (this.#isOpen || signal.aborted) return;
    this.#isOpen = true;
    const onAbort = (): void => void this.close();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unlinkSignal = () => signal.removeEventListener("abort", onAbort);
    this.#channel.starting();
    this.#sceneEndsMonoMs = this.#options.clock.mono();
    await this.#emit();
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#unlinkSignal();
    this.#tick?.cancel();
    this.#channel.closed();
  }

  async #emit(): Promise<void> {
    if (!this.#isOpen || this.#isBusy) return;
    this.#isBusy = true;
    const isLive = await this.#changeScene();
    this.#isBusy = false;
    if (!this.#isOpen) return;
    if (isLive) {
      const bytes = this.#isKeptEmpty ? this.#empty : (this.#shown?.bytes ?? this.#empty);
      this.#channel.frame(bytes.slice());
    }
    const waitMs = isLive ? this.#options.framePeriodMs : LOOK_AGAIN_MS;
    this.#tick = this.#options.clock.after(waitMs, () => void this.#emit());
  }

  /** Photo, empty scene, next photo, … @returns false when there is nothing to show. */
  async #changeScene(): Promise<boolean> {
    const nowMs = this.#options.clock.mono();
    if (this.#isKeptEmpty || nowMs < this.#sceneEndsMonoMs) return true;
    const emptyMs = this.#options.emptyMs ?? EMPTY_MS;
    if (this.#shown !== null && emptyMs > 0) {
      this.#shown = null;
      this.#sceneEndsMonoMs = nowMs + emptyMs;
      return true;
    }
    this.#shown = await this.#readNextPhoto();
    this.#sceneEndsMonoMs = nowMs + this.#options.photoHoldMs;
    return this.#shown !== null;
  }

  /** Skips what is no JPEG; after one whole round without a photo it gives up until the next look. */
  async #readNextPhoto(): Promise<{ path: string; bytes: Uint8Array<ArrayBuffer> } | null> {
    // The folder is read anew at each round: photos may be added while it runs.
    if (this.#index + 1 >= this.#photos.length && !(await this.#listPhotos())) return null;
    for (let tries = this.#photos.length; tries > 0; tries--) {
      this.#index = (this.#index + 1) % this.#photos.length;
      const path = this.#photos[this.#index] ?? "";
      const bytes = await readPhoto(join(this.#options.folder, path));
      if (bytes !== null) return { path, bytes };
    }
    this.#channel.lost(TROUBLE_EMPTY);
    return null;
  }

  async #listPhotos(): Promise<boolean> {
    this.#index = -1;
    try {
      const names = await readdir(this.#options.folder, { recursive: true });
      this.#photos = names
        .filter((name) => /\.jpe?g$/i.test(name))
        .sort((a, b) => (a < b ? -1 : 1))
        .slice(0, PHOTO_COUNT_MAX);
    } catch {
      this.#photos = [];
      this.#channel.lost(TROUBLE_MISSING);
      return false;
    }
    if (this.#photos.length === 0) this.#channel.lost(TROUBLE_EMPTY);
    return this.#photos.length > 0;
  }
}

async function readPhoto(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    if ((await stat(path)).size > FRAME_BYTES_MAX) return null;
    const bytes = new Uint8Array(await readFile(path));
    return isWholeJpeg(bytes) ? bytes : null;
  } catch {
    // One photo that cannot be read is skipped; a folder without any is reported by the caller.
    return null;
  }
}
