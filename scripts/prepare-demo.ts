/** The demo's people: `node scripts/prepare-demo.ts`. Pictures of faces are made on this machine and never committed. */

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createFaceEngine } from "../models/face-engine.ts";
import type { Box, FaceEngine } from "../models/face-engine-port.ts";
import { manifestFileDefault } from "../models/manifest.ts";
import { portrait, type Variant } from "./demo-portrait.ts";

const ROOT = join(import.meta.dirname, "..");
export const demoFolderDefault = join(ROOT, ".canteen", "demo");

/** One person of a group photo, found by a point on the face. */
interface Sitting {
  readonly sample: 1 | 2 | 3 | 4 | 5 | 6;
  readonly atX: number;
  readonly atY: number;
}

interface SamplePerson {
  /** 学号: the number that the reference cloud's demo roster knows. */
  readonly number: string;
  readonly enrol: Sitting;
  /** Another photo of the same person where there is one: the honest case. */
  readonly camera: Sitting;
}

const single = (number: string, sample: Sitting["sample"], atX: number, atY: number): SamplePerson => ({
  number,
  enrol: { sample, atX, atY },
  camera: { sample, atX, atY },
});

/**
 * Who of @vladmandic/face-api's six group photos takes part: those who look at the camera well enough to be enrolled.
 * 1001 is the one person who is in two photos; the others differ only by the cut, the light and the place.
 */
const PEOPLE: readonly SamplePerson[] = [
  {
    number: "1001",
    enrol: { sample: 3, atX: 1187, atY: 357 },
    camera: { sample: 1, atX: 1567, atY: 323 },
  },
  single("1002", 5, 1202, 311),
  single("1003", 6, 361, 619),
  single("1004", 3, 689, 488),
  single("1005", 5, 462, 1018),
  single("1006", 2, 1540, 278),
  single("1007", 3, 1596, 431),
  single("1008", 4, 754, 196),
];
/** Somebody whom no roster knows. */
const STRANGER: Sitting = { sample: 6, atX: 1270, atY: 454 };

const ENROL_VARIANTS: readonly Variant[] = [
  { faceHeights: 2.1, faceAtX: 0.5, brightness: 1 },
  { faceHeights: 1.9, faceAtX: 0.48, brightness: 1.08 },
  { faceHeights: 2.2, faceAtX: 0.52, brightness: 0.95 },
  { faceHeights: 2.0, faceAtX: 0.53, brightness: 1.04 },
];
const CAMERA_VARIANT: Variant = { faceHeights: 2.3, faceAtX: 0.47, brightness: 0.97 };
/** Raise it when the pictures would come out otherwise. */
const RECIPE = 1;

export interface DemoPerson {
  readonly number: string;
  /** Paths below the demo folder. */
  readonly enrol: readonly string[];
  readonly camera: string;
}

/**
 * Makes `people/<number>/enrol-N.jpg`, `camera/NN-<number>.jpg` and `stranger.jpg` below the demo folder, unless they
 * are there already.
 * @throws Error when a photo of the pinned package is missing or not what the table above describes.
 */
export async function prepareDemo(
  options: { readonly folder?: string; readonly onProgress?: (person: string) => void } = {},
): Promise<readonly DemoPerson[]> {
  const { folder = demoFolderDefault, onProgress } = options;
  const people = PEOPLE.map(({ number }, index) => ({
    number,
    enrol: ENROL_VARIANTS.map((_, shot) => join("people", number, `enrol-${shot + 1}.jpg`)),
    camera: join("camera", `${String(index + 1).padStart(2, "0")}-${number}.jpg`),
  }));
  const stamp = join(folder, "people-made-from");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === recipeHash()) return people;
  const engine = await createFaceEngine({
    artifactsFolder: join(ROOT, "models", "artifacts"),
    faceCountMax: 10,
  });
  try {
    const fresh = join(folder, `.fresh-${process.pid}`);
    await rm(fresh, { recursive: true, force: true });
    await writePictures(engine, people, fresh, onProgress);
    await replace(fresh, folder);
    await writeFile(stamp, recipeHash());
    return people;
  } finally {
    await engine.close();
  }
}

async function writePictures(
  engine: FaceEngine,
  people: readonly DemoPerson[],
  folder: string,
  onProgress: ((person: string) => void) | undefined,
): Promise<void> {
  const photos = new Map<number, GroupPhoto>();
  const write = async (sitting: Sitting, variant: Variant, file: string): Promise<void> => {
    const photo = photos.get(sitting.sample) ?? (await openPhoto(engine, sitting.sample));
    photos.set(sitting.sample, photo);
    const jpeg = await portrait(engine, photo.jpeg, faceAt(photo, sitting), variant);
    await writeFile(join(folder, file), jpeg, { mode: 0o600 });
  };
  await mkdir(join(folder, "camera"), { recursive: true });
  for (const [index, { number, enrol, camera }] of people.entries()) {
    onProgress?.(number);
    await mkdir(join(folder, "people", number), { recursive: true });
    const sample = PEOPLE[index];
    if (sample === undefined) throw new Error(`no sample person ${number}`);
    for (const [shot, file] of enrol.entries()) {
      const variant = ENROL_VARIANTS[shot];
      if (variant !== undefined) await write(sample.enrol, variant, file);
    }
    await write(sample.camera, CAMERA_VARIANT, camera);
  }
  await write(STRANGER, CAMERA_VARIANT, "stranger.jpg");
}

interface GroupPhoto {
  readonly jpeg: Buffer;
  readonly faces: readonly Box[];
}

async function openPhoto(engine: FaceEngine, sample: number): Promise<GroupPhoto> {
  const jpeg = readFileSync(samplePhoto(sample));
  const { faces } = await engine.analyze({ bytes: new Uint8Array(jpeg) });
  return { jpeg, faces: faces.map(({ box }) => box) };
}

function faceAt(photo: GroupPhoto, { sample, atX, atY }: Sitting): Box {
  const found = photo.faces.find(([x, y, width, height]) => {
    return atX > x && atX < x + width && atY > y && atY < y + height;
  });
  if (found === undefined) throw new Error(`no face at ${atX}, ${atY} of sample${sample}.jpg`);
  return found;
}

function samplePhoto(sample: number): string {
  return join(ROOT, "node_modules", "@vladmandic", "face-api", "demo", `sample${sample}.jpg`);
}

/** Only the folders that are made here: the demo's journal lies beside them. */
async function replace(fresh: string, folder: string): Promise<void> {
  for (const name of ["people", "camera", "stranger.jpg"]) {
    await rm(join(folder, name), { recursive: true, force: true });
    await rename(join(fresh, name), join(folder, name));
  }
  await rm(fresh, { recursive: true, force: true });
}

/** Another table, another recipe or other models: other pictures. */
function recipeHash(): string {
  const recipe = JSON.stringify([RECIPE, PEOPLE, STRANGER, ENROL_VARIANTS, CAMERA_VARIANT]);
  return createHash("sha256").update(recipe).update(readFileSync(manifestFileDefault)).digest("hex");
}

if (import.meta.main) {
  await prepareDemo({ onProgress: (number) => console.log(`demo: 示例人员 / sample person ${number}`) });
}
