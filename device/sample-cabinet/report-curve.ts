import { localMinute } from "./local-time.ts";
import type { CurveSpan } from "./report-model.ts";

/** One probe's temperature as a drawing: no script, no file beside it, sharp on paper. */
export interface CurveChart {
  readonly fromMs: number;
  readonly toMs: number;
  readonly zone: string;
  readonly lowMilliC: number | null;
  readonly highMilliC: number | null;
  readonly spans: readonly CurveSpan[];
  /** Alarms about temperature, as stretches of time. */
  readonly excursions: readonly { readonly fromMs: number; readonly toMs: number }[];
}

const WIDTH = 720;
const HEIGHT = 170;
const LEFT = 40;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;
/** Summaries a little apart are neighbours; more is a gap, and is drawn as one. */
const GAP_SHARE = 0.5;
/** Finer than paper shows. */
const COLUMNS_MAX = 640;

export function curveSvg(chart: CurveChart): string {
  const spans = merged(chart);
  const scale = scaleOf(chart, spans);
  const runs = unbroken(spans);
  const bands = runs.map((run) => bandPath(run, scale)).join("");
  const lines = runs.map((run) => linePath(run, scale)).join("");
  return [
    `<svg class="curve" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="温度曲线 / temperature">`,
    `<rect x="${LEFT}" y="${TOP}" width="${WIDTH - LEFT - RIGHT}" height="${HEIGHT - TOP - BOTTOM}" class="frame"/>`,
    ...gapRects(chart, spans, scale),
    ...chart.excursions.map((excursion) => excursionRect(excursion, chart, scale)),
    ...gridLines(chart, scale),
    ...[chart.lowMilliC, chart.highMilliC].map((limit) => limitLine(limit, scale)),
    `<path d="${bands}" class="band"/>`,
    `<path d="${lines}" class="mean"/>`,
    "</svg>",
  ].join("");
}

interface Scale {
  readonly x: (atMs: number) => string;
  readonly y: (milliC: number) => string;
  readonly minMilliC: number;
  readonly maxMilliC: number;
}

interface Drawn {
  readonly fromMs: number;
  readonly toMs: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

function scaleOf({ fromMs, toMs, lowMilliC, highMilliC }: CurveChart, spans: readonly Drawn[]): Scale {
  const limits = [lowMilliC ?? 0, highMilliC ?? 8000];
  const lows = spans.map(({ min }) => min);
  const highs = spans.map(({ max }) => max);
  const minMilliC = Math.floor((reduceMin([...limits, ...lows]) - 1000) / 2000) * 2000;
  const maxMilliC = Math.ceil((reduceMax([...limits, ...highs]) + 1000) / 2000) * 2000;
  const tenths = (value: number): string => String(Math.round(value * 10) / 10);
  const timeMs = Math.max(1, toMs - fromMs);
  return {
    x: (atMs) => tenths(LEFT + ((atMs - fromMs) / timeMs) * (WIDTH - LEFT - RIGHT)),
    y: (milliC) => tenths(TOP + ((maxMilliC - milliC) / (maxMilliC - minMilliC)) * (HEIGHT - TOP - BOTTOM)),
    minMilliC,
    maxMilliC,
  };
}

const reduceMin = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
const reduceMax = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));

/** Summaries with a value, drawn together where there are more of them than columns. A gap is never drawn over. */
function merged({ fromMs, toMs, spans }: CurveChart): readonly Drawn[] {
  const columnMs = (toMs - fromMs) / COLUMNS_MAX;
  const drawn: Drawn[] = [];
  for (const span of spans) {
    const { minMilliC: min, meanMilliC: mean, maxMilliC: max } = span;
    if (min === null || mean === null || max === null || span.toMs <= fromMs || span.fromMs >= toMs) continue;
    const next = { fromMs: Math.max(fromMs, span.fromMs), toMs: Math.min(toMs, span.toMs), min, mean, max };
    const last = drawn.at(-1);
    const joins =
      last !== undefined &&
      next.toMs - last.fromMs <= columnMs &&
      next.fromMs - last.toMs <= columnMs * GAP_SHARE;
    if (joins) drawn[drawn.length - 1] = together(last, next);
    else drawn.push(next);
  }
  return drawn;
}

function together(a: Drawn, b: Drawn): Drawn {
  const [aMs, bMs] = [a.toMs - a.fromMs, b.toMs - b.fromMs];
  return {
    fromMs: a.fromMs,
    toMs: b.toMs,
    min: Math.min(a.min, b.min),
    mean: (a.mean * aMs + b.mean * bMs) / Math.max(1, aMs + bMs),
    max: Math.max(a.max, b.max),
  };
}

function unbroken(spans: readonly Drawn[]): readonly (readonly Drawn[])[] {
  const runs: Drawn[][] = [];
  for (const span of spans) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run !== undefined && last !== undefined && span.fromMs - last.toMs <= gapMsMin(last)) run.push(span);
    else runs.push([span]);
  }
  return runs;
}

const gapMsMin = ({ fromMs, toMs }: Drawn): number => (toMs - fromMs) * GAP_SHARE;
const middle = ({ fromMs, toMs }: Drawn): number => (fromMs + toMs) / 2;

function linePath(run: readonly Drawn[], { x, y }: Scale): string {
  const [first] = run;
  if (first === undefined) return "";
  // A run of one is a dash as long as its time.
  if (run.length === 1) return `M${x(first.fromMs)} ${y(first.mean)}H${x(first.toMs)}`;
  return `M${run.map((span) => `${x(middle(span))} ${y(span.mean)}`).join("L")}`;
}

function bandPath(run: readonly Drawn[], { x, y }: Scale): string {
  const above = run.flatMap((span) => [`${x(span.fromMs)} ${y(span.max)}`, `${x(span.toMs)} ${y(span.max)}`]);
  const below = run
    .toReversed()
    .flatMap((span) => [`${x(span.toMs)} ${y(span.min)}`, `${x(span.fromMs)} ${y(span.min)}`]);
  return `M${[...above, ...below].join("L")}Z`;
}

function gapRects({ fromMs, toMs }: CurveChart, spans: readonly Drawn[], { x }: Scale): string[] {
  const edges = [{ fromMs, toMs: fromMs }, ...spans, { fromMs: toMs, toMs }];
  return edges.slice(1).flatMap((next, index) => {
    const before = edges[index];
    if (before === undefined) return [];
    const tolerated = Math.max(before.toMs - before.fromMs, next.toMs - next.fromMs) * GAP_SHARE;
    if (next.fromMs - before.toMs <= tolerated) return [];
    const from = x(before.toMs);
    const width = Number(x(next.fromMs)) - Number(from);
    return width < 0.5 ? [] : [rect("gap", from, width)];
  });
}

function excursionRect(
  excursion: { readonly fromMs: number; readonly toMs: number },
  { fromMs, toMs }: CurveChart,
  { x }: Scale,
): string {
  const from = Math.max(fromMs, excursion.fromMs);
  const to = Math.min(toMs, excursion.toMs);
  return to <= from ? "" : rect("excursion", x(from), Math.max(1, Number(x(to)) - Number(x(from))));
}

function rect(className: string, from: string, width: number): string {
  const height = HEIGHT - TOP - BOTTOM;
  return `<rect x="${from}" y="${TOP}" width="${Math.round(width * 10) / 10}" height="${height}" class="${className}"/>`;
}

function limitLine(limit: number | null, { y }: Scale): string {
  return limit === null
    ? ""
    : `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(limit)}" y2="${y(limit)}" class="limit"/>`;
}

const MARKS = 6;

function gridLines({ fromMs, toMs, zone }: CurveChart, { x, y, minMilliC, maxMilliC }: Scale): string[] {
  const stepMilliC = maxMilliC - minMilliC > 16_000 ? 6000 : 2000;
  const levels: string[] = [];
  for (let milliC = minMilliC; milliC <= maxMilliC; milliC += stepMilliC)
    levels.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(milliC)}" y2="${y(milliC)}" class="grid"/>`,
      `<text x="${LEFT - 4}" y="${y(milliC)}" class="level">${milliC / 1000}°</text>`,
    );
  const times = Array.from({ length: MARKS + 1 }, (_, index) => {
    const atMs = fromMs + ((toMs - fromMs) * index) / MARKS;
    const anchor = index === 0 ? "start" : index === MARKS ? "end" : "middle";
    const label = localMinute(atMs, zone).slice(5);
    return `<text x="${x(atMs)}" y="${HEIGHT - 8}" class="time" text-anchor="${anchor}">${label}</text>`;
  });
  return [...levels, ...times];
}
