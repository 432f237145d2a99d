/** Calibration as the rest of the program sees it: one call on this side, one process for its length. */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { embeddingRefusal } from "../embedding-check.ts";
import { FaceEngineError } from "../face-engine-error.ts";
import type { GalleryTemplate } from "../face-engine-port.ts";
import { giveBack } from "../give-back.ts";
import type { CalibrationTarget, GalleryCalibration } from "./calibration-port.ts";
import {
  type CalibrationAnswer,
  type CalibrationRequest,
  chunkTemplatesMax,
} from "./calibration-protocol.ts";
import { calibrationOfNobody } from "./nobody-enrolled.ts";

export interface CalibrateOptions {
  readonly model: string;
  readonly embeddingLength: number;
  /** Templates in parts, those of one person together; a part is read when the one before was taken. */
  readonly parts: Iterable<readonly GalleryTemplate[]>;
  /** Room made beforehand. */
  readonly peopleCount: number;
  /** Whether nobody reads the embeddings afterwards: their memory is then given back at once. */
  readonly givenAway?: boolean;
  readonly target: CalibrationTarget;
  readonly signal?: AbortSignal;
  /** Only for tests: another program, to see that a crash is told. */
  readonly program?: string;
}

const programDefault = fileURLToPath(new URL("calibration-process.ts", import.meta.url));

/**
 * It makes few objects, and its numbers are outside of V8's heap. What the terminal's own process was started with
 * (a profile, a debugger's port) is not for it, but the flags that let this version run TypeScript are.
 */
const execArgv = [
  ...process.execArgv.filter((flag) => flag.startsWith("--experimental-strip-types")),
  "--disable-warning=ExperimentalWarning",
  "--max-semi-space-size=2",
];

/**
 * Calibrates one gallery in a process of its own, which ends with the answer; with nobody enrolled there is none.
 * @throws FaceEngineError `calibration-failed` when the process ends without a result; the signal's reason.
 */
export async function calibrate(options: CalibrateOptions): Promise<GalleryCalibration> {
  const { model, target, signal } = options;
  signal?.throwIfAborted();
  const parts = usableParts(options);
  try {
    const first = parts.next();
    if (first.done === true) return calibrationOfNobody(model, target);
    return await calibrateInProcess(options, first.value, parts);
  } finally {
    // Behind it may be rows of a database, which would stay open.
    parts.return();
  }
}

/** Parts without what another model made or nothing can be held against; none is empty. */
function* usableParts({
  model,
  embeddingLength,
  parts,
}: CalibrateOptions): Generator<readonly GalleryTemplate[], void, void> {
  for (const part of parts) {
    const usable = part.filter(
      (template) =>
        template.model === model && embeddingRefusal(template.embedding, embeddingLength) === null,
    );
    if (usable.length > 0) yield usable;
  }
}

async function calibrateInProcess(
  options: CalibrateOptions,
  first: readonly GalleryTemplate[],
  others: Iterable<readonly GalleryTemplate[]>,
): Promise<GalleryCalibration> {
  const { model, embeddingLength, peopleCount, target, signal } = options;
  const child = fork(options.program ?? programDefault, {
    serialization: "advanced",
    execArgv,
    // As in face-engine.ts: the library must not report to its maker.
    env: { ...process.env, ORT_DISABLE_TELEMETRY: "1" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const talk = new ProcessTalk(child, signal);
  try {
    await talk.ask({ kind: "set-up", setUp: { model, embeddingLength, peopleCount, target } });
    const chunk = new Float32Array(chunkTemplatesMax * embeddingLength);
    const send = async (part: readonly GalleryTemplate[]): Promise<void> => {
      for (let from = 0; from < part.length; from += chunkTemplatesMax) {
        const templates = part.slice(from, from + chunkTemplatesMax);
        for (const [i, { embedding }] of templates.entries()) {
          chunk.set(embedding, i * embeddingLength);
          if (options.givenAway === true) giveBack(embedding);
        }
        const embeddings = chunk.subarray(0, templates.length * embeddingLength);
        await talk.ask({
          kind: "templates",
          personIds: templates.map(({ personId }) => personId),
          embeddings,
        });
      }
    };
    await send(first);
    // The next part is read from the disk after this thread had time for its other work.
    for (const part of others) await send(part);
    chunk.fill(0);
    const answer = await talk.ask({ kind: "finish" });
    if (answer.kind !== "done") throw failed("it gave no result");
    return answer.calibration;
  } finally {
    await talk.end();
  }
}

/** One question at a time; whatever ends the process rejects it. */
class ProcessTalk {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal | undefined;
  readonly #exited = Promise.withResolvers<void>();
  #waiter: {
    readonly resolve: (answer: CalibrationAnswer) => void;
    readonly reject: (error: Error) => void;
  } | null = null;
  #failure: Error | null = null;
  readonly #onAbort = () => this.#fail(asError(this.#signal?.reason));

  constructor(child: ChildProcess, signal: AbortSignal | undefined) {
    this.#child = child;
    this.#signal = signal;
    child.on("message", (answer: CalibrationAnswer) => {
      const waiter = this.#waiter;
      this.#waiter = null;
      waiter?.resolve(answer);
    });
    // Also where it could not be started at all, and then nothing exits.
    child.on("error", (cause) => this.#fail(failed("its process could not be reached", cause)));
    child.on("exit", (exitCode, by) => {
      this.#fail(failed(`its process ended with ${exitCode ?? by}`));
      this.#exited.resolve();
    });
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  ask(request: CalibrationRequest): Promise<CalibrationAnswer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#child.send(request);
    });
  }

  /** Nothing of it is left when this resolves. */
  async end(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#failure ??= failed("it is over");
    if (this.#child.pid === undefined) return;
    this.#child.kill("SIGKILL");
    await this.#exited.promise;
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
