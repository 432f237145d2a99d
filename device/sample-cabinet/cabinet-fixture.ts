import { join } from "node:path";
import { pino } from "pino";
import { onTestFinished } from "vitest";
import type { ContactReading, Contacts } from "../../firmware-bridge/ports/contact.ts";
import type { DeviceState } from "../../firmware-bridge/ports/device-state.ts";
import { BridgeFault } from "../../firmware-bridge/ports/fault.ts";
import type { Relay, RelayOutcome } from "../../firmware-bridge/ports/relay.ts";
import type { Thermometer, ThermometerReading } from "../../firmware-bridge/ports/thermometer.ts";
import { type JournalFixture, journalFixture } from "../journal/journal-fixture.ts";
import type { VirtualClock } from "../platform/virtual-clock.ts";
import type { OperatorRole } from "../security/operators-port.ts";
import { maySign } from "../signatures/rights.ts";
import type { Signature } from "../signatures/signature-port.ts";
import { alarmProjection } from "./alarm-projection.ts";
import type { AlarmSettings, CabinetSettings } from "./cabinet-settings.ts";
import { type CabinetsControl, createCabinets } from "./cabinets.ts";

/** A cabinet on a virtual clock with a line, a door and a buzzer that the test plays. For tests only. */

export const MINUTE_MS = 60_000;
export const CABINET_ID = "fridge-1";
export const ZHOU: Signature = { operatorId: "zhou", displayName: "周师傅", by: "pin" };

export const ALARMS: AlarmSettings = {
  high: { isOn: true, level: "major", delayMs: 5 * MINUTE_MS, hysteresisMilliC: 500 },
  low: { isOn: true, level: "general", delayMs: 5 * MINUTE_MS, hysteresisMilliC: 500 },
  risingFast: {
    isOn: true,
    level: "general",
    delayMs: 2 * MINUTE_MS,
    limitMilliCPerMin: 400,
    hysteresisMilliCPerMin: 200,
  },
  doorOpen: { isOn: true, level: "general", delayMs: 2 * MINUTE_MS, inferredMilliCPerMin: 800 },
  probeFault: { isOn: true, level: "major", delayMs: MINUTE_MS },
  probeStuck: { isOn: true, level: "general", delayMs: 6 * 3_600_000 },
  lineLost: { isOn: true, level: "major", delayMs: MINUTE_MS },
  cumulative: {
    isOn: true,
    level: "major",
    limitMs: 30 * MINUTE_MS,
    windowMs: 24 * 3_600_000,
    hysteresisMs: 10 * MINUTE_MS,
  },
  powerBack: { isOn: true, level: "general", delayMs: 2 * MINUTE_MS },
};

export function cabinetSettings(change: Partial<CabinetSettings> = {}): CabinetSettings {
  const probe = (probeId: string, zh: string, en: string): CabinetSettings["probes"][number] => ({
    probeId,
    name: { zh, en },
    lowMilliC: 0,
    highMilliC: 8000,
    plausibleMilliC: { min: -40_000, max: 60_000 },
    silenceMsMax: 20_000,
  });
  return {
    cabinetId: CABINET_ID,
    name: { zh: "一号留样柜", en: "Cabinet 1" },
    slotCount: 24,
    probes: [probe("air", "柜内空气", "air"), probe("food", "样品", "food")],
    door: { input: "door", isOpenWhenOn: true },
    relay: "buzzer",
    alarms: ALARMS,
    defrost: [],
    escalateAfterMs: { general: 60 * MINUTE_MS, major: 30 * MINUTE_MS, critical: 15 * MINUTE_MS },
    shelveMsMax: 8 * 3_600_000,
    silenceMs: 5 * MINUTE_MS,
    ...change,
  };
}

/** The port's common part: a state that the test sets. */
class PlayedDevice {
  readonly label = "played";
  readonly #listeners = new Set<(state: DeviceState) => void>();
  #state: DeviceState = { kind: "live" };

  state(): DeviceState {
    return this.#state;
  }

  onState(listener: (state: DeviceState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  enter(state: DeviceState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  open(): void {}

  async close(): Promise<void> {}
}

export const lineFault = (code: string): BridgeFault =>
  new BridgeFault(code, { code, retry: "backoff", hint: { zh: code, en: code } });

export class PlayedThermometer extends PlayedDevice implements Thermometer {
  readonly #heard = new Set<(reading: ThermometerReading) => void>();
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    super();
    this.#clock = clock;
  }

  onReading(listener: (reading: ThermometerReading) => void): () => void {
    this.#heard.add(listener);
    return () => this.#heard.delete(listener);
  }

  say(probe: string, value: number | string): void {
    const milliC = typeof value === "number" ? value : null;
    const reading: ThermometerReading = {
      probe,
      celsius: milliC === null ? null : String(milliC / 1000),
      milliC,
      humidityPercent: null,
      fault: typeof value === "string" ? value : null,
      receivedMonoMs: this.#clock.mono(),
      raw: new Uint8Array(),
    };
    for (const listener of [...this.#heard]) listener(reading);
  }
}

export class PlayedContacts extends PlayedDevice implements Contacts {
  readonly inputs = ["door"];
  readonly #heard = new Set<(reading: ContactReading) => void>();
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    super();
    this.#clock = clock;
  }

  onReading(listener: (reading: ContactReading) => void): () => void {
    this.#heard.add(listener);
    return () => this.#heard.delete(listener);
  }

  say(isOn: boolean | null): void {
    const fault = isOn === null ? "silent" : null;
    const reading: ContactReading = { input: "door", isOn, fault, receivedMonoMs: this.#clock.mono() };
    for (const listener of [...this.#heard]) listener(reading);
  }
}

export class PlayedRelay extends PlayedDevice implements Relay {
  readonly channels = ["buzzer"];
  isOn = false;
  setCount = 0;
  outcome: RelayOutcome = { kind: "done" };

  async set(_channel: string, isOn: boolean): Promise<RelayOutcome> {
    this.setCount += 1;
    if (this.outcome.kind === "done") this.isOn = isOn;
    return this.outcome;
  }
}

export interface CabinetFixture {
  readonly clock: VirtualClock;
  readonly kept: JournalFixture;
  readonly line: PlayedThermometer;
  readonly contacts: PlayedContacts;
  readonly relay: PlayedRelay;
  cabinets(): CabinetsControl;
  /** What each probe says every 5 s from now on; a string is a fault, null is silence. */
  readonly says: Record<string, number | string | null | (() => number)>;
  door: boolean | null;
  restart(how?: { readonly offMs?: number; readonly settings?: CabinetSettings }): Promise<void>;
  /** Kinds of the entries so far, those of the summaries left out. */
  kinds(): readonly string[];
  entries(kind: string): readonly Readonly<Record<string, unknown>>[];
}

const POLL_MS = 5000;
const CONTACT_MS = 1000;
/** Everybody else is a manager. */
const PLAYED_ROLES: Readonly<Record<string, OperatorRole>> = { "a-cashier": "cashier", "a-keeper": "keeper" };

export function cabinetFixture(
  settings: CabinetSettings = cabinetSettings(),
  { saysEach5s = true } = {},
): CabinetFixture {
  const first = journalFixture({ projections: [alarmProjection] });
  const { clock } = first;
  const line = new PlayedThermometer(clock);
  const contacts = new PlayedContacts(clock);
  const relay = new PlayedRelay();
  let kept = first;
  const build = (of: CabinetSettings): CabinetsControl =>
    createCabinets({
      settings: [of],
      zone: "Asia/Shanghai",
      ...kept,
      logger: pino({ level: "silent" }),
      temperatureFile: join(kept.folder, "temperatures.db"),
      temperatureBytesMax: 100_000_000,
      lineOfProbe: () => ({ deviceId: "bus", thermometer: line }),
      contactsOfInput: () => contacts,
      relayOfChannel: () => relay,
      maySign: (operatorId, right) => maySign(PLAYED_ROLES[operatorId] ?? "manager", right),
    });
  let cabinets = build(settings);
  const closed = new Set<CabinetsControl>();
  const close = async (): Promise<void> => {
    if (closed.has(cabinets)) return;
    closed.add(cabinets);
    await cabinets.close();
  };
  onTestFinished(close);
  const fixture: CabinetFixture = {
    clock,
    get kept() {
      return kept;
    },
    line,
    contacts,
    relay,
    cabinets: () => cabinets,
    says: { air: 4000, food: 4000 },
    door: false,
    restart: async ({ offMs = 0, settings: changed = settings } = {}) => {
      await close();
      const paused = { ...fixture.says };
      for (const probe of Object.keys(fixture.says)) fixture.says[probe] = null;
      await clock.advance(offMs);
      Object.assign(fixture.says, paused);
      kept = kept.reopen();
      cabinets = build(changed);
      // Before the reopened database is closed.
      onTestFinished(close);
    },
    kinds: () =>
      kept.journal
        .readAfter(0, { countMax: 10_000, bytesMax: 10_000_000 })
        .map(({ kind }) => kind)
        .filter((kind) => kind !== "temperature.summary"),
    entries: (kind) =>
      kept.journal
        .readAfter(0, { countMax: 10_000, bytesMax: 10_000_000 })
        .flatMap((entry) => (entry.kind === kind ? [entry.body] : [])),
  };
  if (saysEach5s) {
    let count = 0;
    clock.every(POLL_MS, () => {
      count += 1;
      for (const [probe, said] of Object.entries(fixture.says)) {
        if (said === null) continue;
        const value = typeof said === "function" ? said() : said;
        // A tenth of a degree to and fro, as a real probe does.
        line.say(probe, typeof value === "number" ? value + (count % 2) * 100 : value);
      }
    });
    clock.every(CONTACT_MS, () => contacts.say(fixture.door));
  }
  return fixture;
}
