import { prepared } from "../journal/prepared.ts";
import { type EpochMs, epochMs, milliC } from "../platform/units.ts";
import type { CurvePoint, TemperatureCurve, ThermalDose } from "./cabinet-port.ts";
import { type LogRun, MINUTE_MS, type TemperatureLog } from "./temperature-log.ts";

const POINT_COUNT_MAX = 720;
/** More than a screen has columns. */
const POINT_COUNT_LIMIT = 5000;

interface Bucket {
  minMilliC: number | null;
  maxMilliC: number | null;
  sumMilliC: number;
  valueCount: number;
  faultCount: number;
}

interface BucketRow {
  readonly probe_no: number;
  readonly bucket: number;
  readonly min_milli_c: number | null;
  readonly max_milli_c: number | null;
  readonly sum_milli_c: number;
  readonly value_count: number;
  readonly fault_count: number;
}

/** The minutes of a span of wall time, put together to at most so many points; a point without a value is a gap. */
export function temperatureCurve(
  log: TemperatureLog,
  probeIds: readonly string[],
  { fromMs, toMs, pointCountMax = POINT_COUNT_MAX }: CurveSpan,
): TemperatureCurve {
  log.flush();
  const pointCount = Math.max(1, Math.min(pointCountMax, POINT_COUNT_LIMIT));
  const stepMs = Math.max(1, Math.ceil((toMs - fromMs) / pointCount / MINUTE_MS)) * MINUTE_MS;
  const firstMs = Math.floor(fromMs / stepMs) * stepMs;
  const byNo = log.probesByNo(probeIds);
  const read = prepared<(number | string)[], BucketRow>(
    log.db,
    // Numbers are bound as floats: without the cast each minute is a bucket of its own.
    `SELECT probe_no, CAST((log_ms + ?) / ? AS INTEGER) AS bucket, min(min_milli_c) AS min_milli_c,
            max(max_milli_c) AS max_milli_c, sum(sum_milli_c) AS sum_milli_c, sum(value_count) AS value_count,
            sum(fault_count) AS fault_count
       FROM minute WHERE log_ms >= ? AND log_ms < ? AND probe_no IN (SELECT value FROM json_each(?))
       GROUP BY probe_no, bucket`,
  );
  const bucketsOf = new Map(probeIds.map((probeId) => [probeId, new Map<number, Bucket>()]));
  for (const run of byNo.size === 0 ? [] : log.runsWithin(firstMs, toMs)) {
    const { fromLogMs, toLogMs, logToWallMs } = spanWithin(run, firstMs, toMs);
    for (const row of read.all(logToWallMs, stepMs, fromLogMs, toLogMs, numbersOf(byNo))) {
      const buckets = bucketsOf.get(byNo.get(row.probe_no) ?? "");
      if (buckets !== undefined) addRow(buckets, row);
    }
  }
  return {
    stepMs,
    probes: [...bucketsOf].map(([probeId, buckets]) => ({
      probeId,
      points: pointsOf(buckets, firstMs, toMs, stepMs),
    })),
  };
}

const numbersOf = (byNo: ReadonlyMap<number, string>): string => JSON.stringify([...byNo.keys()]);

export interface CurveSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly pointCountMax?: number;
}

/** A clock that was set back gives the same wall time twice: both count. */
function addRow(buckets: Map<number, Bucket>, row: BucketRow): void {
  const had = buckets.get(row.bucket);
  const lesser = (
    a: number | null,
    b: number | null,
    pick: (...values: number[]) => number,
  ): number | null => (a === null ? b : b === null ? a : pick(a, b));
  buckets.set(row.bucket, {
    minMilliC: lesser(had?.minMilliC ?? null, row.min_milli_c, Math.min),
    maxMilliC: lesser(had?.maxMilliC ?? null, row.max_milli_c, Math.max),
    sumMilliC: (had?.sumMilliC ?? 0) + row.sum_milli_c,
    valueCount: (had?.valueCount ?? 0) + row.value_count,
    faultCount: (had?.faultCount ?? 0) + row.fault_count,
  });
}

function pointsOf(
  buckets: ReadonlyMap<number, Bucket>,
  firstMs: number,
  toMs: number,
  stepMs: number,
): readonly CurvePoint[] {
  const points: CurvePoint[] = [];
  for (let atMs = firstMs; atMs < toMs; atMs += stepMs) {
    const bucket = buckets.get(Math.floor(atMs / stepMs));
    points.push(pointOf(epochMs(atMs), bucket));
  }
  return points;
}

function pointOf(atMs: EpochMs, bucket: Bucket | undefined): CurvePoint {
  const { minMilliC = null, maxMilliC = null, sumMilliC = 0, valueCount = 0, faultCount = 0 } = bucket ?? {};
  return {
    atMs,
    minMilliC: minMilliC === null ? null : milliC(minMilliC),
    meanMilliC: valueCount === 0 ? null : milliC(Math.round(sumMilliC / valueCount)),
    maxMilliC: maxMilliC === null ? null : milliC(maxMilliC),
    faultCount,
    readingCount: valueCount + faultCount,
  };
}

interface DoseRow {
  readonly probe_no: number;
  readonly known_ms: number | null;
  readonly above_ms: number | null;
  readonly above_milli_c_s: number | null;
  readonly max_milli_c: number | null;
}

/** Adds up the minutes of the span; the minutes at its ends count by their share. */
export function thermalDose(
  log: TemperatureLog,
  probeIds: readonly string[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): ThermalDose {
  log.flush();
  const spanMs = Math.max(0, toMs - fromMs);
  const byNo = log.probesByNo(probeIds);
  const share = `(min(log_ms + ${MINUTE_MS}, @to) - max(log_ms, @from)) / ${MINUTE_MS}.0`;
  const read = prepared<[{ probeNos: string; first: number; from: number; to: number }], DoseRow>(
    log.db,
    `SELECT probe_no, sum(known_ms * ${share}) AS known_ms, sum(above_ms * ${share}) AS above_ms,
            sum(above_milli_c_s * ${share}) AS above_milli_c_s, max(max_milli_c) AS max_milli_c
       FROM minute WHERE log_ms >= @first AND log_ms < @to
         AND probe_no IN (SELECT value FROM json_each(@probeNos)) GROUP BY probe_no`,
  );
  const rows = (byNo.size === 0 ? [] : log.runsWithin(fromMs, toMs)).flatMap((run) => {
    const { fromLogMs, toLogMs } = spanWithin(run, fromMs, toMs);
    // The minute in which the span begins belongs to it in part; another run's does not.
    const first = Math.max(run.logStartMs, fromLogMs - MINUTE_MS + 1);
    return read.all({ probeNos: numbersOf(byNo), first, from: fromLogMs, to: toLogMs });
  });
  const doses = [...Map.groupBy(rows, ({ probe_no }) => probe_no).values()].map((theirs) => {
    const sum = (of: (row: DoseRow) => number | null): number =>
      theirs.reduce((all, row) => all + (of(row) ?? 0), 0);
    return {
      knownMs: sum((row) => row.known_ms),
      aboveMs: sum((row) => row.above_ms),
      aboveMilliCS: sum((row) => row.above_milli_c_s),
      maxMilliC: theirs.reduce<number | null>(
        (max, row) => (row.max_milli_c === null ? max : Math.max(max ?? row.max_milli_c, row.max_milli_c)),
        null,
      ),
    };
  });
  const most = (of: (dose: (typeof doses)[number]) => number): number => Math.max(0, ...doses.map(of));
  const maxima = doses.flatMap(({ maxMilliC }) => (maxMilliC === null ? [] : [maxMilliC]));
  return {
    spanMs,
    aboveMs: Math.round(most(({ aboveMs }) => aboveMs)),
    aboveMilliCMinutes: Math.round(most(({ aboveMilliCS }) => aboveMilliCS) / 60),
    maxMilliC: maxima.length === 0 ? null : milliC(Math.max(...maxima)),
    unknownMs: Math.max(0, Math.round(spanMs - most(({ knownMs }) => knownMs))),
  };
}

/** The part of a run within a span of wall time, on the log's axis. */
function spanWithin(
  { logStartMs, logEndMs, wallStartMs }: LogRun,
  fromMs: number,
  toMs: number,
): { readonly fromLogMs: number; readonly toLogMs: number; readonly logToWallMs: number } {
  const logToWallMs = wallStartMs - logStartMs;
  return {
    fromLogMs: Math.max(logStartMs, fromMs - logToWallMs),
    toLogMs: Math.min(logEndMs, toMs - logToWallMs),
    logToWallMs,
  };
}
