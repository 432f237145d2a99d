import { z } from "zod";
import type { JsonObject } from "../journal/journal-port.ts";

/** Bodies of the journal's entries about temperatures; rules as in alarm-entries.ts. */

const id = z.string().min(1).max(128);
const atMs = z.int().min(0);
const milliC = z.int().min(-1_000_000).max(1_000_000);
const countOf = z.int().min(0);

export const temperatureSummarySchema = z.strictObject({
  cabinetId: id,
  fromMs: atMs,
  toMs: atMs,
  probes: z
    .array(
      z.strictObject({
        probeId: id,
        /** Null where only faults or nothing came. */
        minMilliC: milliC.nullable(),
        meanMilliC: milliC.nullable(),
        maxMilliC: milliC.nullable(),
        readingCount: countOf,
        faultCount: countOf,
        /** Time between values, of which above the high limit. */
        knownMs: countOf,
        aboveMs: countOf,
      }),
    )
    .min(1)
    .max(64),
});

/** What is added to a probe's readings from now on. */
export const probeCalibratedSchema = z.strictObject({
  cabinetId: id,
  probeId: id,
  offsetMilliC: milliC,
  formerOffsetMilliC: milliC,
  operatorId: id,
  by: z.enum(["pin", "face"]),
});

export const TEMPERATURE_ENTRY_SCHEMAS = {
  "temperature.summary": temperatureSummarySchema,
  "probe.calibrated": probeCalibratedSchema,
} as const;

export type TemperatureSummary = z.infer<typeof temperatureSummarySchema>;
export type ProbeCalibrated = z.infer<typeof probeCalibratedSchema>;

export function summaryEntry(body: TemperatureSummary): {
  readonly kind: string;
  readonly body: JsonObject;
} {
  return { kind: "temperature.summary", body };
}

export function calibrationEntry(body: ProbeCalibrated): {
  readonly kind: string;
  readonly body: JsonObject;
} {
  return { kind: "probe.calibrated", body };
}
