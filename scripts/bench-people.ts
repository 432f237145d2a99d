/** What the benchmarks share: the people before the camera, and figures of a series of durations. */

import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import type { FaceEngine } from "../models/face-engine-port.ts";
import { demoFolderDefault, prepareDemo } from "./prepare-demo.ts";

export { demoFolderDefault } from "./prepare-demo.ts";

/** One person of the demo: a 640×480 frame of the camera, and a photo to enrol from. */
export interface BenchPerson {
  readonly frame: Buffer;
  readonly photo: Buffer;
}

/** Cut from the photos inside @vladmandic/face-api on this machine; one face in each. */
export async function benchPeople(): Promise<readonly BenchPerson[]> {
  const people = await prepareDemo();
  return people.map(({ enrol: [photo = ""], camera }) => ({
    frame: readFileSync(join(demoFolderDefault, camera)),
    photo: readFileSync(join(demoFolderDefault, photo)),
  }));
}

/** The embedding of the one face of a photo. @throws Error when there is none. */
export async function embeddingOf(
  engine: Pick<FaceEngine, "analyze">,
  photo: Uint8Array,
): Promise<Float32Array> {
  const { faces } = await engine.analyze({ bytes: Uint8Array.from(photo) });
  if (faces[0] === undefined) throw new Error("a sample photo holds no face");
  return faces[0].embedding;
}

export interface SpreadMs {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The least duration that at least half, and at least 99 of 100, do not exceed (nearest rank). */
export function spreadOf(tookMs: readonly number[]): SpreadMs {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** What a benchmark ran on. */
export interface BenchMachine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly loadBefore: number;
  readonly loadAfter: number;
}

/** @param loadBefore the load average from before the run. */
export function benchMachine(loadBefore: number): BenchMachine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    node: process.versions.node,
    loadBefore,
    loadAfter: loadavg()[0] ?? 0,
  };
}

/** Person `index` of a school that nobody attends. */
export function benchPersonId(index: number): string {
  return `bench-${String(index).padStart(6, "0")}`;
}
