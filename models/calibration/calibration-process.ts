/**
 * The calibration's own process: one run, then it ends. Not a thread, because what a thread took from malloc mostly
 * stays with the process, and because a thread that is ended in the middle of a product takes the process with it.
 */

import { setPriority } from "node:os";
import { calibrateGallery, seededRandom, templatesSampledMax } from "./calibrate-gallery.ts";
import type { CalibrationAnswer, CalibrationRequest, CalibrationSetUp } from "./calibration-protocol.ts";
import { GalleryMeans } from "./gallery-sample.ts";

/** Seconds of work beside a line of people who pay. */
const niceness = 10;

setPriority(niceness);
let run: { readonly setUp: CalibrationSetUp; readonly means: GalleryMeans } | null = null;
/** Without a callback, an answer to a terminal that was killed meanwhile would end in a stack on standard error. */
const send = (answer: CalibrationAnswer) => process.send?.(answer, undefined, undefined, () => {});

// Written by gallery-calibrator.ts of the same release: trusted, not parsed.
process.on("message", async (request: CalibrationRequest) => {
  if (request.kind === "set-up") {
    const { embeddingLength, peopleCount } = request.setUp;
    const means = new GalleryMeans(embeddingLength, {
      peopleCount,
      sampleMax: templatesSampledMax,
      random: seededRandom(),
    });
    run = { setUp: request.setUp, means };
    send({ kind: "taken" });
    return;
  }
  if (run === null) throw new Error("the set-up comes first");
  const { setUp, means } = run;
  if (request.kind === "templates") {
    const { personIds, embeddings } = request;
    const length = setUp.embeddingLength;
    for (const [i, personId] of personIds.entries())
      means.add(personId, embeddings.subarray(i * length, (i + 1) * length));
    send({ kind: "taken" });
    return;
  }
  means.finish();
  // A failure is a bug: it ends the process, and the calibrator tells that there is no result.
  send({ kind: "done", calibration: await calibrateGallery(means, setUp) });
});
// The terminal was killed: nobody waits for an answer.
process.on("disconnect", () => process.exit());
