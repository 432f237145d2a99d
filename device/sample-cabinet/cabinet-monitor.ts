import type { ContactReading, Contacts } from "../../firmware-bridge/ports/contact.ts";
import type { DeviceState } from "../../firmware-bridge/ports/device-state.ts";
import type { Thermometer } from "../../firmware-bridge/ports/thermometer.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { type EpochMs, epochMs } from "../platform/units.ts";
import type { AlarmBook, AlarmName } from "./alarm-book.ts";
import { type Verdict, verdictAbove } from "./alarm-condition.ts";
import type { AlarmJournal } from "./alarm-journal.ts";
import { CABINET_ALARM_TEXTS } from "./alarm-texts.ts";
import { AlarmWatch } from "./alarm-watch.ts";
import type { CabinetAlarmType, DoorView, ProbeCalibration } from "./cabinet-port.ts";
import type { CabinetSettings } from "./cabinet-settings.ts";
import { ProbeWatch } from "./probe-watch.ts";
import { summaryEntry } from "./temperature-entries.ts";
import type { TemperatureLog } from "./temperature-log.ts";

export interface CabinetMonitorOptions {
  readonly settings: CabinetSettings;
  readonly book: AlarmBook;
  readonly journal: AlarmJournal;
  readonly log: TemperatureLog;
  readonly clock: Clock;
  readonly calibrationOf: (probeId: string) => ProbeCalibration | null;
  /** The line that each probe hangs on, by the device's id. */
  readonly lines: ReadonlyMap<
    string,
    { readonly thermometer: Thermometer; readonly probeIds: readonly string[] }
  >;
  readonly contacts: Contacts | null;
  readonly onChanged: () => void;
}

const TICK_MS = 1000;
const SUMMARY_MS = 300_000;
/** A contact that said nothing for so long is no contact: the slope decides. */
const CONTACT_SILENCE_MS_MAX = 30_000;
const DOOR_OFF_DELAY_MS = 2000;
const LINE_OFF_DELAY_MS = 10_000;
/** Of a whole line; what only one probe has is that probe's fault. */
const LINE_FAULT_CODES = new Set(["device-silent", "device-unreadable", "bus-short", "bus-empty"]);

interface Door {
  readonly isOpen: boolean;
  readonly source: "contact" | "inferred";
  readonly sinceMs: EpochMs;
}

/** One cabinet: hears its probes, lines and door, and tells the alarms. */
export class CabinetMonitor {
  readonly #options: CabinetMonitorOptions;
  readonly #probes: ReadonlyMap<string, ProbeWatch>;
  readonly #lineWatches = new Map<string, AlarmWatch>();
  readonly #lostLines = new Set<string>();
  readonly #doorWatch: AlarmWatch | null;
  readonly #stops: (() => void)[] = [];
  readonly #timers: readonly Timer[];
  #door: Door | null = null;
  #contactMonoMs: number | null = null;
  #summaryFromMonoMs: number;

  constructor(options: CabinetMonitorOptions) {
    this.#options = options;
    const { settings, clock, calibrationOf } = options;
    this.#summaryFromMonoMs = clock.mono();
    this.#probes = new Map(
      settings.probes.map((probe) => [
        probe.probeId,
        new ProbeWatch({
          ...options,
          settings: probe,
          alarms: settings.alarms,
          calibration: calibrationOf(probe.probeId),
        }),
      ]),
    );
    this.#doorWatch = this.#watch("door-open", null, settings.alarms.doorOpen, DOOR_OFF_DELAY_MS);
    this.#clearOrphans();
    this.#tellPowerBack();
    this.#listen();
    this.#timers = [
      clock.every(TICK_MS, () => this.#tick()),
      clock.every(SUMMARY_MS, () => this.#summarise()),
    ];
  }

  get probes(): ReadonlyMap<string, ProbeWatch> {
    return this.#probes;
  }

  door(): DoorView | null {
    return this.#door;
  }

  /** The door's alarm is about a warming that nobody saw the cause of. */
  get isDoorInferred(): boolean {
    return this.#door?.source !== "contact";
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
    for (const stop of this.#stops) stop();
    this.#summarise();
    for (const probe of this.#probes.values()) probe.close();
    for (const watch of this.#lineWatches.values()) watch.close();
    this.#doorWatch?.close();
  }

  #listen(): void {
    const { lines, contacts, settings } = this.#options;
    for (const [deviceId, { thermometer, probeIds }] of lines) {
      const watch = this.#watch("line-lost", deviceId, settings.alarms.lineLost, LINE_OFF_DELAY_MS);
      if (watch !== null) this.#lineWatches.set(deviceId, watch);
      this.#stops.push(
        thermometer.onState((state) => this.#hearLine(deviceId, state)),
        thermometer.onReading((reading) => {
          const probe = this.#probes.get(reading.probe);
          if (probe === undefined || !probeIds.includes(reading.probe)) return;
          if (probe.take(reading, this.#lostLines.has(deviceId))) this.#inferDoor();
          this.#options.onChanged();
        }),
      );
      this.#hearLine(deviceId, thermometer.state());
    }
    if (contacts !== null && settings.door !== null)
      this.#stops.push(contacts.onReading((reading) => this.#hearContact(reading)));
  }

  #hearLine(deviceId: string, state: DeviceState): void {
    const isLost =
      state.kind === "lost" || (state.kind === "faulty" && LINE_FAULT_CODES.has(state.fault.code));
    const isBack = state.kind === "live" || (state.kind === "faulty" && !isLost);
    if (isLost) this.#lostLines.add(deviceId);
    if (isBack) this.#lostLines.delete(deviceId);
    const fault = isLost ? state.fault.code : null;
    this.#lineWatches.get(deviceId)?.tell(isLost ? "on" : isBack ? "off" : "unknown", { fault });
  }

  #hearContact({ input, isOn, receivedMonoMs }: ContactReading): void {
    const { door } = this.#options.settings;
    if (door === null || input !== door.input || isOn === null) return;
    this.#contactMonoMs = receivedMonoMs;
    this.#enterDoor(isOn === door.isOpenWhenOn, "contact");
  }

  /** Without a contact: a warming as only an open door makes it, until it cools again. */
  #inferDoor(): void {
    const { clock, settings } = this.#options;
    const contactIsHeard =
      this.#contactMonoMs !== null && clock.mono() - this.#contactMonoMs <= CONTACT_SILENCE_MS_MAX;
    if (contactIsHeard) return;
    const slopes = [...this.#probes.values()].flatMap((probe) => probe.recentMilliCPerMin() ?? []);
    if (slopes.length === 0) return;
    const limit = settings.alarms.doorOpen.inferredMilliCPerMin;
    const verdict = verdictAbove(Math.max(...slopes), limit, limit);
    if (verdict === "on") this.#enterDoor(true, "inferred");
    else if (verdict === "off" || this.#door === null) this.#enterDoor(false, "inferred");
  }

  #enterDoor(isOpen: boolean, source: Door["source"]): void {
    const before = this.#door;
    if (before?.isOpen !== isOpen || before.source !== source) {
      const sinceMs = before?.isOpen === isOpen ? before.sinceMs : epochMs(this.#options.clock.now());
      this.#door = { isOpen, source, sinceMs };
      this.#options.onChanged();
    }
    const verdict: Verdict = isOpen ? "on" : "off";
    this.#doorWatch?.tell(verdict, { isInferred: source === "inferred" });
  }

  #tick(): void {
    const { book, lines } = this.#options;
    for (const [deviceId, { probeIds }] of lines) {
      const isLost = this.#lostLines.has(deviceId);
      for (const probeId of probeIds) this.#probes.get(probeId)?.missing(isLost);
    }
    book.tick();
  }

  /** Alarms of probes and lines that are configured no more would hold for ever. */
  #clearOrphans(): void {
    const { book, settings, lines } = this.#options;
    for (const name of book.active()) {
      const isOurs = Object.hasOwn(CABINET_ALARM_TEXTS, name.type);
      const isKnown = name.subject === null || this.#probes.has(name.subject) || lines.has(name.subject);
      if (isOurs && (!isKnown || !isOn(settings, name))) book.clear(name);
    }
  }

  /** What happened while this process was away is not known; it is said once, and waits for a person. */
  #tellPowerBack(): void {
    const { log, clock, book, settings } = this.#options;
    const { isOn: isWatched, level, delayMs } = settings.alarms.powerBack;
    if (!isWatched || log.lastSeenAtMs === null) return;
    const gapMs = clock.now() - log.lastSeenAtMs;
    // A clock that was set back meanwhile: how long it was is unknown too.
    if (gapMs >= 0 && gapMs < delayMs) return;
    const name = nameOf("power-back", null);
    book.raise(name, level, { gapMs: gapMs < 0 ? null : gapMs, lastSeenAtMs: log.lastSeenAtMs });
    book.clear(name);
  }

  #summarise(): void {
    const { settings, journal, clock } = this.#options;
    // Its length is of the clock that does not jump: a day that was only set is not a day of readings.
    const toMs = clock.now();
    const lengthMs = Math.round(clock.mono() - this.#summaryFromMonoMs);
    this.#summaryFromMonoMs = clock.mono();
    const probes = [...this.#probes.values()].map((probe) => {
      const { minMilliC, maxMilliC, sumMilliC, valueCount, faultCount, knownMs, aboveMs } = probe.takeTally();
      return {
        probeId: probe.settings.probeId,
        minMilliC,
        meanMilliC: valueCount === 0 ? null : Math.round(sumMilliC / valueCount),
        maxMilliC,
        readingCount: valueCount + faultCount,
        faultCount,
        knownMs: Math.round(knownMs),
        aboveMs: Math.round(aboveMs),
      };
    });
    if (probes.every(({ readingCount }) => readingCount === 0)) return;
    journal.recordIfPossible(
      summaryEntry({ cabinetId: settings.cabinetId, fromMs: Math.max(0, toMs - lengthMs), toMs, probes }),
    );
  }

  #watch(
    type: CabinetAlarmType,
    subject: string | null,
    rule: {
      readonly isOn: boolean;
      readonly level: "general" | "major" | "critical";
      readonly delayMs: number;
    },
    offDelayMs: number,
  ): AlarmWatch | null {
    const { book, clock } = this.#options;
    if (!rule.isOn) return null;
    const delays = { onDelayMs: rule.delayMs, offDelayMs };
    return new AlarmWatch(nameOf(type, subject), { book, clock, level: rule.level, delays });
  }
}

function nameOf(type: CabinetAlarmType, subject: string | null): AlarmName {
  return { type, subject, text: CABINET_ALARM_TEXTS[type] };
}

/** `power-back` is over as soon as it is said. */
function isOn({ alarms }: CabinetSettings, { type }: AlarmName): boolean {
  const rules: Readonly<Record<string, { readonly isOn: boolean }>> = {
    high: alarms.high,
    low: alarms.low,
    "rising-fast": alarms.risingFast,
    "door-open": alarms.doorOpen,
    "probe-fault": alarms.probeFault,
    "probe-stuck": alarms.probeStuck,
    "line-lost": alarms.lineLost,
    cumulative: alarms.cumulative,
  };
  return rules[type]?.isOn ?? false;
}
