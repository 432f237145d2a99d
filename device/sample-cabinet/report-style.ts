/** How the report looks on a screen and on A4. */
export const REPORT_STYLE = `
@page { size: A4 portrait; margin: 12mm 10mm }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 190mm; padding: 6mm 0; color: #111; background: #fff;
  font: 9.5pt/1.35 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", sans-serif }
h1 { font-size: 17pt; margin: 0 0 3mm }
h2 { font-size: 12.5pt; margin: 6mm 0 2mm; border-bottom: 0.4mm solid #1c5d8c; padding-bottom: 0.6mm; break-after: avoid }
h3 { font-size: 10.5pt; margin: 3mm 0 1mm; break-after: avoid }
small, i { font-style: normal; color: #555; font-weight: 400 }
small { font-size: 65% }
td small { font-size: 82% }
i { font-size: 82%; margin-left: 0.4em }
th i, td i { display: block; margin: 0 }
td i { line-height: 1.2 }
code { font: 88% ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
.facts { width: auto }
.facts th { text-align: left; font-weight: 400; padding: 0.4mm 5mm 0.4mm 0; white-space: nowrap; vertical-align: top }
.facts th i { display: inline }
.facts td { padding: 0.4mm 0 }
.grid { font-size: 8pt }
.grid th { text-align: left; background: #eef3f7; font-weight: 600 }
.grid th, .grid td { border: 0.2mm solid #b9c4cd; padding: 0.7mm 1mm; vertical-align: top }
.grid tr { break-inside: avoid }
thead { display: table-header-group }
.boxes { display: grid; grid-template-columns: repeat(8, 1fr); gap: 1.5mm; margin: 4mm 0 }
.boxes div { border: 0.2mm solid #b9c4cd; border-radius: 1mm; padding: 1.2mm; text-align: center; font-size: 8pt }
.boxes b { display: block; font-size: 15pt; line-height: 1.1 }
.boxes i { display: block; margin: 0 }
.note { color: #333; font-size: 8.5pt; margin: 1mm 0 }
figure { margin: 0 0 1.5mm; break-inside: avoid }
.curve { display: block; width: 100% }
.curve .frame { fill: #fff; stroke: #888; stroke-width: 0.6 }
.curve .grid { stroke: #e2e6ea; stroke-width: 0.6 }
.curve .level { font-size: 9px; fill: #444; text-anchor: end; dominant-baseline: middle }
.curve .time { font-size: 9px; fill: #444 }
.curve .band { fill: #9cc4e4; fill-opacity: 0.55; stroke: none }
.curve .mean { fill: none; stroke: #1c5d8c; stroke-width: 1.2 }
.curve .limit { stroke: #b3261e; stroke-width: 0.9; stroke-dasharray: 5 3 }
.curve .excursion { fill: #d93025; fill-opacity: 0.22 }
.curve .gap { fill: #bbb; fill-opacity: 0.35 }
@media print { body { padding: 0; max-width: none; print-color-adjust: exact; -webkit-print-color-adjust: exact } }
`;
