import type {
  Scale,
  ScaleCommand,
  ScaleCommandOutcome,
  ScaleReading,
} from "../../firmware-bridge/ports/scale.ts";
import type { Thermometer, ThermometerReading } from "../../firmware-bridge/ports/thermometer.ts";
import { assert } from "../platform/assert.ts";
import type { Clock } from "../platform/clock.ts";
import type { RecordedScale } from "./entries.ts";
import type { LiveScale, LiveTemperature } from "./receiving-port.ts";
import {
  CLOSED_GATE,
  disarmed,
  type GateVerdict,
  isTared,
  judgeGate,
  observeLoss,
  observeReading,
  type ScaleLimits,
  type SoftwareTare,
  tareCommanded,
  type WeightGate,
} from "./weight-gate.ts";

/** A scale for goods: the device, what its plate says, and how its bytes are read. */
export interface BenchScale {
  readonly scale: Scale;
  readonly limits: ScaleLimits;
  readonly identity: RecordedScale;
}

export interface ScaleBenchOptions {
  readonly scales: ReadonlyMap<string, BenchScale>;
  readonly thermometers: ReadonlyMap<string, Thermometer>;
  readonly clock: Pick<Clock, "mono">;
  /** What is taken off by the terminal on that scale now. */
  readonly tareOn: (scaleId: string) => SoftwareTare;
  /** After each reading, and each change of a device's state. */
  readonly onLive: () => void;
  /** The pan came to zero, or down to its tare, for the first time since a weight was taken. */
  readonly onEmptied: (scaleId: string) => void;
}

/** Older, and somebody has to hold the probe into the goods again. */
const TEMPERATURE_AGE_MS_MAX = 10_000;

/** The scales and probes of the receiving place, with a gate for each scale. Holds only what is newest. */
export class ScaleBench {
  readonly #options: ScaleBenchOptions;
  readonly #gates = new Map<string, WeightGate>();
  readonly #temperatures = new Map<string, ThermometerReading & { readonly thermometerId: string }>();
  readonly #stops: (() => void)[] = [];

  constructor(options: ScaleBenchOptions) {
    this.#options = options;
    for (const [scaleId, { scale }] of options.scales) {
      this.#stops.push(
        scale.onReading((reading) => this.#onReading(scaleId, reading)),
        scale.onState(({ kind }) => {
          if (kind !== "live" && kind !== "connecting") this.#change(scaleId, observeLoss);
          options.onLive();
        }),
      );
    }
    for (const [thermometerId, thermometer] of options.thermometers) {
      this.#stops.push(
        thermometer.onReading((reading) => {
          this.#temperatures.set(keyOf(thermometerId, reading.probe), { ...reading, thermometerId });
          options.onLive();
        }),
      );
    }
  }

  judge(scaleId: string, tare: SoftwareTare): GateVerdict {
    return judgeGate(this.#gate(scaleId), this.#scale(scaleId).limits, tare, this.#options.clock.mono());
  }

  identity(scaleId: string): RecordedScale | undefined {
    return this.#options.scales.get(scaleId)?.identity;
  }

  firstScaleId(): string | null {
    return this.#options.scales.keys().next().value ?? null;
  }

  disarm(scaleId: string): void {
    this.#change(scaleId, disarmed);
  }

  async command(scaleId: string, command: ScaleCommand): Promise<ScaleCommandOutcome> {
    const outcome = await this.#scale(scaleId).scale.command(command);
    const took = outcome.kind !== "refused";
    if (took && (command === "tare" || command === "clear-tare"))
      this.#change(scaleId, (gate) => tareCommanded(gate, command === "tare"));
    return outcome;
  }

  temperature(
    thermometerId: string,
    probe: string,
  ):
    | { readonly kind: "read"; readonly milliC: number }
    | { readonly kind: "unknown" }
    | { readonly kind: "not-read" } {
    if (!this.#options.thermometers.has(thermometerId)) return { kind: "unknown" };
    const reading = this.#temperatures.get(keyOf(thermometerId, probe));
    if (reading === undefined || reading.milliC === null || reading.fault !== null)
      return { kind: "not-read" };
    const ageMs = this.#options.clock.mono() - reading.receivedMonoMs;
    return ageMs > TEMPERATURE_AGE_MS_MAX ? { kind: "not-read" } : { kind: "read", milliC: reading.milliC };
  }

  scales(): readonly LiveScale[] {
    return [...this.#options.scales.keys()].map((scaleId) => this.#live(scaleId));
  }

  temperatures(): readonly LiveTemperature[] {
    return [...this.#temperatures.values()].map(({ thermometerId, probe, milliC, fault }) => ({
      thermometerId,
      probe,
      milliC,
      fault,
    }));
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #onReading(scaleId: string, reading: ScaleReading): void {
    const wasArmed = this.#gate(scaleId).isArmed;
    const { limits } = this.#scale(scaleId);
    this.#change(scaleId, (gate) => observeReading(gate, reading, limits, this.#options.tareOn(scaleId)));
    if (!wasArmed && this.#gate(scaleId).isArmed) this.#options.onEmptied(scaleId);
    this.#options.onLive();
  }

  #live(scaleId: string): LiveScale {
    const { scale, limits, identity } = this.#scale(scaleId);
    const gate = this.#gate(scaleId);
    const tare = this.#options.tareOn(scaleId);
    const state = scale.state();
    const verdict = this.judge(scaleId, tare);
    const { latest } = gate;
    const grams = latest?.grams ?? null;
    return {
      scaleId,
      label: identity.label,
      connection: state.kind,
      code: "fault" in state ? state.fault.code : null,
      text: latest?.value ?? null,
      unit: latest?.unit ?? null,
      grams,
      netG: grams === null ? null : grams - tare.containerG - tare.packsG,
      stable: latest?.stable ?? false,
      overload: latest?.overload ?? false,
      underload: latest?.underload ?? false,
      zero: latest?.zero ?? false,
      tared: isTared(gate),
      gate: verdict.kind === "ready" ? { kind: "ready" } : { kind: "waiting", reason: verdict.reason },
      minG: limits.minG,
      maxG: limits.maxG,
      divisionG: limits.divisionG,
      verifiedOn: identity.verifiedOn,
    };
  }

  #gate(scaleId: string): WeightGate {
    return this.#gates.get(scaleId) ?? CLOSED_GATE;
  }

  #change(scaleId: string, change: (gate: WeightGate) => WeightGate): void {
    this.#gates.set(scaleId, change(this.#gate(scaleId)));
  }

  #scale(scaleId: string): BenchScale {
    const found = this.#options.scales.get(scaleId);
    assert(found !== undefined, `scale ${scaleId} is on the bench`);
    return found;
  }
}

function keyOf(thermometerId: string, probe: string): string {
  return `${thermometerId} ${probe}`;
}
