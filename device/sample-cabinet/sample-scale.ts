import { createHash } from "node:crypto";
import {
  isTareOn,
  type Scale,
  type ScaleReading,
  type ScaleState,
} from "../../firmware-bridge/ports/scale.ts";
import { RAW_FRAME_BYTES_MAX, RAW_FRAMES_MAX, type SampleStored } from "./sample-entries.ts";
import type { LiveWeight, SampleContainer } from "./samples-port.ts";

/** What a sample's weight must satisfy. */
export interface WeightRules {
  readonly gramsMin: number;
  readonly gramsMax: number;
}

/** An older reading is not what lies on the pan now. */
const READING_AGE_MS_MAX = 3000;
/** Under this much of the least weight the pan counts as cleared since the sample before. */
const CLEARED_SHARE = 0.4;

/** What one container holds now. */
export interface PanFacts {
  readonly scale: { readonly state: ScaleState["kind"] } | null;
  readonly reading: ScaleReading | null;
  readonly ageMs: number;
  readonly container: SampleContainer;
  /** The pan was empty since the sample before was weighed. */
  readonly isCleared: boolean;
}

/**
 * The pan as the page shows it and as the gate judges it. A reading without the stable flag is not a weight; a scale
 * that was tared itself says net, and its tare must not be taken off a second time.
 */
export function liveWeight(
  { scale, reading, ageMs, container, isCleared }: PanFacts,
  gramsMin: number,
): LiveWeight {
  const none = { grossG: null, netG: null, shortG: null };
  if (scale === null || scale.state === "closed") return { state: "no-scale", ...none };
  if (scale.state !== "live" || reading === null || ageMs > READING_AGE_MS_MAX)
    return { state: "silent", ...none };
  const grossG = wholeGrams(reading);
  if (grossG === null) return { state: reading.stable ? "not-grams" : "unstable", ...none };
  const netG = grossG - tareOf(reading, container).tareG;
  const weight = { grossG, netG, shortG: Math.max(0, gramsMin - netG) };
  if (!reading.stable) return { state: "unstable", ...weight };
  return { state: isCleared ? "stable" : "pan-not-cleared", ...weight };
}

function tareOf(
  reading: ScaleReading,
  container: SampleContainer,
): { readonly tareG: number; readonly tareFrom: "container" | "scale" } {
  return isTareOn(reading)
    ? { tareG: 0, tareFrom: "scale" }
    : { tareG: container.tareG, tareFrom: "container" };
}

const GRAM_DIGITS = { g: 0, kg: 3, t: 6 } as const;

/** Whole grams, never more than the scale says: a tenth of a gram is dropped. Null for what has no value in grams. */
function wholeGrams({ grams, value, unit }: ScaleReading): number | null {
  if (grams !== null) return grams;
  if (value === null || unit === null || !(unit in GRAM_DIGITS)) return null;
  const digits = GRAM_DIGITS[unit as keyof typeof GRAM_DIGITS];
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value);
  if (match === null) return null;
  const [, sign = "", whole = "0", fraction = ""] = match;
  const kept = Number(whole + fraction.slice(0, digits).padEnd(digits, "0"));
  const isMore = /[1-9]/.test(fraction.slice(digits));
  const down = sign === "-" ? -kept - (isMore ? 1 : 0) : kept;
  return Number.isSafeInteger(down) ? down || 0 : null;
}

export type RecordedWeight = SampleStored["weight"];

export type WeightTaken =
  | { readonly kind: "taken"; readonly weight: RecordedWeight; readonly atMono: number }
  | { readonly kind: "refused"; readonly reason: WeightRefusal; readonly live: LiveWeight };

export type WeightRefusal =
  | "no-scale"
  | "scale-silent"
  | "not-stable"
  | "not-grams"
  | "pan-not-cleared"
  | "too-light"
  | "too-heavy";

/** Why this weight is none; null when it is. */
export function weightRefusal({ state, netG }: LiveWeight, rules: WeightRules): WeightRefusal | null {
  switch (state) {
    case "no-scale":
      return "no-scale";
    case "silent":
      return "scale-silent";
    case "unstable":
      return "not-stable";
    case "not-grams":
      return "not-grams";
    case "pan-not-cleared":
      return "pan-not-cleared";
    case "stable":
      if (netG === null || netG < rules.gramsMin) return "too-light";
      return netG > rules.gramsMax ? "too-heavy" : null;
  }
}

/** Looks at one scale: its newest reading, the frames of the stable window, and whether the pan was cleared. */
export class SampleScale {
  readonly #scale: Scale;
  readonly #scaleId: string;
  readonly #rules: WeightRules;
  readonly #monoMs: () => number;
  readonly #stops: readonly (() => void)[];
  #reading: ScaleReading | null = null;
  #frames: Uint8Array[] = [];
  #frameCount = 0;
  #framesHash = createHash("sha256");
  /** Not before the pan was seen empty: what lies on it may be a sample already, from before a restart. */
  #isCleared = false;

  constructor(options: {
    readonly scale: Scale;
    readonly scaleId: string;
    readonly rules: WeightRules;
    readonly clock: { mono(): number };
    readonly onChanged: () => void;
  }) {
    const { scale, scaleId, rules, clock, onChanged } = options;
    this.#scale = scale;
    this.#scaleId = scaleId;
    this.#rules = rules;
    this.#monoMs = () => clock.mono();
    this.#stops = [
      scale.onReading((reading) => {
        this.#take(reading);
        onChanged();
      }),
      scale.onState(onChanged),
    ];
  }

  live(container: SampleContainer): LiveWeight {
    const reading = this.#reading;
    return liveWeight(
      {
        scale: { state: this.#scale.state().kind },
        reading,
        ageMs: reading === null ? 0 : this.#monoMs() - reading.receivedMonoMs,
        container,
        isCleared: this.#isCleared,
      },
      this.#rules.gramsMin,
    );
  }

  /** The weight on the pan now, with the frames that said so. */
  take(container: SampleContainer): WeightTaken {
    const live = this.live(container);
    const reason = weightRefusal(live, this.#rules);
    const reading = this.#reading;
    if (reason !== null || reading === null || live.grossG === null || live.netG === null)
      return { kind: "refused", reason: reason ?? "scale-silent", live };
    const weight: RecordedWeight = {
      netG: live.netG,
      grossG: live.grossG,
      ...tareOf(reading, container),
      containerId: container.containerId,
      scaleId: this.#scaleId,
      framesSha256: this.#framesHash.copy().digest("hex"),
      frameCount: this.#frameCount,
      lastFrames: this.#frames.map((frame) => Buffer.from(frame).toString("base64")),
    };
    return { kind: "taken", weight, atMono: reading.receivedMonoMs };
  }

  /** The weight was stored: the next one needs an empty pan in between, or one portion would be two samples. */
  used(): void {
    this.#isCleared = false;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #take(reading: ScaleReading): void {
    const before = this.#reading;
    this.#reading = reading;
    const grossG = wholeGrams(reading);
    // A pan that swings is not empty.
    const isEmpty = reading.stable && grossG !== null && grossG < this.#rules.gramsMin * CLEARED_SHARE;
    if (isEmpty) this.#isCleared = true;
    // The window begins anew with each change: what is hashed is what said this very weight.
    if (before === null || before.value !== reading.value || before.stable !== reading.stable) {
      this.#framesHash = createHash("sha256");
      this.#frames = [];
      this.#frameCount = 0;
    }
    const length = Buffer.alloc(4);
    length.writeUInt32BE(reading.raw.byteLength);
    this.#framesHash.update(length).update(reading.raw);
    this.#frameCount += 1;
    this.#frames.push(reading.raw.slice(0, RAW_FRAME_BYTES_MAX));
    if (this.#frames.length > RAW_FRAMES_MAX) this.#frames.shift();
  }
}
