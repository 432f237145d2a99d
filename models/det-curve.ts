/** The detection error trade-off curve as a small SVG: FNIR over FPIR, both logarithmic. */

import { fnirAt, fpirTargets, type Scenario, similarityMinFor } from "./evaluation.ts";

const width = 640;
const height = 440;
const left = 70;
const right = 190;
const top = 20;
const bottom = 50;
const fpirRange = [0.001, 0.1] as const;
const fnirRange = [0.001, 1] as const;
const colours = ["#0b6e4f", "#4bb286", "#b3541e", "#e59a6f"];

/** @returns a whole SVG document; the dashed lines are the FPIR targets. */
export function detCurveSvg(title: string, scenarios: readonly Scenario[]): string {
  const curves = scenarios.map((scenario, i) => curveOf(scenario, colours[i % colours.length] ?? "black", i));
  const targets = fpirTargets.map(
    (target) =>
      `<line x1="${xOf(target)}" x2="${xOf(target)}" y1="${top}" y2="${height - bottom}" stroke="#999" stroke-dasharray="4"/>
<text x="${xOf(target) + 4}" y="${top + 14}" fill="#666">${Number((target * 100).toFixed(2))} %</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
<text x="${left}" y="14">${title.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>
${axes()}
${targets.join("\n")}
${curves.join("\n")}
</svg>
`;
}

function curveOf({ name, impostors, genuine }: Scenario, colour: string, row: number): string {
  const steps = Array.from(
    { length: 81 },
    (_, i) => fpirRange[0] * (fpirRange[1] / fpirRange[0]) ** (i / 80),
  );
  const points = steps.map(
    (fpir) => `${xOf(fpir)},${yOf(fnirAt(genuine, similarityMinFor(impostors, fpir)).value)}`,
  );
  const y = top + 14 + row * 18;
  const x = width - right + 12;
  return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.join(" ")}"/>
<line x1="${x}" x2="${x + 22}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="3"/><text x="${x + 28}" y="${y + 4}">${name}</text>`;
}

function axes(): string {
  const lines: string[] = [];
  for (const fpir of [0.001, 0.01, 0.1]) {
    lines.push(gridLine(xOf(fpir), top, xOf(fpir), height - bottom));
    lines.push(
      `<text x="${xOf(fpir)}" y="${height - bottom + 18}" text-anchor="middle">${fpir * 100} %</text>`,
    );
  }
  for (const fnir of [0.001, 0.01, 0.1, 1]) {
    lines.push(gridLine(left, yOf(fnir), width - right, yOf(fnir)));
    lines.push(
      `<text x="${left - 8}" y="${yOf(fnir) + 4}" text-anchor="end">${fnir === fnirRange[0] ? "≤ " : ""}${fnir * 100} %</text>`,
    );
  }
  lines.push(`<text x="${(left + width - right) / 2}" y="${height - 10}" text-anchor="middle">FPIR</text>`);
  lines.push(
    `<text x="16" y="${height / 2}" text-anchor="middle" transform="rotate(-90 16 ${height / 2})">FNIR</text>`,
  );
  return lines.join("\n");
}

function gridLine(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#ddd"/>`;
}

function xOf(fpir: number): number {
  return round(left + along(fpir, fpirRange) * (width - right - left));
}

function yOf(fnir: number): number {
  return round(height - bottom - along(fnir, fnirRange) * (height - bottom - top));
}

/** 0…1 along a logarithmic axis; values outside stay on its ends. */
function along(value: number, [min, max]: readonly [number, number]): number {
  const clamped = Math.min(Math.max(value, min), max);
  return Math.log(clamped / min) / Math.log(max / min);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
