import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import sharp from "sharp";
import { openDatabase } from "../device/journal/database.ts";
import { journalMigrations } from "../device/journal/journal-tables.ts";
import { captionFontHere } from "../device/photos/caption-strip.ts";
import { openPhotoStore } from "../device/photos/photo-store.ts";
import { createPhotoStudio } from "../device/photos/photo-studio.ts";
import { photoMigrations } from "../device/photos/photo-tables.ts";
import { madeFrame } from "../device/photos/picture-fixture.ts";
import { createPictureMaker } from "../device/photos/picture-maker.ts";
import { makePictures } from "../device/photos/picture-making.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import type { CameraFrame } from "../firmware-bridge/ports/camera.ts";
import { createFaceEngine } from "../models/face-engine.ts";

/**
 * `npm run bench:photos`: from a frame to both pictures on the disk, as a weigh-in waits for it; beside it the same
 * pictures without a worker, and what either does to the event loop. `--count N` for another number than 1,000.
 */
const count = Number(process.argv[process.argv.indexOf("--count") + 1] || 1000) || 1000;
const SIZES = [
  { name: "640×480", widthPx: 640, heightPx: 480 },
  { name: "1280×720", widthPx: 1280, heightPx: 720 },
  { name: "1920×1080", widthPx: 1920, heightPx: 1080 },
] as const;
const caption = { lines: ["青菜 12.350 kg 净重", "2026-09-01 06:12:33  秤 scale-1  #4f2a91"] };
const VARIANTS = 8;

const folder = mkdtempSync(join(tmpdir(), "canteen-bench-photos-"));
const clock = new SystemClock();
const db = openDatabase({
  file: join(folder, "terminal.db"),
  clock,
  migrations: [journalMigrations, photoMigrations],
});
const store = openPhotoStore({
  db,
  folder: join(folder, "photos"),
  clock,
  limits: { bytesMax: 1e10, keptMsMin: 0 },
});
const engine = await createFaceEngine({ artifactsFolder: "models/artifacts", faceCountMax: 5 });
const maker = createPictureMaker({ clock, logger: silentLogger });
let showFrame: (frame: CameraFrame) => void = () => {};
const studio = createPhotoStudio({
  camera: {
    label: "made",
    state: () => ({ kind: "live" }),
    onFrame: (listener) => {
      showFrame = listener;
      return () => {};
    },
    onState: () => () => {},
  },
  store,
  maker,
  detectFaces: (bytes) => engine.detect({ bytes }),
  clock,
  logger: silentLogger,
});

const percentile = (sorted: readonly number[], share: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);

interface Run {
  readonly ms: number[];
  /** Longest that the event loop was late, p99. */
  readonly loopP99Ms: number;
  /** Of all threads, for one: what other programs do meanwhile changes it little. */
  readonly cpuMs: number;
}

async function timed(times: number, work: (index: number) => Promise<void>): Promise<Run> {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const ms: number[] = [];
  loop.enable();
  const cpuBefore = process.cpuUsage();
  for (let index = 0; index < times; index++) {
    const beganMs = performance.now();
    await work(index);
    ms.push(performance.now() - beganMs);
  }
  loop.disable();
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    ms: ms.toSorted((a, b) => a - b),
    loopP99Ms: loop.percentile(99) / 1e6,
    cpuMs: (user + system) / 1000 / times,
  };
}

function say(name: string, { ms, loopP99Ms, cpuMs }: Run): void {
  console.log(
    `${name.padEnd(44)} p50 ${percentile(ms, 0.5).padStart(4)} ms  p99 ${percentile(ms, 0.99).padStart(4)} ms  CPU ${cpuMs.toFixed(0).padStart(4)} ms  event loop late p99 ${loopP99Ms.toFixed(1)} ms`,
  );
}

async function take(jpeg: Uint8Array<ArrayBuffer>): Promise<void> {
  const atMono = clock.mono();
  showFrame({ jpeg: jpeg.slice(), capturedMonoMs: atMono });
  const outcome = await studio.take({ atMono, caption });
  if (outcome.kind !== "taken") throw new Error(outcome.reason);
}

console.log(
  `load ${loadavg()
    .map((value) => value.toFixed(1))
    .join(" ")}`,
);
const font = await captionFontHere();
for (const { name, widthPx, heightPx } of SIZES) {
  const frames = await Promise.all(
    Array.from({ length: VARIANTS }, (_, seed) => madeFrame(widthPx, heightPx, { seed: seed + 1 })),
  );
  const frameOf = (index: number): Uint8Array<ArrayBuffer> => frames[index % VARIANTS] ?? new Uint8Array(0);
  await take(frameOf(0));
  const times = Math.max(20, Math.min(40, count));
  say(`${name}: the studio`, await timed(times, (index) => take(frameOf(index))));
  say(
    `${name}: only looking for faces`,
    await timed(times, async (index) => void (await engine.detect({ bytes: frameOf(index).slice() }))),
  );
  const qualities = new Map();
  say(
    `${name}: the same pictures, in the main thread`,
    await timed(times, async (index) => {
      await makePictures({ jpeg: frameOf(index), faces: Promise.resolve(null), caption }, font, qualities);
    }),
  );
  say(
    `${name}: sharp alone, two sizes at a fixed quality`,
    await timed(times, async (index) => {
      const source = sharp(frameOf(index));
      await Promise.all([
        source.clone().resize(1600, 1600, { fit: "inside", withoutEnlargement: true }).jpeg().toBuffer(),
        source.clone().resize(240, 240, { fit: "inside" }).jpeg({ quality: 60 }).toBuffer(),
      ]);
    }),
  );
}

const frames = await Promise.all(
  Array.from({ length: VARIANTS }, (_, seed) => madeFrame(1280, 720, { seed: seed + 1 })),
);
const rssMb: string[] = [];
const whole = await timed(count, async (index) => {
  // Each a picture of its own, or the store would only look it up.
  const jpeg = frames[index % VARIANTS] ?? new Uint8Array(0);
  const atMono = clock.mono();
  showFrame({ jpeg: jpeg.slice(), capturedMonoMs: atMono });
  const outcome = await studio.take({ atMono, caption: { lines: [`${caption.lines[0]} ${index}`] } });
  if (outcome.kind !== "taken") throw new Error(outcome.reason);
  const marks = [Math.floor(count / 10), Math.floor(count / 2), count - 1];
  if (marks.includes(index)) rssMb.push((process.memoryUsage.rss() / 1e6).toFixed(0));
});
say(`1280×720: ${count} photos in a row`, whole);
const { bytes, count: stored } = store.usage();
console.log(
  `resident after a tenth, half and all: ${rssMb.join(", ")} MB; ${stored} files, ${(bytes / 1e6).toFixed(0)} MB`,
);

await studio.close();
await engine.close();
db.close();
rmSync(folder, { recursive: true, force: true });
