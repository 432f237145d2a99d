/** The calibration's own thread: one run, then it ends, and its memory with it. */

import { parentPort, workerData } from "node:worker_threads";
import { calibrateGallery, seededRandom, templatesSampledMax } from "./calibrate-gallery.ts";
import type { CalibrationAnswer, CalibrationRequest, CalibrationSetUp } from "./calibration-protocol.ts";
import { GalleryMeans } from "./gallery-sample.ts";

const port = parentPort;
if (port === null) throw new Error("calibration-worker.ts runs as a worker thread");

// Written by gallery-calibrator.ts of the same release: trusted, not parsed.
const setUp: CalibrationSetUp = workerData;
const { embeddingLength, peopleCount } = setUp;
const means = new GalleryMeans(embeddingLength, {
  peopleCount,
  sampleMax: templatesSampledMax,
  random: seededRandom(),
});
const send = (answer: CalibrationAnswer) => port.postMessage(answer);

port.on("message", async (request: CalibrationRequest) => {
  if (request.kind === "templates") {
    const { personIds, embeddings } = request.chunk;
    for (const [i, personId] of personIds.entries())
      means.add(personId, embeddings.subarray(i * embeddingLength, (i + 1) * embeddingLength));
    send({ kind: "taken" });
    return;
  }
  means.finish();
  // A failure is a bug: it ends the thread, and the calibrator tells that there is no result.
  send({ kind: "done", calibration: await calibrateGallery(means, setUp) });
});
