import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { type ECharts, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import type { CurvePoint, TemperatureCurve } from "../../../../sample-cabinet/cabinet-port.ts";

use([LineChart, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);

/** What the chart needs beside the curve; a chunk of its own, because the chart library is larger than the page. */
export interface CurveWords {
  readonly zone: string;
  readonly mean: string;
  readonly band: string;
  readonly high: string;
  readonly low: string;
}

export interface DrawnProbe {
  readonly probeId: string;
  readonly name: string;
  readonly lowMilliC: number;
  readonly highMilliC: number;
}

/** Probes differ in lightness and dash, not by hue alone. */
const INKS = ["#0b5650", "#8a4b00", "#1d3a6e", "#5b2a6b"] as const;
const DASHES = ["solid", "dashed", "dotted", "solid"] as const;
const LIMIT_INK = "#7d1a20";

/** Draws into `element`; calling it again replaces what was there. */
export function drawCurve(
  element: HTMLElement,
  curve: TemperatureCurve,
  probes: readonly DrawnProbe[],
  words: CurveWords,
  span: { readonly fromMs: number; readonly toMs: number },
): ECharts {
  const chart = init(element, null, { renderer: "canvas" });
  const font = Math.max(14, Math.round(window.innerHeight * 0.021));
  chart.setOption({
    animation: false,
    grid: { left: font * 3.2, right: font * 6.5, top: font * 2.6, bottom: font * 2.2 },
    // Names only: the limits' lines say themselves what they are.
    legend: { top: 0, textStyle: { fontSize: font }, data: probes.map(({ name }) => name) },
    // The page's policy allows no inline styles, so the tooltip is drawn, not HTML.
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      textStyle: { fontSize: font },
      formatter: (shown: unknown) => tooltipText(shown, curve, probes, words),
    },
    xAxis: {
      type: "time",
      axisLine: { onZero: false },
      axisTick: { show: true },
      min: span.fromMs,
      max: span.toMs,
      axisLabel: {
        fontSize: font,
        hideOverlap: true,
        formatter: (atMs: number) => timeText(atMs, words.zone, span),
      },
    },
    yAxis: {
      type: "value",
      scale: true,
      axisLabel: { fontSize: font, formatter: "{value}°" },
      min: ({ min }: { min: number }) =>
        Math.floor(Math.min(min, ...probes.map((each) => each.lowMilliC / 1000)) - 1),
      max: ({ max }: { max: number }) =>
        Math.ceil(Math.max(max, ...probes.map((each) => each.highMilliC / 1000)) + 1),
    },
    series: probes.flatMap((probe, index) => seriesOf(probe, index, pointsOf(curve, probe), words, font)),
  });
  return chart;
}

const pointsOf = (curve: TemperatureCurve, { probeId }: DrawnProbe): readonly CurvePoint[] =>
  curve.probes.find((each) => each.probeId === probeId)?.points ?? [];

function seriesOf(
  probe: DrawnProbe,
  index: number,
  points: readonly CurvePoint[],
  words: CurveWords,
  font: number,
): object[] {
  const ink = INKS[index % INKS.length] ?? INKS[0];
  const stack = `band ${probe.probeId}`;
  const bare = {
    type: "line",
    symbol: "none",
    silent: true,
    connectNulls: false,
    stack,
    stackStrategy: "all",
  };
  return [
    // The band from min to max: an unseen line at min, and the difference stacked on it.
    { ...bare, data: points.map((each) => at(each, each.minMilliC)), lineStyle: { opacity: 0 } },
    {
      ...bare,
      data: points.map((each) =>
        at(each, each.maxMilliC === null || each.minMilliC === null ? null : each.maxMilliC - each.minMilliC),
      ),
      lineStyle: { opacity: 0 },
      areaStyle: { color: ink, opacity: 0.22 },
    },
    {
      type: "line",
      name: probe.name,
      // Where nothing was read nothing is drawn; a lone reading between two gaps is a dot.
      connectNulls: false,
      symbol: "circle",
      symbolSize: 3,
      showSymbol: false,
      showAllSymbol: false,
      data: points.map((each) => at(each, each.meanMilliC)),
      lineStyle: { color: ink, width: 3, type: DASHES[index % DASHES.length] },
      itemStyle: { color: ink },
      markLine: {
        symbol: "none",
        silent: true,
        data: index > 0 ? [] : limitLines(probe, words),
        lineStyle: { color: LIMIT_INK, width: 2, type: "dashed" },
        label: { fontSize: font, color: LIMIT_INK, position: "end", formatter: "{b}" },
      },
    },
  ];
}

const limitLines = ({ highMilliC, lowMilliC }: DrawnProbe, { high, low }: CurveWords): object[] => [
  { name: `${high} ${highMilliC / 1000}°`, yAxis: highMilliC / 1000 },
  { name: `${low} ${lowMilliC / 1000}°`, yAxis: lowMilliC / 1000 },
];

const at = ({ atMs }: CurvePoint, milliC: number | null): [number, number | null] => [
  atMs,
  milliC === null ? null : milliC / 1000,
];

function timeText(atMs: number, zone: string, { fromMs, toMs }: { fromMs: number; toMs: number }): string {
  const isDays = toMs - fromMs > 2 * 86_400_000;
  return new Intl.DateTimeFormat("zh-CN", {
    timeZone: zone,
    hour12: false,
    ...(isDays ? { month: "numeric", day: "numeric" } : { hour: "2-digit", minute: "2-digit" }),
  }).format(atMs);
}

function tooltipText(
  shown: unknown,
  curve: TemperatureCurve,
  probes: readonly DrawnProbe[],
  words: CurveWords,
): string {
  const [first] = Array.isArray(shown) ? (shown as { readonly axisValue?: unknown }[]) : [];
  const atMs = typeof first?.axisValue === "number" ? first.axisValue : null;
  if (atMs === null) return "";
  const day = new Intl.DateTimeFormat("zh-CN", {
    timeZone: words.zone,
    hour12: false,
    month: "numeric",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }).format(atMs);
  const lines = probes.map((probe) => {
    const point = pointsOf(curve, probe).find((each) => each.atMs === atMs);
    const degrees = (milliC: number | null | undefined): string =>
      milliC === null || milliC === undefined ? "—" : (Math.round(milliC / 100) / 10).toString();
    const { minMilliC, meanMilliC, maxMilliC } = point ?? {};
    return `${probe.name}  ${words.mean} ${degrees(meanMilliC)} °C  (${words.band} ${degrees(minMilliC)}–${degrees(maxMilliC)})`;
  });
  return [day, ...lines].join("\n");
}
