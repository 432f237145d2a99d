import type { DeviceKind, Dialect, OptionBag, SerialSettings } from "../ports/dialect.ts";
import type { Reading } from "../ports/reading.ts";
import { DIALECTS } from "../protocol/registry.ts";
import { DecodingSession } from "../session.ts";

/** How well a dialect explains bytes that were heard. */
export interface Candidate {
  readonly protocol: string;
  readonly title: string;
  readonly device: DeviceKind;
  readonly options: OptionBag;
  /** 0…1: the share of the bytes that are good frames, weighed by what guards them and how many there were. */
  readonly confidence: number;
  readonly readings: number;
  readonly invalid: number;
  readonly sample: Reading;
  /** What a person should know before believing it. */
  readonly caution: string | null;
  /** Others that explain the same bytes as well: nothing that was heard tells them apart. */
  readonly alike: readonly Alike[];
}

export interface Alike {
  readonly protocol: string;
  readonly options: OptionBag;
  /** What the other makes of the same frame: where this differs, only the device's display decides. */
  readonly sample: Reading;
}

export interface Identified extends Candidate {
  /** null for a USB HID device. */
  readonly settings: SerialSettings | null;
}

/** Options to try where the wire does not say. */
const VARIANTS: Readonly<Record<string, readonly OptionBag[]>> = {
  "yaohua-eq": [{ digits: "reversed" }, { digits: "forward" }],
  "rfid-em4100": [{ checksum: "xor" }, { checksum: "sum" }],
};

/** Dialects that take nearly anything for a frame: they can't be found by listening. */
export const NOT_IDENTIFIABLE = [
  "scanner-serial",
  "scanner-hidkbd",
  "card-uid-format",
  "aim-gs1",
  "gs1-ai",
  "ean",
  "onewire",
  "wiegand26",
  "ds2480b",
  "scanner-gm65",
  "probe-text",
];

const TRUST_OF_CHECK = { crc: 1, weak: 0.95, none: 0.85 } as const;
/** A line dialect forgives noise in front of its head; where a stricter one explains as much, it is likelier. */
const LINE_DISCOUNT = 0.98;
/** So many good frames are enough; fewer make it less sure. */
const READINGS_SURE = 5;
const CONFIDENCE_MIN = 0.05;
/** Not more apart than this, two dialects fit equally well. */
const ALIKE_MARGIN = 0.05;
/** KFN scales borrowed the line of the ST/GS family, which is far more common here. */
const LATER_WHEN_EQUAL = ["kern"];
/** One reading tells of many lines, and its own bytes are only the last of them. */
const READ_AS_BLOCKS = ["block-print"];
/** CR and LF, which are no part of a line's frame. */
const TERMINATOR_BYTES = 2;

/** @returns the HID dialects that fit their own reports among `reports`, best first. */
export function rankReports(reports: readonly Uint8Array[]): readonly Candidate[] {
  return DIALECTS.flatMap((dialect) => {
    const own = reports.filter((report) => dialect.hidReportIds?.includes(report[0] ?? -1) === true);
    return rankDialects(Uint8Array.from(Buffer.concat(own)), [dialect]);
  }).sort((left, right) => right.confidence - left.confidence);
}

/** @returns those of `dialects` that fit, best first. */
export function rankDialects(
  bytes: Uint8Array,
  dialects: readonly Dialect[] = DIALECTS,
): readonly Candidate[] {
  if (bytes.length === 0) return [];
  const found = dialects
    .filter(({ key }) => !NOT_IDENTIFIABLE.includes(key))
    .flatMap((dialect) =>
      (VARIANTS[dialect.key] ?? [{}]).map((options) => candidate(dialect, options, bytes)),
    )
    .filter((fit) => fit !== null)
    .filter(({ confidence }) => confidence >= CONFIDENCE_MIN)
    .sort(byConfidence);
  return found.map((one) => ({ ...one, alike: alikeTo(one, found) }));
}

type Fit = Omit<Candidate, "alike">;

function byConfidence(left: Fit, right: Fit): number {
  const isLater = ({ protocol }: Fit): number => Number(LATER_WHEN_EQUAL.includes(protocol));
  return (
    right.confidence - left.confidence ||
    isLater(left) - isLater(right) ||
    left.protocol.localeCompare(right.protocol)
  );
}

function alikeTo(one: Fit, found: readonly Fit[]): readonly Alike[] {
  return found
    .filter((other) => other !== one && other.confidence >= one.confidence - ALIKE_MARGIN)
    .map(({ protocol, options, sample }) => ({ protocol, options, sample }));
}

function candidate(dialect: Dialect, options: OptionBag, bytes: Uint8Array): Fit | null {
  const session = new DecodingSession(dialect.open(options));
  const frames = [...session.push(bytes), ...session.end()];
  const good = frames.filter(({ reading }) => isMeasurement(reading));
  const [first] = good;
  if (first === undefined) return null;
  const invalid = frames.filter(({ reading }) => reading.type === "invalid").length;
  const isLine = dialect.open(options).framing.kind === "line";
  const terminators = isLine ? TERMINATOR_BYTES : 0;
  const covered = READ_AS_BLOCKS.includes(dialect.key)
    ? bytes.length
    : good.reduce((sum, { raw }) => sum + raw.length + terminators, 0);
  const share = Math.min(1, covered / bytes.length) * (good.length / (good.length + invalid));
  const enough = Math.min(1, 0.5 + good.length / (2 * READINGS_SURE));
  const confidence = share * enough * TRUST_OF_CHECK[dialect.trust.check] * (isLine ? LINE_DISCOUNT : 1);
  return {
    protocol: dialect.key,
    title: dialect.title,
    device: dialect.device,
    options,
    confidence: Math.round(confidence * 1000) / 1000,
    readings: good.length,
    invalid,
    sample: first.reading,
    caution: cautionOf(dialect),
  };
}

const MEASUREMENTS = [
  "weight",
  "count",
  "percent",
  "status",
  "temperature",
  "probe",
  "card",
  "scan",
  "modbus",
];
const isMeasurement = (reading: Reading): boolean => MEASUREMENTS.includes(reading.type);

function cautionOf({ trust }: Dialect): string | null {
  const evidence =
    trust.evidence === "documentation" ? "per documentation, no frame of a real device seen" : null;
  const parts = [trust.caution ?? null, evidence].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join("; ");
}
