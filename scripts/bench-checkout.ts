/**
 * From the bytes of a camera frame to a charge that is on the disk: the real frame source, engine, serving line and
 * journal, wired as device/main.ts does, without the page and the cloud.
 */

import { EventEmitter, once } from "node:events";
import { rmSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { systemEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import { createFrameSource } from "../device/serving-line/frame-source.ts";
import { createServingLine } from "../device/serving-line/serving-line.ts";
import { servingLineSettings } from "../device/serving-line/settings.ts";
import { startTerminalEngine } from "../device/terminal-engine.ts";
import type { TerminalStore } from "../device/terminal-store.ts";
import { createPushCamera } from "../firmware-bridge/drivers/camera-push.ts";
import type { FaceEngine } from "../models/face-engine-port.ts";
import { type BenchPerson, benchPersonId, embeddingOf, type SpreadMs, spreadOf } from "./bench-people.ts";
import { benchConfig, openBenchSchool } from "./bench-school.ts";
import { randomOf, randomUnits } from "./bench-search.ts";

export interface CheckoutRow {
  readonly enrolled: number;
  readonly charges: number;
  /** The frame that decides, as it comes from the camera, → the charge is committed. */
  readonly decidingFrame: SpreadMs;
  /** The first of the frames that must agree → the charge is committed; each comes when the one before was measured. */
  readonly visit: SpreadMs;
  readonly framesToAgree: number;
  /** The journal's transaction alone: written, synced, applied. */
  readonly commit: SpreadMs;
  /** Frames a second that the engine measures when it never waits for one. */
  readonly framesPerS: number;
}

export interface CheckoutBenchOptions {
  /** Emptied and made again for each size. */
  readonly folder: string;
  readonly people: readonly BenchPerson[];
  readonly enrolledCounts: readonly number[];
  readonly chargeCount: number;
  readonly sustainedFrames: number;
}

const WARM_UP_CHARGES = 5;
const WAIT_MS_MAX = 10_000;

export async function benchCheckout(options: CheckoutBenchOptions): Promise<readonly CheckoutRow[]> {
  const rows: CheckoutRow[] = [];
  for (const enrolled of options.enrolledCounts) rows.push(await benchSize(enrolled, options));
  return rows;
}

async function benchSize(enrolled: number, options: CheckoutBenchOptions): Promise<CheckoutRow> {
  const { folder, people, chargeCount, sustainedFrames } = options;
  rmSync(folder, { recursive: true, force: true });
  const till = await openTill(folder, enrolled);
  try {
    const { engine } = till;
    const strangers = randomUnits(enrolled, engine.embeddingLength, randomOf(enrolled));
    const stranger = (index: number) =>
      strangers.subarray(index * engine.embeddingLength, (index + 1) * engine.embeddingLength);
    const template = (index: number, embedding: Float32Array) => ({
      templateId: benchPersonId(index),
      personId: benchPersonId(index),
      model: engine.model,
      embedding,
    });
    await engine.loadGallery(Array.from({ length: enrolled }, (_, i) => template(i, stranger(i))));
    const faces = await Promise.all(
      people.map(async ({ frame, photo }) => ({ frame, embedding: await embeddingOf(engine, photo) })),
    );
    const visits: Visit[] = [];
    for (let i = 0; i < WARM_UP_CHARGES + chargeCount; i += 1) {
      // Nobody pays twice for a meal, so each charge needs a person of its own: the face is given to the next one.
      const { frame, embedding } = faces[i % faces.length] ?? {
        frame: Buffer.alloc(0),
        embedding: stranger(0),
      };
      const index = i % enrolled;
      await engine.replacePerson(benchPersonId(index), [template(index, embedding)]);
      visits.push(await till.serve(frame, benchPersonId(index)));
      await engine.replacePerson(benchPersonId(index), [template(index, stranger(index))]);
    }
    const counted = visits.slice(WARM_UP_CHARGES);
    const frames = people.map(({ frame }) => frame);
    return {
      enrolled,
      charges: counted.length,
      decidingFrame: spreadOf(counted.map(({ decidingMs }) => decidingMs)),
      visit: spreadOf(counted.map(({ visitMs }) => visitMs)),
      framesToAgree: till.framesToAgree,
      commit: spreadOf(counted.map(({ commitMs }) => commitMs)),
      framesPerS: await sustainedFramesPerS(engine, frames, sustainedFrames),
    };
  } finally {
    await till.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Two frames are always under way, so that the engine finds the next one when it is done with one. */
async function sustainedFramesPerS(
  engine: FaceEngine,
  frames: readonly Buffer[],
  frameCount: number,
): Promise<number> {
  let next = 0;
  const lane = async () => {
    while (next < frameCount) {
      const frame = frames[next % frames.length] ?? Buffer.alloc(0);
      next += 1;
      await engine.observe({ bytes: Uint8Array.from(frame) });
    }
  };
  const beganMs = performance.now();
  await Promise.all([lane(), lane()]);
  return (frameCount * 1000) / (performance.now() - beganMs);
}

interface Visit {
  readonly decidingMs: number;
  readonly visitMs: number;
  readonly commitMs: number;
}

interface Till {
  readonly engine: FaceEngine;
  readonly framesToAgree: number;
  /** A press, then frames until the person has paid. @throws Error when somebody else pays, or nobody. */
  serve(jpeg: Buffer, personId: string): Promise<Visit>;
  close(): Promise<void>;
}

async function openTill(folder: string, peopleCount: number): Promise<Till> {
  const config = benchConfig({ dataFolder: folder, activation: "touch" });
  const clock = new SystemClock();
  const store = await openBenchSchool(config, peopleCount);
  const world = { clock, entropy: systemEntropy, logger: silentLogger };
  const engine = await startTerminalEngine({ settings: config.face, templates: store.templates, ...world });
  await engine.ready();
  const camera = createPushCamera({ label: "bench", silenceMsMax: WAIT_MS_MAX, clock });
  await camera.open({ signal: new AbortController().signal });
  const frames = createFrameSource({
    ...{ camera, engine: engine.engine, clock, logger: silentLogger },
    stills: () => true,
  });
  const { journal, commitMs } = timedJournal(store.journal);
  const line = createServingLine({
    ...world,
    ids: store.ids,
    journal,
    ledger: store.ledger,
    roster: store.roster,
    pinVerifier: store.pinVerifier,
    timeTrust: store.timeTrust,
    frames,
    bounds: engine.bounds,
    disputes: store.disputes,
    operatorAtTill: () => null,
    settings: servingLineSettings(config),
    mealPlan: store.mealPlan(),
    diskSafe: () => true,
  });
  const happened = new EventEmitter();
  const wait = (event: string) => once(happened, event, { signal: AbortSignal.timeout(WAIT_MS_MAX) });
  let paid: { readonly personId: string; readonly atMs: number } | null = null;
  line.onStatus(({ view }) => {
    if (view.kind === "paid") paid = { personId: view.receipt.personId, atMs: performance.now() };
    if (view.kind === "idle") happened.emit("idle");
  });
  // Subscribed after the line: when this is called, the line has done all that the frame led to.
  frames.onFrame(() => happened.emit("observed"));

  // The same picture each time is as clear a case as there is.
  const framesToAgree = servingLineSettings(config).checkout.identity.clearFrames;
  return {
    engine: engine.engine,
    framesToAgree,
    async serve(jpeg, personId) {
      paid = null;
      await line.command({ kind: "activate" });
      const pictures = Array.from({ length: framesToAgree }, () => Uint8Array.from(jpeg));
      const beganMs = performance.now();
      let decidingBeganMs = beganMs;
      for (const picture of pictures) {
        const observed = wait("observed");
        decidingBeganMs = performance.now();
        camera.push(picture);
        await observed;
        // A camera's frame comes in a turn of its own.
        await nextTurn();
        if (line.status().view.kind !== "looking") break;
      }
      const { atMs } = paidBy(personId, paid, line.status().view.kind);
      if (line.status().view.kind !== "idle") await wait("idle");
      return { decidingMs: atMs - decidingBeganMs, visitMs: atMs - beganMs, commitMs: commitMs() };
    },
    async close() {
      await line.close();
      await camera.close();
      await frames.close();
      await engine.close();
      await store.close();
    },
  };
}

function paidBy(
  personId: string,
  paid: { readonly personId: string; readonly atMs: number } | null,
  viewKind: string,
): { readonly atMs: number } {
  if (paid?.personId === personId) return paid;
  throw new Error(`a charge was expected, the screen shows "${viewKind}"`);
}

/** The journal, with the duration of its last transaction. */
function timedJournal(journal: TerminalStore["journal"]): {
  readonly journal: TerminalStore["journal"];
  readonly commitMs: () => number;
} {
  let lastMs = 0;
  const transact = <T>(work: () => T): T => {
    const beganMs = performance.now();
    try {
      return journal.transact(work);
    } finally {
      lastMs = performance.now() - beganMs;
    }
  };
  const timed = new Proxy(journal, {
    get(target, key) {
      if (key === "transact") return transact;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { journal: timed, commitMs: () => lastMs };
}
