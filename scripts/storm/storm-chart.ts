/** One quantity per second, as bars of text: `height` rows, a column for each second. */
export function barsOf(title: string, values: readonly number[], height = 8): string {
  const top = Math.max(1, ...values);
  const rows = Array.from({ length: height }, (_, row) => {
    const above = (top * (height - row - 0.5)) / height;
    const label = row === 0 ? String(Math.round(top)) : row === height - 1 ? "0" : "";
    return `${label.padStart(7)} |${values.map((value) => (value >= above ? "#" : " ")).join("")}`;
  });
  const axis = `${" ".repeat(8)}+${values.map((_, second) => (second % 10 === 0 ? "|" : "-")).join("")}`;
  return [title, ...rows, axis, `${" ".repeat(9)}seconds, a mark each 10`].join("\n");
}

export interface Curve {
  readonly title: string;
  readonly values: readonly number[];
}

const [WIDTH, PANEL_HEIGHT, GAP, LEFT] = [720, 110, 46, 64];

/** The same as a picture: one panel below the other, with one axis of seconds. */
export function svgOf(
  heading: string,
  curves: readonly Curve[],
  marks: readonly { readonly second: number; readonly text: string }[],
): string {
  const seconds = Math.max(2, ...curves.map(({ values }) => values.length));
  const x = (second: number): number => LEFT + ((WIDTH - LEFT - 16) * second) / (seconds - 1);
  const panels = curves.map(({ title, values }, index) => {
    const top = Math.max(1, ...values);
    const floor = 40 + index * (PANEL_HEIGHT + GAP) + PANEL_HEIGHT;
    const y = (value: number): number => floor - (PANEL_HEIGHT * value) / top;
    const points = values.map((value, second) => `${x(second).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    const lines = marks.map(
      ({ second, text }) =>
        `<line x1="${x(second).toFixed(1)}" x2="${x(second).toFixed(1)}" y1="${floor - PANEL_HEIGHT}" y2="${floor}" stroke="#c33" stroke-dasharray="3 3"/>` +
        (index === 0 ? `<text x="${x(second).toFixed(1)}" y="34" fill="#c33">${text}</text>` : ""),
    );
    return [
      `<text x="${LEFT}" y="${floor - PANEL_HEIGHT - 8}">${title}</text>`,
      `<text x="${LEFT - 6}" y="${floor - PANEL_HEIGHT + 5}" text-anchor="end">${Math.round(top)}</text>`,
      `<text x="${LEFT - 6}" y="${floor}" text-anchor="end">0</text>`,
      `<path d="M${LEFT} ${floor - PANEL_HEIGHT}V${floor}H${WIDTH - 16}" fill="none" stroke="#888"/>`,
      ...lines,
      `<polyline points="${points}" fill="none" stroke="#06c" stroke-width="1.5"/>`,
    ].join("\n");
  });
  const height = 40 + curves.length * (PANEL_HEIGHT + GAP) + 10;
  const ticks = Array.from({ length: Math.floor((seconds - 1) / 10) + 1 }, (_, index) => {
    const second = index * 10;
    return `<text x="${x(second).toFixed(1)}" y="${height - 30}" text-anchor="middle">${second} s</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">
<title>${heading}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${LEFT}" y="16" font-size="14">${heading}</text>
${panels.join("\n")}
${ticks.join("\n")}
</svg>
`;
}
