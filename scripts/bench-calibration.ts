/**
 * Calibration of a whole gallery: `node scripts/bench-calibration.ts [PEOPLE…]`, as `npm run bench:calibration`.
 *
 * Invented people with three templates of 704 numbers each, through the worker as in the terminal: how long, how much
 * memory more than before, and how long the main thread was ever held up.
 */

import { monitorEventLoopDelay } from "node:perf_hooks";
import { Command } from "commander";
import { seededRandom } from "../models/calibration/calibrate-gallery.ts";
import { calibrate } from "../models/calibration/gallery-calibrator.ts";
import { targetOf } from "../models/calibration/pack-bounds.ts";
import { syntheticGallery } from "../models/calibration/synthetic-gallery.ts";
import type { GalleryTemplate } from "../models/face-engine-port.ts";

export interface CalibrationRow {
  readonly people: number;
  readonly templates: number;
  /** In the worker, from the last template to the result. */
  readonly computeS: number;
  /** Of the worker's thread alone, whatever else the machine does. */
  readonly cpuS: number;
  /** With making and handing over the templates. */
  readonly wholeS: number;
  readonly rssMoreMb: number;
  readonly loopDelayMaxMs: number;
  readonly similarityMin: number;
  readonly lookAlikes: number;
}

const model = "frf512-mfn192-flip";
const embeddingLength = 704;
const templatesPerPerson = 3;
const peoplePerPart = 32;
const rssPeriodMs = 50;

export async function benchCalibration(peopleCount: number): Promise<CalibrationRow> {
  // Making people leaves garbage of its own, which is not the calibration's.
  for (const _ of syntheticGallery({
    model,
    embeddingLength,
    peopleCount: 2000,
    templatesPerPerson,
    random: seededRandom(),
  }));
  const rssBefore = process.memoryUsage.rss();
  let rssMax = rssBefore;
  const watch = setInterval(() => {
    rssMax = Math.max(rssMax, process.memoryUsage.rss());
  }, rssPeriodMs);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const beganMs = performance.now();
  const parts = partsOf(
    syntheticGallery({ model, embeddingLength, peopleCount, templatesPerPerson, random: seededRandom() }),
    peoplePerPart * templatesPerPerson,
  );
  delay.enable();
  const target = targetOf(model, { fpirMax: 0.001 });
  const found = await calibrate({ model, embeddingLength, peopleCount, parts, target });
  const wholeS = (performance.now() - beganMs) / 1000;
  delay.disable();
  clearInterval(watch);
  return {
    people: found.peopleCount,
    templates: found.templateCount,
    computeS: found.tookMs / 1000,
    cpuS: found.cpuMs / 1000,
    wholeS,
    rssMoreMb: (rssMax - rssBefore) / 2 ** 20,
    loopDelayMaxMs: delay.max / 1e6,
    similarityMin: found.similarityMin,
    lookAlikes: found.lookAlikes.length,
  };
}

function* partsOf(all: Iterable<GalleryTemplate>, size: number): Generator<readonly GalleryTemplate[], void> {
  let part: GalleryTemplate[] = [];
  for (const one of all) {
    part.push(one);
    if (part.length < size) continue;
    yield part;
    part = [];
  }
  yield part;
}

if (import.meta.main) {
  const program = new Command("bench-calibration")
    .description("校准一个人脸库所需的时间 / how long it takes to calibrate a gallery of so many people")
    .argument("[people...]", "人数 / people; without it 1000, 5000 and 17000")
    .parse();
  const counts = program.args.map(Number).filter(Number.isSafeInteger);
  const rows: CalibrationRow[] = [];
  for (const count of counts.length === 0 ? [1000, 5000, 17_000] : counts)
    rows.push(await benchCalibration(count));
  console.table(
    rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([key, value]) => [key, Math.round(Number(value) * 1000) / 1000]),
      ),
    ),
  );
}
