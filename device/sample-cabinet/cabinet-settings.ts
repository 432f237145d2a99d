import type { AlarmLevel, Bilingual } from "./cabinet-port.ts";

/** What one cabinet is set to, as plain values: the configuration stays outside of this folder. */
export interface CabinetSettings {
  readonly cabinetId: string;
  readonly name: Bilingual;
  readonly slotCount: number;
  readonly probes: readonly ProbeSettings[];
  /** The input that tells whether the door is open; null: inferred from the temperature. */
  readonly door: { readonly input: string; readonly isOpenWhenOn: boolean } | null;
  /** The relay channel that sounds. */
  readonly relay: string | null;
  readonly alarms: AlarmSettings;
  /** Local times in minutes of the day; `toMinute` before `fromMinute` runs over midnight. */
  readonly defrost: readonly { readonly fromMinute: number; readonly toMinute: number }[];
  /** Unacknowledged for so long, an alarm goes one level up. */
  readonly escalateAfterMs: Readonly<Record<AlarmLevel, number>>;
  readonly shelveMsMax: number;
  readonly silenceMs: number;
}

export interface ProbeSettings {
  /** As in the device's configuration, unique in the terminal. */
  readonly probeId: string;
  readonly name: Bilingual;
  readonly lowMilliC: number;
  readonly highMilliC: number;
  /** Outside of this a value is a fault, not a temperature. */
  readonly plausibleMilliC: { readonly min: number; readonly max: number };
  /** Without any reading for so long the probe counts as silent. */
  readonly silenceMsMax: number;
}

interface AlarmRule {
  readonly isOn: boolean;
  readonly level: AlarmLevel;
  readonly delayMs: number;
}

export interface AlarmSettings {
  readonly high: AlarmRule & { readonly hysteresisMilliC: number };
  readonly low: AlarmRule & { readonly hysteresisMilliC: number };
  readonly risingFast: AlarmRule & {
    readonly limitMilliCPerMin: number;
    readonly hysteresisMilliCPerMin: number;
  };
  /** Without a contact the door counts as open from this slope on. */
  readonly doorOpen: AlarmRule & { readonly inferredMilliCPerMin: number };
  readonly probeFault: AlarmRule;
  /** `delayMs`: how long the very same value is believed. */
  readonly probeStuck: AlarmRule;
  readonly lineLost: AlarmRule;
  /** Time above the high limit within the window, short trips added up. */
  readonly cumulative: {
    readonly isOn: boolean;
    readonly level: AlarmLevel;
    readonly limitMs: number;
    readonly windowMs: number;
    readonly hysteresisMs: number;
  };
  /** A gap of at least `delayMs` in the recording. */
  readonly powerBack: AlarmRule;
}
