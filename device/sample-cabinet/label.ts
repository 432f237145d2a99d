import { renderSVG } from "uqr";
import type { JournalEntry } from "../journal/journal-port.ts";
import { escapeHtml } from "./html-text.ts";
import { LABEL_HASH_DIGITS, type LabelPlace, labelCode } from "./label-code.ts";
import { localMinute } from "./local-time.ts";
import { sampleStoredSchema } from "./sample-entries.ts";
import type { LabelView } from "./samples-port.ts";

export interface LabelSettings extends LabelPlace {
  readonly zone: string;
  readonly widthMm: number;
  readonly heightMm: number;
}

/**
 * The label of a stored sample. @param personName as it is printed; the code holds the person's id.
 * @returns null for an entry that is no stored sample.
 */
export function labelOf(
  entry: JournalEntry,
  personName: string,
  cabinetName: string,
  settings: LabelSettings,
): LabelView | null {
  const code = labelCode(entry, settings);
  if (code === null) return null;
  const { widthMm, heightMm } = settings;
  const qrSvg = renderSVG(code, { ecc: "M", border: 2, pixelSize: 4 });
  const html = labelPage(entry, { personName, cabinetName, qrSvg }, settings);
  return { code, qrSvg, html, widthMm, heightMm };
}

function labelPage(
  entry: JournalEntry,
  shown: { readonly personName: string; readonly cabinetName: string; readonly qrSvg: string },
  { zone, widthMm, heightMm }: LabelSettings,
): string {
  const { dish, meal, weight, slotId, keepUntilMs } = sampleStoredSchema.parse(entry.body);
  // The smaller side decides, so that a narrow label keeps a code that a phone can read.
  const qrMm = Math.round(Math.min(heightMm * 0.6, widthMm * 0.4));
  const row = (zh: string, en: string, value: string): string =>
    `<tr><th>${zh}<i>${en}</i></th><td>${escapeHtml(value)}</td></tr>`;
  return `<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><title>${escapeHtml(dish.dishName.zh)}</title>
<style>
@page { size: ${widthMm}mm ${heightMm}mm; margin: 0 }
html, body { margin: 0; background: #fff; color: #000 }
.label { box-sizing: border-box; width: ${widthMm}mm; height: ${heightMm}mm; padding: 1.5mm 2mm; overflow: hidden;
  display: grid; grid-template: auto 1fr auto / 1fr ${qrMm}mm; gap: 0.6mm 1.5mm;
  font: 2.5mm/1.25 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", sans-serif }
h1 { grid-column: 1 / 3; margin: 0; font-size: 4.4mm; line-height: 1.15; overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis }
h1 small { font-size: 2.4mm; font-weight: 400; margin-left: 1mm }
table { border-collapse: collapse; align-self: start; width: 100%; table-layout: fixed }
th { text-align: left; font-weight: 400; padding: 0; width: 8.2mm; vertical-align: top; white-space: nowrap }
th i { display: block; font-style: normal; font-size: 1.4mm; line-height: 1; color: #333 }
td { vertical-align: top }
td { padding: 0; font-weight: 600; overflow: hidden; white-space: nowrap; text-overflow: ellipsis }
svg { display: block; width: ${qrMm}mm; height: ${qrMm}mm; align-self: start }
footer { grid-column: 1 / 3; font: 1.9mm/1 ui-monospace, monospace; display: flex; justify-content: space-between }
</style></head>
<body><section class="label">
<h1>${escapeHtml(dish.dishName.zh)}<small>${escapeHtml(dish.dishName.en)}</small></h1>
<table>
${row("餐次", "meal", `${meal.date} ${meal.periodName.zh}`)}
${row("留样", "stored", localMinute(entry.atMs, zone))}
${row("保留至", "until", localMinute(keepUntilMs, zone))}
${row("重量", "net", `${weight.netG} g`)}
${row("留样人", "by", shown.personName)}
${row("位置", "slot", `${shown.cabinetName} ${slotId}`)}
</table>
${shown.qrSvg}
<footer><span>食品留样 / food sample</span><span>#${entry.seq} ${entry.hash.slice(0, LABEL_HASH_DIGITS)}</span></footer>
</section></body></html>
`;
}
