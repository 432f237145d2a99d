import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "../platform/clock.ts";
import { CanteenError } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { PhotoWorkerMessage, PhotoWorkerRequest } from "./photo-worker-protocol.ts";
import type { MadePictures, PictureOrder } from "./picture-making.ts";

export type PictureOutcome =
  | { readonly kind: "made"; readonly pictures: MadePictures }
  /** `busy`: as many wait as may. `picture-unreadable`: what the camera gave is no picture. */
  | { readonly kind: "refused"; readonly reason: "busy" | "picture-unreadable" };

/** Makes pictures in a worker thread, one after another. */
export interface PictureMaker {
  /**
   * @param order its `faces` may come after the work has begun, within the time of one picture; a rejection of it is a bug.
   * @throws CanteenError `photo-worker-failed` (twice in a row on this picture), `photo-maker-closed`.
   */
  make(order: PictureOrder): Promise<PictureOutcome>;
  close(): Promise<void>;
}

export interface PictureMakerOptions {
  readonly clock: Pick<Clock, "after">;
  readonly logger: Logger;
  /** Only for tests: a worker that dies or says nothing. */
  readonly workerUrl?: URL;
}

/** Pictures that may wait beside the one under way: a pan is weighed every few seconds. */
const WAITING_MAX = 3;
/** A picture takes a tenth of a second; a worker that is silent for this long hangs. */
const ANSWER_MS_MAX = 10_000;
const ATTEMPTS_MAX = 2;

export function createPictureMaker(options: PictureMakerOptions): PictureMaker {
  return new WorkerPictureMaker(options);
}

interface Job {
  readonly order: PictureOrder;
  readonly resolve: (outcome: PictureOutcome) => void;
  readonly reject: (error: Error) => void;
  attempts: number;
}

class WorkerPictureMaker implements PictureMaker {
  readonly #options: PictureMakerOptions;
  readonly #waiting: Job[] = [];
  #underWay: Job | null = null;
  /** Null after one ended: the next is started with the next picture, so that one that dies at once cannot spin. */
  #worker: Worker | null;
  #watchdog: Timer | null = null;
  #lastId = 0;
  #closed = false;

  constructor(options: PictureMakerOptions) {
    this.#options = options;
    this.#worker = this.#start();
  }

  make(order: PictureOrder): Promise<PictureOutcome> {
    if (this.#closed) return Promise.reject(makerClosed());
    if (this.#waiting.length >= WAITING_MAX) return Promise.resolve({ kind: "refused", reason: "busy" });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ order, resolve, reject, attempts: 0 });
      this.#feed();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watchdog?.cancel();
    const left = [...this.#waiting.splice(0), ...(this.#underWay === null ? [] : [this.#underWay])];
    this.#underWay = null;
    for (const { reject } of left) reject(makerClosed());
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#options.workerUrl ?? new URL("photo-worker.ts", import.meta.url));
    worker.on("message", (message: PhotoWorkerMessage) => {
      if (worker === this.#worker) this.#onMessage(message);
    });
    // What it threw may quote bytes of the picture: it is not logged. The exit follows.
    worker.on("error", () => {});
    worker.on("exit", () => {
      if (worker === this.#worker) this.#onExit();
    });
    return worker;
  }

  #feed(): void {
    if (this.#closed || this.#underWay !== null) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#underWay = job;
    job.attempts += 1;
    this.#lastId += 1;
    const id = this.#lastId;
    const { faces, ...order } = job.order;
    const worker = this.#worker ?? this.#start();
    this.#worker = worker;
    const send = (message: PhotoWorkerRequest): void => worker.postMessage(message);
    send({ kind: "picture", id, order });
    void faces.then((found) => {
      if (job === this.#underWay && id === this.#lastId) send({ kind: "faces", id, faces: found });
    });
    this.#watchdog = this.#options.clock.after(ANSWER_MS_MAX, () => void worker.terminate());
  }

  #onMessage(message: PhotoWorkerMessage): void {
    if (message.kind === "ready" || message.id !== this.#lastId) return;
    const job = this.#finish();
    if (message.kind === "made") job?.resolve({ kind: "made", pictures: message.pictures });
    else job?.resolve({ kind: "refused", reason: "picture-unreadable" });
    this.#feed();
  }

  /** The worker ended by itself, or hung: another one takes its place and tries the same picture once more. */
  #onExit(): void {
    if (this.#closed) return;
    const job = this.#finish();
    this.#options.logger.error(
      { code: "photo-worker-failed" },
      "the photo worker ended and is started again",
    );
    if (job !== null && job.attempts >= ATTEMPTS_MAX) job.reject(workerFailed());
    else if (job !== null) this.#waiting.unshift(job);
    this.#worker = null;
    this.#feed();
  }

  #finish(): Job | null {
    this.#watchdog?.cancel();
    this.#watchdog = null;
    const job = this.#underWay;
    this.#underWay = null;
    return job;
  }
}

function workerFailed(): CanteenError {
  return new CanteenError("the photo worker failed twice on one picture", {
    code: "photo-worker-failed",
    retry: "backoff",
    hint: { zh: "照片处理出错，请重拍。", en: "The photo could not be made; take it again." },
  });
}

function makerClosed(): CanteenError {
  return new CanteenError("the terminal closes", {
    code: "photo-maker-closed",
    retry: "never",
    hint: { zh: "终端正在关闭。", en: "The terminal is closing." },
  });
}
