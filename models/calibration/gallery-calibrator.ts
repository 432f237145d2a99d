/** Calibration as the rest of the program sees it: one call on this side, one worker thread for its length. */

import { Worker } from "node:worker_threads";
import { embeddingRefusal } from "../embedding-check.ts";
import { FaceEngineError } from "../face-engine-error.ts";
import type { GalleryTemplate } from "../face-engine-port.ts";
import type { CalibrationTarget, GalleryCalibration } from "./calibration-port.ts";
import type { CalibrationAnswer, CalibrationRequest, CalibrationSetUp } from "./calibration-protocol.ts";

export interface CalibrateOptions {
  readonly model: string;
  readonly embeddingLength: number;
  /** Templates in parts, those of one person together; a part is read when the one before was taken. */
  readonly parts: Iterable<readonly GalleryTemplate[]>;
  /** Room made beforehand. */
  readonly peopleCount: number;
  readonly target: CalibrationTarget;
  readonly signal?: AbortSignal;
  /** Only for tests: another worker, to see that a crash is told. */
  readonly workerUrl?: URL;
}

/** The thread makes few objects; its numbers are outside of V8's heap. */
const youngGenerationMb = 4;

/**
 * Calibrates one gallery in a thread of its own, which ends with the answer.
 * @throws FaceEngineError `calibration-failed` when the thread ends without a result; the signal's reason.
 */
export async function calibrate(options: CalibrateOptions): Promise<GalleryCalibration> {
  const { model, embeddingLength, peopleCount, target, signal } = options;
  signal?.throwIfAborted();
  const setUp: CalibrationSetUp = { model, embeddingLength, peopleCount, target };
  // As in face-engine.ts: the library must not report to its maker.
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
  const worker = new Worker(options.workerUrl ?? new URL("calibration-worker.ts", import.meta.url), {
    workerData: setUp,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  });
  const talk = new WorkerTalk(worker, signal);
  try {
    for (const part of options.parts) {
      const fit = part.filter(
        (one) => one.model === model && embeddingRefusal(one.embedding, embeddingLength) === null,
      );
      if (fit.length === 0) continue;
      const embeddings = new Float32Array(fit.length * embeddingLength);
      for (const [i, { embedding }] of fit.entries()) embeddings.set(embedding, i * embeddingLength);
      const chunk = { personIds: fit.map(({ personId }) => personId), embeddings };
      await talk.ask({ kind: "templates", chunk }, [embeddings.buffer]);
    }
    const answer = await talk.ask({ kind: "finish" });
    if (answer.kind !== "done") throw failed("it gave no result");
    return answer.calibration;
  } finally {
    talk.end();
    await worker.terminate();
  }
}

/** One question at a time; whatever ends the thread rejects it. */
class WorkerTalk {
  readonly #worker: Worker;
  readonly #signal: AbortSignal | undefined;
  #waiter: {
    readonly resolve: (answer: CalibrationAnswer) => void;
    readonly reject: (error: Error) => void;
  } | null = null;
  #failure: Error | null = null;
  readonly #onAbort = () => this.#fail(asError(this.#signal?.reason));

  constructor(worker: Worker, signal: AbortSignal | undefined) {
    this.#worker = worker;
    this.#signal = signal;
    worker.on("message", (answer: CalibrationAnswer) => {
      const waiter = this.#waiter;
      this.#waiter = null;
      waiter?.resolve(answer);
    });
    worker.on("error", (cause) => this.#fail(failed("its thread crashed", cause)));
    worker.on("exit", (exitCode) => this.#fail(failed(`its thread ended with ${exitCode}`)));
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  ask(request: CalibrationRequest, transfer: readonly ArrayBuffer[] = []): Promise<CalibrationAnswer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#worker.postMessage(request, transfer);
    });
  }

  end(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#failure ??= failed("it is over");
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.reject(error);
  }
}

function failed(why: string, cause?: unknown): FaceEngineError {
  return new FaceEngineError("calibration-failed", `the gallery could not be calibrated: ${why}`, { cause });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("calibration was cancelled");
}
