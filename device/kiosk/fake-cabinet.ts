import { epochMs, milliC } from "../platform/units.ts";
import type {
  AcknowledgementRate,
  AlarmRecord,
  AlarmView,
  CabinetOutcome,
  Cabinets,
  CabinetView,
  CurveQuery,
  TemperatureCurve,
} from "../sample-cabinet/cabinet-port.ts";
import { Listeners } from "./fake-listeners.ts";

export const CABINET_ID = "cabinet-1";
const START_MS = Date.UTC(2026, 8, 1, 4);

/** An alarm as the cabinet would show it. */
export function fakeAlarm(change: Partial<AlarmView> = {}): AlarmView {
  return {
    key: `${CABINET_ID}/high/air`,
    alarmId: "alarm-1",
    cabinetId: CABINET_ID,
    type: "high",
    subject: "air",
    text: { zh: "温度过高", en: "Too warm" },
    level: "major",
    state: "unacknowledged",
    isEscalated: false,
    isActive: true,
    raisedAtMs: epochMs(START_MS),
    clearedAtMs: null,
    facts: { valueMilliC: 9400, limitMilliC: 8000 },
    acknowledged: null,
    shelved: null,
    outOfService: null,
    ...change,
  };
}

/** Stands for the cabinets: shows what the test says and remembers what was asked. */
export class FakeCabinets implements Cabinets {
  readonly asked: { readonly act: string; readonly what: unknown }[] = [];
  readonly #listeners = new Listeners<string>();
  outcome: CabinetOutcome = { kind: "done" };
  rates: readonly AcknowledgementRate[] = [];
  records: readonly AlarmRecord[] = [];
  current: CabinetView = {
    cabinetId: CABINET_ID,
    name: { zh: "一号留样柜", en: "Cabinet 1" },
    slotCount: 24,
    probes: [
      {
        probeId: "air",
        name: { zh: "柜内空气", en: "Air" },
        milliC: milliC(4100),
        fault: null,
        ageMs: 1200,
        humidityPercent: "65.2",
        lowMilliC: milliC(0),
        highMilliC: milliC(8000),
        calibration: null,
        forecast: null,
        outOfService: null,
      },
      {
        probeId: "food",
        name: { zh: "样品", en: "Samples" },
        milliC: milliC(3900),
        fault: null,
        ageMs: 1200,
        humidityPercent: null,
        lowMilliC: milliC(0),
        highMilliC: milliC(8000),
        calibration: null,
        forecast: null,
        outOfService: null,
      },
    ],
    door: { isOpen: false, source: "contact", sinceMs: epochMs(START_MS) },
    alarms: [],
    level: null,
    isSounding: false,
    silencedForMs: null,
    relay: { kind: "off", code: null },
    defrost: null,
    storageFault: null,
    outOfService: null,
  };

  onChanged = this.#listeners.add;
  cabinetIds = (): readonly string[] => [CABINET_ID];
  view = (cabinetId: string): CabinetView | undefined =>
    cabinetId === CABINET_ID ? this.current : undefined;

  show(change: Partial<CabinetView>): void {
    this.current = { ...this.current, ...change };
    this.#listeners.tell(CABINET_ID);
  }

  /** One alarm that sounds. */
  alarm(change: Partial<AlarmView> = {}): void {
    const alarm = fakeAlarm(change);
    this.show({ alarms: [alarm], level: alarm.level, isSounding: true });
  }

  #ask(act: string, what: unknown): CabinetOutcome {
    this.asked.push({ act, what });
    return this.outcome;
  }

  acknowledge(act: Parameters<Cabinets["acknowledge"]>[0]): CabinetOutcome {
    const outcome = this.#ask("acknowledge", act);
    if (outcome.kind === "done") {
      const { operatorId } = act.signature;
      const alarms = this.current.alarms.map((alarm) => ({
        ...alarm,
        state: "acknowledged" as const,
        acknowledged: { operatorId, atMs: epochMs(START_MS + 60_000), action: act.action },
      }));
      this.show({ alarms, isSounding: false });
    }
    return outcome;
  }
  silence(cabinetId: string): CabinetOutcome {
    if (cabinetId !== CABINET_ID) return { kind: "refused", reason: "cabinet-unknown" };
    const outcome = this.#ask("silence", cabinetId);
    this.show({ isSounding: false, silencedForMs: 300_000 });
    return outcome;
  }
  shelve = (act: unknown): CabinetOutcome => this.#ask("shelve", act);
  unshelve = (act: unknown): CabinetOutcome => this.#ask("unshelve", act);
  defrost = (act: unknown): CabinetOutcome => this.#ask("defrost", act);
  endDefrost = (act: unknown): CabinetOutcome => this.#ask("end-defrost", act);
  takeOutOfService = (act: unknown): CabinetOutcome => this.#ask("out-of-service", act);
  returnToService = (act: unknown): CabinetOutcome => this.#ask("return-to-service", act);
  calibrate = (act: unknown): CabinetOutcome => this.#ask("calibrate", act);

  /** A day of a cabinet that breathes, with an hour that nobody knows and a warm-up towards the end. */
  curve({ cabinetId, fromMs, toMs, pointCountMax = 720 }: CurveQuery): TemperatureCurve | undefined {
    if (cabinetId !== CABINET_ID) return undefined;
    const stepMs = Math.ceil((toMs - fromMs) / pointCountMax);
    const points = (base: number) =>
      Array.from({ length: pointCountMax }, (_, index) => {
        const atMs = epochMs(fromMs + index * stepMs);
        const part = index / pointCountMax;
        const isGap = part > 0.4 && part < 0.45;
        const warm = part > 0.85 ? (part - 0.85) * 40_000 : 0;
        const mean = Math.round(base + 700 * Math.sin(index / 6) + warm);
        const readingCount = isGap ? 0 : 12;
        return isGap
          ? { atMs, minMilliC: null, meanMilliC: null, maxMilliC: null, faultCount: 0, readingCount }
          : {
              atMs,
              minMilliC: milliC(mean - 350),
              meanMilliC: milliC(mean),
              maxMilliC: milliC(mean + 450),
              faultCount: 0,
              readingCount,
            };
      });
    return {
      stepMs,
      probes: [
        { probeId: "air", points: points(4000) },
        { probeId: "food", points: points(3600) },
      ],
    };
  }
  dose = (): undefined => undefined;
  alarmRecords = (): readonly AlarmRecord[] => this.records;
  acknowledgementRates = (): readonly AcknowledgementRate[] => this.rates;
  raise = (): { kind: "raised"; alarmId: string } => ({ kind: "raised", alarmId: "alarm-1" });
  clear = (): void => {};
  activeSubjects = (): readonly string[] => [];
}
