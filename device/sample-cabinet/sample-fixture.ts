import { onTestFinished } from "vitest";
import type { Scale, ScaleReading } from "../../firmware-bridge/ports/scale.ts";
import { openDatabase } from "../journal/database.ts";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import type { Journal, JournalEntry } from "../journal/journal-port.ts";
import { journalMigrations } from "../journal/journal-tables.ts";
import { openJournal } from "../journal/sqlite-journal.ts";
import type { PhotoStudio, TakePhoto } from "../photos/studio-port.ts";
import { idSource, seededEntropy } from "../platform/entropy.ts";
import { silentLogger } from "../platform/logger.ts";
import { TimeTrustTracker } from "../platform/time-trust.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import type { SignatureDesk, SignOutcome } from "../signatures/signature-port.ts";
import type { AlarmDesk } from "./cabinet-port.ts";
import { sampleMigrations } from "./sample-clock.ts";
import type { SampleSettings, SamplesOptions } from "./sample-options.ts";
import { sampleProjection } from "./sample-projection.ts";
import { createSamples } from "./samples.ts";
import type { DishesOfMeals, Samples, TakeAnswer } from "./samples-port.ts";

/** For tests only. A Monday, 11:30 in Shanghai: lunch is on. */
export const LUNCH_MS = Date.UTC(2026, 8, 7, 3, 30);
export const HOUR_MS = 3_600_000;
export const DATE = "2026-09-07";

export const SETTINGS: SampleSettings = {
  site: "school",
  device: "line-1",
  zone: "Asia/Shanghai",
  cabinets: [{ cabinetId: "cabinet-1", name: { zh: "一号柜", en: "Cabinet 1" }, slotIds: ["1", "2", "3"] }],
  scaleId: "sample-scale",
  gramsMin: 125,
  gramsMax: 1000,
  containers: [
    { containerId: "box", name: { zh: "留样盒", en: "Box" }, tareG: 20 },
    { containerId: "none", name: { zh: "无盒", en: "None" }, tareG: 0 },
  ],
  keepHours: 48,
  graceMs: HOUR_MS / 2,
  aheadMs: 4 * HOUR_MS,
  disposeWithinMs: 24 * HOUR_MS,
  authorities: ["区市场监督管理局"],
  label: { widthMm: 60, heightMm: 40 },
};

const dish = (dishId: string, zh: string, en: string) => ({ dishId, dishName: { zh, en } });
export const DISHES = [dish("rice", "米饭", "Rice"), dish("tomato-egg", "番茄炒蛋", "Tomato and egg")];

/** Lunch each day from 11:00 to 13:00 in Shanghai. */
export function lunches(dishes = DISHES): DishesOfMeals {
  return {
    dateOf: (atMs) => new Date(atMs + 8 * HOUR_MS).toISOString().slice(0, 10),
    mealsOn: (date) => {
      const midnightMs = Date.parse(`${date}T00:00Z`) - 8 * HOUR_MS;
      return [
        {
          date,
          periodId: "lunch",
          periodName: { zh: "午餐", en: "Lunch" },
          startMs: midnightMs + 11 * HOUR_MS,
          endMs: midnightMs + 13 * HOUR_MS,
          dishes,
        },
      ];
    },
  };
}

/** A scale whose readings the test gives. */
export class FakeScale implements Scale {
  readonly label = "fake";
  readonly #listeners = new Set<(reading: ScaleReading) => void>();
  readonly #clock: VirtualClock;
  isLive = true;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  say(grams: number, more: Partial<ScaleReading> = {}): void {
    const reading: ScaleReading = {
      value: String(grams),
      resolution: "1",
      unit: "g",
      grams,
      mode: "gross",
      gross: null,
      tare: null,
      net: null,
      stable: true,
      stableFrom: "wire",
      overload: false,
      underload: false,
      zero: false,
      deviceTime: null,
      receivedMonoMs: this.#clock.mono(),
      raw: Buffer.from(`ST,GS,${grams} g\r\n`),
      ...more,
    };
    for (const listener of this.#listeners) listener(reading);
  }

  state(): ReturnType<Scale["state"]> {
    return this.isLive ? { kind: "live" } : { kind: "connecting" };
  }

  onReading(listener: (reading: ScaleReading) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onState(): () => void {
    return () => {};
  }

  open(): void {}

  async command(): ReturnType<Scale["command"]> {
    return { kind: "done" };
  }

  health(): ReturnType<Scale["health"]> {
    throw new Error("nobody asks a fake scale for its health");
  }

  async close(): Promise<void> {}
}

/** Alarms as a plain set: what is raised now, and everything that was said. */
export class FakeAlarms implements AlarmDesk {
  readonly active = new Map<
    string,
    { readonly cabinetId: string; readonly type: string; readonly subject: string; readonly level: string }
  >();
  readonly said: string[] = [];

  raise(alarm: Parameters<AlarmDesk["raise"]>[0]): ReturnType<AlarmDesk["raise"]> {
    const name = `${alarm.type}/${alarm.subject}`;
    const key = `${alarm.cabinetId}/${name}`;
    if (this.active.has(key)) return { kind: "exists", alarmId: null };
    this.active.set(key, alarm);
    this.said.push(`raised ${alarm.level} ${name}`);
    return { kind: "raised", alarmId: key };
  }

  clear({ cabinetId, type, subject }: Parameters<AlarmDesk["clear"]>[0]): void {
    if (this.active.delete(`${cabinetId}/${type}/${subject}`)) this.said.push(`cleared ${type}/${subject}`);
  }

  activeSubjects(cabinetId: string, type: string): readonly string[] {
    return [...this.active.values()]
      .filter((alarm) => alarm.cabinetId === cabinetId && alarm.type === type)
      .map(({ subject }) => subject);
  }
}

const PHOTO = (digit: string) => digit.repeat(64);

export function fakeStudio(answers: TakePhoto[] = []): PhotoStudio {
  return {
    take: async () =>
      answers.shift() ?? {
        kind: "taken",
        photo: {
          photoSha256: PHOTO("a"),
          thumbnailSha256: PHOTO("b"),
          offMs: 12,
          cameraLabel: "browser",
          facesBlurred: 0,
        },
      },
    ready: () => ({ kind: "ready" }),
    close: async () => {},
  };
}

const PEOPLE = [
  { operatorId: "li", displayName: "李师傅", rights: ["keep"] },
  { operatorId: "wang", displayName: "王师傅", rights: ["keep"] },
  { operatorId: "chen", displayName: "陈主管", rights: ["keep", "override"] },
] as const;

/** Everybody's PIN is 1234. */
export function fakeSignatures(): SignatureDesk {
  const signed = (
    operatorId: string,
    by: "pin" | "face",
    right: string,
    not: readonly string[],
  ): SignOutcome => {
    const person = PEOPLE.find((each) => each.operatorId === operatorId);
    if (person === undefined) return { kind: "wrong", attemptsLeft: 4 };
    if (not.includes(operatorId)) return { kind: "refused", reason: "same-person" };
    if (!person.rights.some((each) => each === right)) return { kind: "refused", reason: "no-right" };
    return { kind: "signed", signature: { operatorId, displayName: person.displayName, by } };
  };
  return {
    byPin: async ({ operatorId, pin, right, notOperatorIds }) =>
      pin === "1234" ? signed(operatorId, "pin", right, notOperatorIds) : { kind: "wrong", attemptsLeft: 4 },
    byFace: ({ right, notOperatorIds, signal }) =>
      new Promise((resolve) => {
        if (right === "override") resolve(signed("chen", "face", right, notOperatorIds));
        signal.addEventListener("abort", () => resolve({ kind: "not-recognised", reason: "cancelled" }));
      }),
    signers: () => [],
  };
}

export interface SampleRig {
  readonly folder: string;
  readonly file: string;
  readonly clock: VirtualClock;
  readonly scale: FakeScale;
  readonly alarms: FakeAlarms;
  readonly journal: Journal;
  readonly timeTrust: TimeTrustTracker;
  readonly samples: Samples;
  readonly claimed: string[];
  entries(): readonly JournalEntry[];
  /** Stores one sample by its steps. @returns the answer that was not ok, or the last one. */
  store(dishId: string, slotId: string, grams?: number): Promise<TakeAnswer>;
  sampleId(dishId: string): string;
  restart(): Promise<SampleRig>;
}

export interface RigOptions {
  readonly settings?: Partial<SampleSettings>;
  readonly meals?: DishesOfMeals;
  readonly studio?: PhotoStudio;
  readonly diskSafe?: () => boolean;
  readonly isSynced?: boolean;
  readonly kept?: Pick<SampleRig, "folder" | "clock" | "alarms">;
}

/** Samples on a real journal with a virtual clock; scale, camera, people and alarms are the test's. */
export function sampleRig(options: RigOptions = {}): SampleRig {
  const folder = options.kept?.folder ?? temporaryFolder();
  const clock = options.kept?.clock ?? new VirtualClock(LUNCH_MS);
  const alarms = options.kept?.alarms ?? new FakeAlarms();
  const file = `${folder}/terminal.db`;
  const db = openDatabase({ file, clock, migrations: [journalMigrations, sampleMigrations] });
  onTestFinished(() => void db.close());
  const timeTrust = new TimeTrustTracker({ clock, onStepped: () => {} });
  if (options.isSynced !== false) timeTrust.reportReference(clock.now(), 0);
  const journal = openJournal({ db, clock, timeTrust, projections: [sampleProjection] });
  const scale = new FakeScale(clock);
  const claimed: string[] = [];
  const made: SamplesOptions = {
    settings: { ...SETTINGS, ...options.settings },
    db,
    journal,
    clock,
    timeTrust,
    ids: idSource(clock, seededEntropy(journal.head().seq + 1)),
    logger: silentLogger,
    scale,
    meals: options.meals ?? lunches(),
    studio: options.studio ?? fakeStudio(),
    photos: { claim: (hashes) => void claimed.push(...hashes) },
    signatures: fakeSignatures(),
    alarms,
    operatorName: (id) => PEOPLE.find(({ operatorId }) => operatorId === id)?.displayName ?? null,
    diskSafe: options.diskSafe ?? (() => true),
  };
  const samples = createSamples(made);
  const entries = (): readonly JournalEntry[] => journal.readAfter(0, { countMax: 1000, bytesMax: 1e7 });
  return {
    folder,
    file,
    clock,
    scale,
    alarms,
    journal,
    timeTrust,
    samples,
    claimed,
    entries,
    store: async (dishId, slotId, grams = 180) => {
      scale.say(0);
      const steps = [
        () => samples.take({ kind: "start", date: DATE, periodId: "lunch", dishId, containerId: "box" }),
        () => {
          scale.say(grams);
          return samples.take({ kind: "take-weight" });
        },
        async () => {
          await clock.advance(1);
          return samples.take({ kind: "sign-by-pin", operatorId: "li", pin: "1234" });
        },
        () => samples.take({ kind: "choose-slot", cabinetId: "cabinet-1", slotId }),
      ];
      for (const step of steps) {
        const answer = await step();
        if (answer.kind !== "ok") return answer;
      }
      return { kind: "ok" };
    },
    sampleId: (dishId) => {
      const found = samples
        .history({ beforeSeq: null, countMax: 100 })
        .find((sample) => sample.dish.dishId === dishId);
      if (found === undefined) throw new Error(`no sample of ${dishId}`);
      return found.sampleId;
    },
    restart: async () => {
      await samples.close();
      db.close();
      return sampleRig({ ...options, kept: { folder, clock, alarms } });
    },
  };
}
