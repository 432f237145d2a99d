import { onTestFinished } from "vitest";
import type { Face, FrameObservation, ObservedFace } from "../../models/face-engine-port.ts";
import { type JournalFixture, journalFixture } from "../journal/journal-fixture.ts";
import type { Journal, Projection, TimeTrust } from "../journal/journal-port.ts";
import { CanteenError } from "../platform/errors.ts";
import { silentLogger } from "../platform/logger.ts";
import { type Fen, fen, monoMs } from "../platform/units.ts";
import { disputeProjection, openDisputeBook, type TerminalDisputeBook } from "../roster/disputes.ts";
import type { Roster } from "../roster/roster-port.ts";
import type { FrameSource, ObservedFrame } from "./frame-source.ts";
import { createLedger, type Ledger, ledgerProjection } from "./ledger.ts";
import type { LivenessLevel } from "./liveness-check.ts";
import { person, TestBounds, TestPins, TestRoster } from "./people-fixture.ts";
import { createServingLine, type ServingLineControl } from "./serving-line.ts";
import type {
  Activation,
  CheckoutView,
  LookAlikeMode,
  MealPlan,
  Pricing,
  Receipt,
  ServingLineStatus,
} from "./serving-line-port.ts";
import { type ServingLineSettings, servingLineSettings } from "./settings.ts";

export { person, TestBounds, TestPins, TestRoster };

/** What the tests of this folder share: people without faces, frames without pictures. For tests only. */

export const FIXED: Pricing = { kind: "fixed", priceFen: fen(1200) };

/** Lunch from 11:00 to 13:00; the virtual clock starts at 12:00 in Shanghai. */
export function plan(pricing: Pricing = FIXED, version = "plan-1"): MealPlan {
  return {
    version,
    zone: "Asia/Shanghai",
    periods: [
      {
        id: "lunch",
        name: { zh: "午餐", en: "Lunch" },
        fromMinute: 660,
        toMinute: 780,
        pricing,
        subsidyFen: { student: fen(200), staff: fen(0), guest: fen(0) },
      },
      {
        id: "dinner",
        name: { zh: "晚餐", en: "Dinner" },
        fromMinute: 1020,
        toMinute: 1140,
        pricing,
        subsidyFen: { student: fen(0), staff: fen(0), guest: fen(0) },
      },
    ],
    menu: [
      { id: "rice", name: { zh: "米饭", en: "Rice" }, priceFen: fen(100), allergens: [] },
      {
        id: "peanut-chicken",
        name: { zh: "宫保鸡丁", en: "Kung pao chicken" },
        priceFen: fen(800),
        allergens: ["peanut"],
      },
    ],
  };
}

export interface FaceShape {
  readonly person?: string | null;
  readonly similarity?: number;
  /** Similarity of the second-best person; null when nobody else is enrolled. */
  readonly second?: number | null;
  readonly side?: number;
  readonly centreX?: number;
  readonly centreY?: number;
  readonly liveness?: number | null;
  readonly model?: string;
  readonly quality?: Partial<Face["quality"]>;
}

/** A good face in the middle of a 640×480 picture, unless said otherwise. */
export function face(shape: FaceShape = {}): ObservedFace {
  const {
    person: best = "p-1",
    similarity = 0.8,
    second = 0.2,
    side = 200,
    centreX = 320,
    centreY = 240,
  } = shape;
  const [x, y] = [centreX - side / 2, centreY - side / 2];
  return {
    box: [x, y, side, side],
    detectionScore: 0.99,
    landmarks: [
      [x, y],
      [x, y],
      [x, y],
      [x, y],
      [x, y],
    ],
    quality: {
      overall: 0.9,
      eyeDistancePx: 80,
      yawDeg: 0,
      pitchDeg: 0,
      rollDeg: 0,
      sharpness: 200,
      brightness: 120,
      ...shape.quality,
    },
    liveness: shape.liveness === undefined ? 1 : shape.liveness,
    model: shape.model ?? "model-a",
    search: {
      best: best === null ? null : { personId: best, similarity },
      runnerUp: best === null || second === null ? null : { personId: "p-other", similarity: second },
      expected: null,
    },
    otherSearches: [],
  };
}

export function picture(...faces: ObservedFace[]): FrameObservation {
  return {
    observationId: "observation-1",
    widthPx: 640,
    heightPx: 480,
    faces,
    faceCountDropped: 0,
    stageMs: { decode: 1, detect: 1, landmarks: 1, liveness: 1, embed: 1, search: 1, total: 6 },
  };
}

export function settings(
  activation: Activation = "touch",
  change: {
    confirmFace?: boolean;
    liveness?: LivenessLevel;
    lookAlikes?: LookAlikeMode;
    limits?: Partial<
      Record<keyof Parameters<typeof servingLineSettings>[0]["servingLine"]["limits"], number>
    >;
  } = {},
): ServingLineSettings {
  return servingLineSettings({
    servingLine: {
      activation,
      shownMsMin: 2500,
      confirmMsMax: 8000,
      confirmFace: change.confirmFace ?? false,
      limits: {
        perChargeFenMax: 5000,
        perDayFenMax: 10_000,
        overdraftFenMax: 0,
        offlinePerPersonFenMax: 10_000,
        offlineTotalFenMax: 5_000_000,
        offlineDaysMax: 30,
        offlineEntriesMax: 500_000,
        ...change.limits,
      },
    },
    face: {
      qualityMin: 0.25,
      liveness: change.liveness ?? "off",
      framesToAgree: 3,
      lookMsMax: 2000,
      lookAlikes: change.lookAlikes ?? "second-factor",
    },
  });
}

/** Frames as a test hands them in. */
export class TestFrames implements FrameSource {
  readonly #frames = new Set<(frame: ObservedFrame) => void>();
  readonly #lost = new Set<(lost: boolean) => void>();
  wanted = false;
  lost = false;

  setWanted(wanted: boolean): void {
    this.wanted = wanted;
  }
  cameraLost(): boolean {
    return this.lost;
  }
  onFrame(listener: (frame: ObservedFrame) => void): () => void {
    this.#frames.add(listener);
    return () => void this.#frames.delete(listener);
  }
  onCameraLost(listener: (lost: boolean) => void): () => void {
    this.#lost.add(listener);
    return () => void this.#lost.delete(listener);
  }
  /** As the real source does, only what is wanted is handed on. */
  show(observation: FrameObservation, capturedMonoMs: number): void {
    if (!this.wanted) return;
    for (const listener of this.#frames) listener({ observation, capturedMono: monoMs(capturedMonoMs) });
  }
  setLost(lost: boolean): void {
    this.lost = lost;
    for (const listener of this.#lost) listener(lost);
  }
}

export interface LineFixture extends JournalFixture {
  readonly line: ServingLineControl;
  readonly ledger: Ledger;
  readonly roster: TestRoster;
  readonly frames: TestFrames;
  readonly pins: TestPins;
  /** Every status that was told, in order. */
  readonly told: ServingLineStatus[];
  readonly bounds: TestBounds;
  readonly disputes: TerminalDisputeBook;
  readonly world: { timeTrust: TimeTrust; diskSafe: boolean; operatorAtTill: string | null };
  /** Shows the picture `count` times, 100 ms apart. */
  look(observation: FrameObservation, count?: number): Promise<void>;
  /** Balance as the entries alone say. */
  balanceFen(personId: string): Fen;
}

export interface LineFixtureOptions {
  readonly activation?: Activation;
  readonly mealPlan?: MealPlan;
  readonly settings?: ServingLineSettings;
  /** Puts something between the line and the journal. */
  readonly journalOf?: (journal: Journal) => Journal;
  readonly rosterOf?: (roster: Roster) => Roster;
  readonly ledgerOf?: (ledger: Ledger) => Ledger;
  readonly disputesOf?: (disputes: TerminalDisputeBook) => TerminalDisputeBook;
  readonly projection?: Projection;
  /** Of a fixture before, whose database is opened again. */
  readonly after?: LineFixture;
}

export function diskFault(code: string): CanteenError {
  return new CanteenError(code, { code, retry: "after-operator", hint: { zh: "磁盘", en: "disk" } });
}

/** A port whose every call goes through `around`, which may let it happen, throw before it or throw after it. */
export function intercepted<Port extends object>(
  port: Port,
  around: (method: string, call: () => unknown) => unknown,
): Port {
  return new Proxy(port, {
    get(target, method) {
      const value: unknown = Reflect.get(target, method, target);
      if (typeof value !== "function" || typeof method !== "string") return value;
      return (...given: unknown[]) => around(method, () => Reflect.apply(value, target, given));
    },
  });
}

/** What `journal verify` replays for a line of these tests. */
export const LINE_PROJECTIONS: readonly Projection[] = [ledgerProjection, disputeProjection];

/** A whole serving line on a real SQLite journal, with p-1, p-2 and p-3 enrolled, 100 yuan each. */
export function lineFixture(options: LineFixtureOptions = {}): LineFixture {
  const base =
    options.after?.reopen() ??
    journalFixture({ projections: [options.projection ?? ledgerProjection, disputeProjection] });
  const roster = options.after?.roster ?? new TestRoster();
  if (options.after === undefined) for (const personId of ["p-1", "p-2", "p-3"]) roster.add(person(personId));
  const frames = new TestFrames();
  const pins = new TestPins(roster);
  const ledger = createLedger(base.db);
  const disputes = openDisputeBook(base.db);
  const bounds = new TestBounds(disputes);
  const world: LineFixture["world"] = { timeTrust: "synced", diskSafe: true, operatorAtTill: null };
  const line = createServingLine({
    clock: base.clock,
    ids: base.ids,
    logger: silentLogger,
    journal: options.journalOf?.(base.journal) ?? base.journal,
    ledger: options.ledgerOf?.(ledger) ?? ledger,
    roster: options.rosterOf?.(roster) ?? roster,
    pinVerifier: pins,
    timeTrust: { current: () => world.timeTrust },
    frames,
    bounds,
    disputes: options.disputesOf?.(disputes) ?? disputes,
    operatorAtTill: () => world.operatorAtTill,
    settings: options.settings ?? settings(options.activation),
    mealPlan: options.mealPlan ?? plan(),
    diskSafe: () => world.diskSafe,
  });
  onTestFinished(() => line.close());
  const told: ServingLineStatus[] = [];
  line.onStatus((status) => told.push(status));
  return {
    ...base,
    line,
    ledger,
    roster,
    frames,
    pins,
    bounds,
    disputes,
    told,
    world,
    async look(observation, count = 3) {
      for (let shown = 0; shown < count; shown++) {
        await base.clock.advance(100);
        frames.show(observation, base.clock.mono());
      }
    },
    balanceFen(personId) {
      let balance: number = roster.account(personId)?.balanceFen ?? 0;
      for (const { kind, body } of base.journal.readAfter(0, { countMax: 100_000, bytesMax: 1e9 })) {
        if (body["personId"] !== personId) continue;
        if (kind === "charge.made") balance -= Number(body["amountFen"]);
        if (kind === "charge.voided") balance += Number(body["amountFen"]);
      }
      return fen(balance);
    },
  };
}

export const view = ({ line }: LineFixture): CheckoutView => line.status().view;

export function paidReceipt(shown: CheckoutView): Receipt {
  if (shown.kind !== "paid") throw new Error(`not paid but ${shown.kind}`);
  return shown.receipt;
}

export const kindsOf = ({ journal }: LineFixture): string[] =>
  journal.readAfter(0, { countMax: 1000, bytesMax: 1e8 }).map(({ kind }) => kind);

/** A press of what is on the screen now; of nothing where nothing can be pressed. */
export function press({ line }: Pick<LineFixture, "line">, kind: "confirm" | "not-me"): Promise<void> {
  const { view: shown } = line.status();
  const chargeId =
    shown.kind === "confirm" ? shown.chargeId : shown.kind === "paid" ? shown.receipt.chargeId : "none";
  return line.command({ kind, chargeId });
}

export async function payByFace(fixture: LineFixture, personId = "p-1"): Promise<CheckoutView> {
  await fixture.line.command({ kind: "activate" });
  await fixture.look(picture(face({ person: personId })));
  return view(fixture);
}

/** The wall clock goes on by hours and the till has its look at it, without a tick for each second between. */
export async function hoursPass({ clock }: LineFixture, hours: number): Promise<void> {
  clock.stepWall(hours * 3_600_000);
  await clock.advance(3000);
}
