import type { Clock } from "../platform/clock.ts";
import type {
  LeaveAnswer,
  MissingSample,
  SampleState,
  Samples,
  SamplesView,
  SampleView,
  TakeAnswer,
  TakeCommand,
  TakingView,
} from "../sample-cabinet/samples-port.ts";
import type { SignatureDesk, SigningHint, SignOutcome } from "../signatures/signature-port.ts";
import { CABINET_ID } from "./fake-cabinet.ts";
import { Listeners } from "./fake-listeners.ts";

const HOUR_MS = 3_600_000;
const MEAL = { date: "2026-09-01", periodId: "lunch", periodName: { zh: "午餐", en: "Lunch" } };
const KEEPER = { operatorId: "k1", displayName: "王师傅" };

function fakeSample(nowMs: number, slotId: string, state: SampleState, dish = "红烧肉"): SampleView {
  const ageMs = { keeping: 30, due: 50, overdue: 80, seized: 30, disposed: 60, voided: 1 }[state] * HOUR_MS;
  return {
    sampleId: `sample-${slotId}`,
    seq: 1000 - Number(slotId),
    meal: MEAL,
    dish: { dishId: `dish-${slotId}`, dishName: { zh: dish, en: "Braised pork" } },
    cabinetId: CABINET_ID,
    slotId,
    netG: 142,
    storedAtMs: nowMs - ageMs,
    storedBy: KEEPER,
    isLate: false,
    photo: null,
    state,
    keepUntilMs: nowMs - ageMs + 48 * HOUR_MS,
    hours: { neededMs: 48 * HOUR_MS, wallMs: ageMs, provenMs: ageMs },
    custody: null,
  };
}

const fakeMissing = (
  nowMs: number,
  dishId: string,
  zh: string,
  en: string,
  state: MissingSample["state"] = "open",
): MissingSample => ({
  meal: MEAL,
  dish: { dishId, dishName: { zh, en } },
  state,
  deadlineMs: nowMs + HOUR_MS,
});

/** Stands for the samples: the steps follow each other, and the test says what lies on the pan. */
export class FakeSamples implements Samples {
  readonly asked: unknown[] = [];
  readonly #listeners = new Listeners<void>();
  readonly #clock: Pick<Clock, "now">;
  takeAnswer: TakeAnswer = { kind: "ok" };
  leaveAnswer: LeaveAnswer = { kind: "done", sampleIds: [] };
  stored: readonly SampleView[];
  missing: readonly MissingSample[];
  taking: TakingView = { step: "idle" };

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
    const nowMs = clock.now();
    this.stored = [
      fakeSample(nowMs, "1", "keeping"),
      fakeSample(nowMs, "2", "keeping", "番茄炒蛋"),
      fakeSample(nowMs, "3", "due", "清炒时蔬"),
      fakeSample(nowMs, "4", "overdue", "香菇滑鸡配土豆泥和玉米"),
    ];
    this.missing = [
      fakeMissing(nowMs, "greens", "清炒时蔬", "Stir-fried greens"),
      fakeMissing(nowMs, "soup", "紫菜蛋花汤", "Seaweed soup", "missing"),
    ];
  }

  onChanged = (listener: () => void): (() => void) => this.#listeners.add(listener);
  isTaking = (): boolean => this.taking.step !== "idle";
  become(taking: TakingView): void {
    this.taking = taking;
    this.#listeners.tell();
  }
  changed(): void {
    this.#listeners.tell();
  }

  view(): SamplesView {
    const slotIds = Array.from({ length: 24 }, (_, index) => String(index + 1));
    const slots = slotIds.map((slotId) => ({
      slotId,
      sample: this.stored.find((sample) => sample.slotId === slotId) ?? null,
    }));
    return {
      cabinets: [{ cabinetId: CABINET_ID, name: { zh: "一号留样柜", en: "Cabinet 1" }, slots }],
      missing: this.missing,
      toDispose: this.stored.filter(({ state }) => state === "due" || state === "overdue"),
      seized: [],
      taking: this.taking,
      rules: {
        gramsMin: 125,
        keepHours: 48,
        graceMs: HOUR_MS,
        containers: [
          { containerId: "none", name: { zh: "已去皮", en: "Tared" }, tareG: 0 },
          { containerId: "box", name: { zh: "留样盒", en: "Sample box" }, tareG: 40 },
        ],
        authorities: ["区市场监督管理局", "疾病预防控制中心"],
        label: { widthMm: LABEL.widthMm, heightMm: LABEL.heightMm },
      },
      clockTrusted: true,
    };
  }

  /** What has gone: as many as the test says. */
  goneCount = 1;
  history({ beforeSeq, countMax }: Parameters<Samples["history"]>[0]): readonly SampleView[] {
    const gone = Array.from({ length: this.goneCount }, (_, index) => ({
      ...fakeSample(this.#clock.now(), "9", "disposed"),
      sampleId: `gone-${index + 1}`,
      seq: 900 - index,
    }));
    const all = [...this.stored, ...gone];
    return all.filter(({ seq }) => beforeSeq === null || seq < beforeSeq).slice(0, countMax);
  }
  hasPhoto = (sha256: string): boolean =>
    [...this.stored].some(({ photo }) => photo?.photoSha256 === sha256 || photo?.thumbnailSha256 === sha256);

  async take(command: TakeCommand): Promise<TakeAnswer> {
    this.asked.push(command);
    if (this.takeAnswer.kind === "ok") this.become(this.#after(command));
    return this.takeAnswer;
  }

  #after(command: TakeCommand): TakingView {
    const what = {
      sampleId: "sample-5",
      meal: MEAL,
      dish: { dishId: "greens", dishName: { zh: "清炒时蔬", en: "Stir-fried greens" } },
      isLate: false,
    };
    const weighed = { containerId: "box", grossG: 172, tareG: 40, netG: 132 };
    switch (command.kind) {
      case "start":
        return { step: "weighing", what, containerId: "box", weight: LIGHT };
      case "take-weight":
        return { step: "signing", what, weighed, thumbnailSha256: null, isLooking: false };
      case "sign-by-pin":
        return {
          step: "choosing-slot",
          what,
          weighed,
          thumbnailSha256: null,
          by: KEEPER,
          freeSlots: [{ cabinetId: CABINET_ID, slotIds: ["5", "6", "7", "8", "10"] }],
        };
      case "choose-slot": {
        const sample = fakeSample(this.#clock.now(), command.slotId, "keeping", "清炒时蔬");
        this.stored = [...this.stored, sample];
        this.missing = this.missing.filter(({ dish }) => dish.dishId !== "greens");
        return { step: "stored", sample, label: LABEL };
      }
      case "cancel":
        return { step: "idle" };
      default:
        return this.taking;
    }
  }

  async dispose(request: { readonly sampleIds: readonly string[] }): Promise<LeaveAnswer> {
    return this.#leave("dispose", request, request.sampleIds);
  }
  async disposeEarly(request: { readonly sampleIds: readonly string[] }): Promise<LeaveAnswer> {
    return this.#leave("dispose-early", request, request.sampleIds);
  }
  async seize(request: { readonly sampleIds: readonly string[] }): Promise<LeaveAnswer> {
    return this.#leave("seize", request, request.sampleIds);
  }
  async void(request: { readonly sampleId: string }): Promise<LeaveAnswer> {
    return this.#leave("void", request, [request.sampleId]);
  }
  #leave(act: string, request: object, sampleIds: readonly string[]): LeaveAnswer {
    this.asked.push({ act, ...request });
    if (this.leaveAnswer.kind === "done") {
      this.stored = this.stored.filter(({ sampleId }) => !sampleIds.includes(sampleId));
      this.changed();
    }
    return this.leaveAnswer;
  }

  label = (sampleId: string): typeof LABEL | null =>
    this.stored.some((sample) => sample.sampleId === sampleId) ? LABEL : null;
  async close(): Promise<void> {}
}

const LIGHT = { state: "stable", grossG: 142, netG: 102, shortG: 23 } as const;
export const ENOUGH = { state: "stable", grossG: 172, netG: 132, shortG: 0 } as const;
const LABEL = {
  code: "CE-SAMPLE:sample-5",
  qrSvg: "<svg/>",
  html: "<!doctype html><title>label</title><style>body{margin:2mm;font:4mm sans-serif}</style><h1>清炒时蔬</h1><p>2026-09-01 午餐</p>",
  widthMm: 50,
  heightMm: 30,
};

/** Two keepers and a manager; the PIN of each is 1357. */
export class FakeSignatures implements SignatureDesk {
  readonly rights: string[] = [];
  async byPin({ right, operatorId, pin }: Parameters<SignatureDesk["byPin"]>[0]): Promise<SignOutcome> {
    this.rights.push(right);
    const signer = this.signers().find((each) => each.operatorId === operatorId);
    if (signer === undefined) return { kind: "refused", reason: "no-right" };
    if (pin !== "1357") return { kind: "wrong", attemptsLeft: 4 };
    return { kind: "signed", signature: { operatorId, displayName: signer.displayName, by: "pin" } };
  }
  /** Says what the camera would, while somebody is looked for. */
  hint: (hint: SigningHint | null) => void = () => {};
  byFace({ signal, onHint }: Parameters<SignatureDesk["byFace"]>[0]): Promise<SignOutcome> {
    this.hint = (hint) => onHint?.(hint);
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve({ kind: "not-recognised", reason: "cancelled" }));
    });
  }
  signers(): readonly { operatorId: string; displayName: string; faceKnown: boolean }[] {
    return [
      { operatorId: "k1", displayName: "王师傅", faceKnown: true },
      { operatorId: "m1", displayName: "李老师", faceKnown: false },
    ];
  }
}
