/** `face embed`: from image paths to one plain object per file, in order, with bounded memory. */

import { open } from "node:fs/promises";
import { isFaceEngineErrorCode } from "./face-engine-error.ts";
import type { Box, EncodedImage, FaceEngine, FiveLandmarks } from "./face-engine-port.ts";
import { imageBytesMax } from "./pipeline/decode.ts";

export interface EmbeddedFace {
  readonly box: Box;
  readonly detectionScore: number;
  readonly landmarks: FiveLandmarks;
  /** 0…1 */
  readonly quality: number;
  readonly liveness: number | null;
  readonly model: string;
  /** The dot product of two is the similarity that the terminal compares. */
  readonly embedding: readonly number[];
}

export type EmbeddedFile =
  | { readonly file: string; readonly faces: readonly EmbeddedFace[] }
  | { readonly file: string; readonly error: { readonly code: string; readonly message: string } };

/** Files read and waiting for the engine: enough to keep it busy, few enough to keep memory small. */
const filesInFlightMax = 4;

/**
 * Embeds every file, in the order given. A file that can't be read or is no image gives its error; the rest go on.
 * @throws FaceEngineError `engine-crashed` or `engine-closed`: nothing more can come.
 */
export async function* embedFiles(
  engine: Pick<FaceEngine, "analyze">,
  files: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<EmbeddedFile> {
  const inFlight: Promise<EmbeddedFile>[] = [];
  for await (const file of files) {
    const embedded = embedFile(engine, file);
    // Its turn to be awaited comes later; until then a failure must not count as unhandled.
    embedded.catch(() => undefined);
    inFlight.push(embedded);
    if (inFlight.length < filesInFlightMax) continue;
    const next = inFlight.shift();
    if (next !== undefined) yield await next;
  }
  for (const rest of inFlight) yield await rest;
}

async function embedFile(engine: Pick<FaceEngine, "analyze">, file: string): Promise<EmbeddedFile> {
  try {
    const { faces } = await engine.analyze(await readImage(file));
    return {
      file,
      faces: faces.map(({ box, detectionScore, landmarks, quality, liveness, model, embedding }) => ({
        box,
        detectionScore,
        landmarks,
        quality: quality.overall,
        liveness,
        model,
        embedding: Array.from(embedding),
      })),
    };
  } catch (error) {
    const code = codeOf(error);
    if (!(error instanceof Error) || code === null || code.startsWith("engine-")) throw error;
    return { file, error: { code, message: error.message } };
  }
}

async function readImage(file: string): Promise<EncodedImage> {
  const handle = await open(file, "r");
  try {
    // One byte over the limit is enough for the engine to refuse it: a huge file is never read whole.
    const { size } = await handle.stat();
    const bytes = new Uint8Array(Math.min(size, imageBytesMax + 1));
    let read = 0;
    while (read < bytes.length) {
      const { bytesRead } = await handle.read(bytes, read);
      if (bytesRead === 0) break;
      read += bytesRead;
    }
    return { bytes: bytes.subarray(0, read) };
  } finally {
    await handle.close();
  }
}

/** The engine's code, or `file-unreadable` for one of the file system; `null` for a bug. */
function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  if (isFaceEngineErrorCode(error.code)) return error.code;
  return "syscall" in error ? "file-unreadable" : null;
}
