import type { ThermometerReading } from "../../firmware-bridge/ports/thermometer.ts";
import type { Clock } from "../platform/clock.ts";
import { milliC } from "../platform/units.ts";
import type { AlarmBook } from "./alarm-book.ts";
import { verdictAbove } from "./alarm-condition.ts";
import { CABINET_ALARM_TEXTS } from "./alarm-texts.ts";
import { AlarmWatch } from "./alarm-watch.ts";
import type {
  AlarmLevel,
  CabinetAlarmType,
  ProbeCalibration,
  ProbeFault,
  ProbeView,
} from "./cabinet-port.ts";
import type { AlarmSettings, ProbeSettings } from "./cabinet-settings.ts";
import { FRESH_PROBE, type JudgedReading, judgeReading, type ProbeMemory } from "./probe-reading.ts";
import { forecastTemperature } from "./temperature-forecast.ts";
import { MINUTE_MS, type TemperatureLog } from "./temperature-log.ts";
import { SlopeWindow } from "./temperature-slope.ts";
import {
  AboveWindow,
  addValue,
  emptyTally,
  stretchBetween,
  type TemperatureTally,
  type TimedValue,
} from "./temperature-tally.ts";

export interface ProbeWatchOptions {
  readonly settings: ProbeSettings;
  readonly alarms: AlarmSettings;
  readonly calibration: ProbeCalibration | null;
  readonly book: AlarmBook;
  readonly log: TemperatureLog;
  readonly clock: Clock;
}

/** A good reading in between does not end a fault at once: a loose plug is one alarm, not twenty. */
const FAULT_OFF_DELAY_MS = 30_000;
/** A few seconds below the limit are the thermostat's, not the end of it. */
const LIMIT_OFF_DELAY_MS = 10_000;

/** One probe: judges its readings, keeps them, and watches every alarm that is about it alone. */
export class ProbeWatch {
  readonly settings: ProbeSettings;
  readonly #options: ProbeWatchOptions;
  readonly #slope = new SlopeWindow();
  readonly #above: AboveWindow;
  readonly #watches: Readonly<
    Record<"high" | "low" | "rising" | "fault" | "stuck" | "cumulative", AlarmWatch | null>
  >;
  #calibration: ProbeCalibration | null;
  #memory: ProbeMemory = FRESH_PROBE;
  #judged: JudgedReading | null = null;
  #lastMonoMs: number;
  #hasSpoken = false;
  #before: TimedValue | null = null;
  #humidityPercent: string | null = null;
  #tally: TemperatureTally = emptyTally();

  constructor(options: ProbeWatchOptions) {
    const { settings, alarms, clock, log } = options;
    this.settings = settings;
    this.#options = options;
    this.#calibration = options.calibration;
    this.#lastMonoMs = clock.mono();
    this.#above = new AboveWindow(alarms.cumulative.windowMs);
    const nowMinute = this.#minute();
    for (const { minutesAgo, aboveMs } of log.aboveOfPast(settings.probeId, alarms.cumulative.windowMs))
      this.#above.add(PAST_MINUTES + nowMinute - minutesAgo, aboveMs);
    const { high, low, risingFast, probeFault, probeStuck, cumulative } = alarms;
    this.#watches = {
      high: this.#watch("high", high, LIMIT_OFF_DELAY_MS),
      low: this.#watch("low", low, LIMIT_OFF_DELAY_MS),
      rising: this.#watch("rising-fast", risingFast, 0),
      fault: this.#watch("probe-fault", probeFault, FAULT_OFF_DELAY_MS),
      // The delay is in the judging: by then it has been the same for hours.
      stuck: this.#watch("probe-stuck", { ...probeStuck, delayMs: 0 }, 0),
      cumulative: this.#watch("cumulative", { ...cumulative, delayMs: 0 }, 0),
    };
  }

  get calibration(): ProbeCalibration | null {
    return this.#calibration;
  }

  /** Applies to what comes from now on. */
  calibrate(calibration: ProbeCalibration): void {
    this.#calibration = calibration;
    // Another offset is a step in the value, not a jump of the probe, and not a warming.
    this.#before = null;
    this.#slope.forget();
  }

  recentMilliCPerMin(): number | null {
    return this.#slope.recentMilliCPerMin(this.#options.clock.mono());
  }

  /** @returns whether the slope is a new one. */
  take(reading: ThermometerReading, isLineLost: boolean): boolean {
    const { alarms } = this.#options;
    const { memory, judged } = judgeReading(this.#memory, reading, {
      plausibleMilliC: this.settings.plausibleMilliC,
      stuckMs: alarms.probeStuck.isOn ? alarms.probeStuck.delayMs : null,
      offsetMilliC: this.#calibration?.offsetMilliC ?? 0,
    });
    this.#memory = memory;
    this.#humidityPercent = reading.humidityPercent;
    return this.#accept(judged, reading.receivedMonoMs, isLineLost);
  }

  /** Nothing came for too long: that is a reading of its own, again and again. */
  missing(isLineLost: boolean): void {
    const atMonoMs = this.#options.clock.mono();
    if (atMonoMs - this.#lastMonoMs < this.settings.silenceMsMax) return;
    this.#accept({ kind: "fault", fault: "silent" }, atMonoMs, isLineLost);
  }

  view(): Omit<ProbeView, "outOfService"> {
    const { probeId, name, lowMilliC, highMilliC } = this.settings;
    const judged = this.#judged;
    const value = judged?.kind === "value" ? judged.milliC : null;
    return {
      probeId,
      name,
      milliC: value === null ? null : milliC(value),
      fault: judged?.kind === "fault" ? judged.fault : null,
      ageMs: this.#hasSpoken ? Math.max(0, this.#options.clock.mono() - this.#lastMonoMs) : null,
      humidityPercent: this.#humidityPercent,
      lowMilliC: milliC(lowMilliC),
      highMilliC: milliC(highMilliC),
      calibration: this.#calibration,
      forecast: value === null ? null : forecastTemperature(value, highMilliC, this.#slope.slope()),
    };
  }

  /** What came since the last call, for the journal's summary. */
  takeTally(): TemperatureTally {
    const tally = this.#tally;
    this.#tally = emptyTally();
    return tally;
  }

  close(): void {
    for (const watch of Object.values(this.#watches)) watch?.close();
  }

  #accept(read: JudgedReading, atMonoMs: number, isLineLost: boolean): boolean {
    const judged: JudgedReading =
      isLineLost && read.kind === "fault" ? { kind: "fault", fault: "line-lost" } : read;
    this.#judged = judged;
    this.#hasSpoken = true;
    this.#lastMonoMs = Math.max(this.#lastMonoMs, atMonoMs);
    if (judged.kind === "fault") {
      this.#options.log.add(this.settings.probeId, judged, atMonoMs);
      this.#tally.faultCount += 1;
      this.#tellFault(judged.fault);
      return false;
    }
    return this.#acceptValue(judged, atMonoMs);
  }

  #acceptValue(judged: Extract<JudgedReading, { kind: "value" }>, atMonoMs: number): boolean {
    const { probeId, highMilliC, silenceMsMax } = this.settings;
    const value = { milliC: judged.milliC, atMonoMs };
    const stretch = stretchBetween(this.#before, value, {
      limitMilliC: highMilliC,
      bridgedMsMax: silenceMsMax,
    });
    this.#before = value;
    this.#options.log.add(probeId, { ...judged, stretch }, atMonoMs);
    addValue(this.#tally, judged.milliC, stretch);
    this.#above.add(PAST_MINUTES + this.#minute(), stretch.aboveMs);
    const isNewSlope = this.#slope.add(judged.milliC, atMonoMs);
    this.#tellValue(judged.milliC);
    if (isNewSlope) this.#tellSlope();
    return isNewSlope;
  }

  #tellFault(fault: ProbeFault): void {
    const { high, low, rising, stuck, cumulative } = this.#watches;
    // A fault says nothing about the temperature.
    for (const watch of [high, low, rising, cumulative]) watch?.tell("unknown");
    stuck?.tell(fault === "stuck" ? "on" : "unknown", { fault });
    // One line that is away is one alarm, not one of each probe.
    this.#watches.fault?.tell(fault === "line-lost" || fault === "stuck" ? "unknown" : "on", { fault });
  }

  #tellValue(valueMilliC: number): void {
    const { lowMilliC, highMilliC } = this.settings;
    const { alarms } = this.#options;
    const { high, low, fault, stuck, cumulative } = this.#watches;
    fault?.tell("off");
    stuck?.tell("off");
    high?.tell(verdictAbove(valueMilliC, highMilliC, alarms.high.hysteresisMilliC), {
      valueMilliC,
      limitMilliC: highMilliC,
    });
    low?.tell(verdictAbove(-valueMilliC, -lowMilliC, alarms.low.hysteresisMilliC), {
      valueMilliC,
      limitMilliC: lowMilliC,
    });
    const { limitMs, hysteresisMs, windowMs } = alarms.cumulative;
    const aboveMs = Math.round(this.#above.sumMs);
    cumulative?.tell(verdictAbove(aboveMs, limitMs, hysteresisMs), {
      aboveMs,
      limitMs,
      windowMs,
      valueMilliC,
    });
  }

  #tellSlope(): void {
    const { limitMilliCPerMin, hysteresisMilliCPerMin } = this.#options.alarms.risingFast;
    const slope = this.#slope.slope();
    const milliCPerMin = slope === null ? null : Math.round(slope.milliCPerMin);
    this.#watches.rising?.tell(verdictAbove(milliCPerMin, limitMilliCPerMin, hysteresisMilliCPerMin), {
      milliCPerMin,
      limitMilliCPerMin,
    });
  }

  #watch(
    type: CabinetAlarmType,
    rule: { readonly isOn: boolean; readonly level: AlarmLevel; readonly delayMs: number },
    offDelayMs: number,
  ): AlarmWatch | null {
    if (!rule.isOn) return null;
    const { book, clock } = this.#options;
    return new AlarmWatch(
      { type, subject: this.settings.probeId, text: CABINET_ALARM_TEXTS[type] },
      { book, clock, level: rule.level, delays: { onDelayMs: rule.delayMs, offDelayMs } },
    );
  }

  #minute(): number {
    return Math.floor(this.#options.clock.mono() / MINUTE_MS);
  }
}

/** The window counts minutes from 0; those of before the start lie behind this one. */
const PAST_MINUTES = 100_000;
