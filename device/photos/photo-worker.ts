/** The worker thread: decodes, blurs, writes the caption and encodes, so that the main thread's event loop stays free. */

import { parentPort } from "node:worker_threads";
import sharp from "sharp";
import { captionFontHere } from "./caption-strip.ts";
import type { PhotoWorkerMessage, PhotoWorkerRequest } from "./photo-worker-protocol.ts";
import { makePictures, type PictureOrder, PictureUnreadable, type QualityMemory } from "./picture-making.ts";

const port = parentPort;
if (port === null) throw new Error("photo-worker.ts runs as a worker thread");

/** One picture at a time, never the same twice: threads and a cache would only cost memory. */
sharp.cache(false);
sharp.concurrency(1);

const font = await captionFontHere();
const qualities: QualityMemory = new Map();

const send = (message: PhotoWorkerMessage, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);

/** Of the picture under way. */
let tellFaces: (faces: Awaited<PictureOrder["faces"]>) => void = () => {};

port.on("message", (request: PhotoWorkerRequest) => {
  if (request.kind === "faces") {
    tellFaces(request.faces);
    return;
  }
  const faces = Promise.withResolvers<Awaited<PictureOrder["faces"]>>();
  tellFaces = faces.resolve;
  void answer(request.id, { ...request.order, faces: faces.promise });
});

async function answer(id: number, order: PictureOrder): Promise<void> {
  try {
    const made = await makePictures(order, font, qualities);
    const pictures = { photo: new Uint8Array(made.photo), thumbnail: new Uint8Array(made.thumbnail) };
    send({ kind: "made", id, pictures }, [pictures.photo.buffer, pictures.thumbnail.buffer]);
  } catch (error) {
    // Anything but this is a bug: it ends the worker, and the maker starts another one.
    if (!(error instanceof PictureUnreadable)) throw error;
    send({ kind: "unreadable", id });
  }
}

send({ kind: "ready" });
