import { ALARM_ACTION_TEXTS } from "./cabinet-port.ts";
import { escapeHtml } from "./html-text.ts";
import { hoursAndMinutes, localMinute } from "./local-time.ts";
import { careOf, degrees, scheduledDefrostsIn } from "./report-care.ts";
import { type CurveChart, curveSvg } from "./report-curve.ts";
import type { ReportData, ReportHeader } from "./report-data.ts";
import { closingHash, dataElements } from "./report-file.ts";
import {
  type AlarmStory,
  type EntryMark,
  type MissingStory,
  type ReportModel,
  reportModel,
  type SampleStory,
} from "./report-model.ts";
import { REPORT_STYLE } from "./report-style.ts";
import { EARLY_REASON_TEXTS, VOID_REASON_TEXTS } from "./sample-text.ts";

const MS_PER_DAY = 86_400_000;
/** Days of one drawing: short reports show each day, long ones a month. */
const CHART_DAYS = [
  { upToDays: 7, days: 1 },
  { upToDays: 62, days: 7 },
  { upToDays: Number.POSITIVE_INFINITY, days: 31 },
];
/** Alarms that say that the temperature itself was out of its limits. */
const EXCURSION_TYPES = new Set(["high", "low", "cumulative", "rising-fast"]);

/** The inspector's report as one page. The same data give the same bytes, so a checker can make it again and compare. */
export function renderReport(data: ReportData): string {
  const model = reportModel(data);
  const { header } = data;
  const words = new Words(header);
  const title = `留样柜检查报告 ${header.fromDate} – ${header.toDate}`;
  return `<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<style>${REPORT_STYLE}</style></head>
<body>
<h1>留样柜检查报告 <small>Sample cabinet: inspector's report</small></h1>
${headSection(data, words)}
${summarySection(model, header)}
${curveSection(model, header)}
${alarmSection(model.alarms, words)}
${sampleSection(model.samples, words)}
${missingSection(model.missing, words)}
${careSection(data, words)}
${staffSection(model, words)}
${proofSection(data)}
${dataElements(data)}
</body></html>
`;
}

/** Names and times as this report writes them. */
class Words {
  readonly #header: ReportHeader;

  constructor(header: ReportHeader) {
    this.#header = header;
  }

  person(operatorId: string | null): string {
    if (operatorId === null) return "–";
    const name = this.#header.names[operatorId];
    return name === undefined
      ? escapeHtml(operatorId)
      : `${escapeHtml(name)} <small>${escapeHtml(operatorId)}</small>`;
  }

  time(atMs: number | null): string {
    return atMs === null ? "–" : localMinute(atMs, this.#header.zone);
  }

  cabinet(cabinetId: string): string {
    const cabinet = this.#header.cabinets.find((each) => each.cabinetId === cabinetId);
    return escapeHtml(cabinet?.name.zh ?? cabinetId);
  }
}

function headSection({ header, entries }: ReportData, words: Words): string {
  const cabinets = header.cabinets.map(({ cabinetId }) => words.cabinet(cabinetId)).join("、");
  return facts([
    ["单位与终端", "site and terminal", `${escapeHtml(header.site)} / ${escapeHtml(header.device)}`],
    ["留样柜", "cabinets", header.cabinetId === null ? cabinets || "–" : words.cabinet(header.cabinetId)],
    ["日期", "dates", `${header.fromDate} – ${header.toDate}（${escapeHtml(header.zone)}）`],
    ["生成时间", "made at", words.time(header.madeAtMs)],
    ["记录", "entries", `${entries.length}，截至第 ${header.head.seq} 条 / up to entry ${header.head.seq}`],
  ]);
}

function facts(rows: readonly (readonly [string, string, string])[]): string {
  const lines = rows.map(([zh, en, value]) => `<tr><th>${zh}<i>${en}</i></th><td>${value}</td></tr>`);
  return `<table class="facts">${lines.join("")}</table>`;
}

function summarySection(model: ReportModel, header: ReportHeader): string {
  const { alarms, samples, missing } = model;
  const within = samples.filter(({ storedAtMs }) => storedAtMs >= header.fromMs && storedAtMs < header.toMs);
  const early = samples.filter(({ end }) => end?.kind === "disposed" && end.body.how === "early");
  const seized = samples.filter(({ end }) => end?.kind === "seized");
  const answered = alarms.filter(({ acknowledged }) => acknowledged !== null);
  const box = (zh: string, en: string, value: number | string): string =>
    `<div><b>${value}</b>${zh}<i>${en}</i></div>`;
  return `<section class="boxes">${[
    box("温度异常", "excursions", alarms.filter(isExcursion).length),
    box("报警", "alarms", alarms.length),
    box("已确认", "acknowledged", answered.length),
    box("留样", "samples stored", within.length),
    box("漏留样", "missed", missing.length),
    box("提前处理", "early disposals", early.length),
    box("被调取", "seized", seized.length),
    box("时钟调整", "clock steps", model.clockSteps.length),
  ].join("")}</section>`;
}

const isExcursion = ({ raised }: AlarmStory): boolean => EXCURSION_TYPES.has(raised.type);

function curveSection(model: ReportModel, header: ReportHeader): string {
  const drawn = [...model.curves].flatMap(([cabinetId, probes]) => {
    const cabinet = header.cabinets.find((each) => each.cabinetId === cabinetId);
    return [...probes].map(([probeId, spans]) => {
      const probe = cabinet?.probes.find((each) => each.probeId === probeId);
      const known = model.alarms.filter(
        (alarm) =>
          isExcursion(alarm) &&
          alarm.raised.cabinetId === cabinetId &&
          (alarm.raised.subject === null || alarm.raised.subject === probeId),
      );
      const excursions = known.map(({ raised, clearedAtMs }) => ({
        fromMs: raised.raisedAtMs,
        toMs: clearedAtMs ?? Math.min(header.madeAtMs, header.toMs),
      }));
      const limits = { lowMilliC: probe?.lowMilliC ?? null, highMilliC: probe?.highMilliC ?? null };
      const name = `${escapeHtml(cabinet?.name.zh ?? cabinetId)} · ${escapeHtml(probe?.name.zh ?? probeId)}`;
      const charts = chartSpans(header).map((span) => {
        const { fromMs, toMs } = span;
        const inside = spans.filter((each) => each.toMs > fromMs && each.fromMs < toMs);
        const chart: CurveChart = { ...span, zone: header.zone, spans: inside, excursions, ...limits };
        return `<figure>${curveSvg(chart)}</figure>`;
      });
      return `<h3>${name}</h3>${charts.join("")}`;
    });
  });
  const legend =
    "<p class=note>实线为五分钟平均值，浅色带为最低至最高，虚线为限值，红色为报警时段，灰色为无数据。" +
    "<i>Line: five-minute mean; band: least to most; dashed: limits; red: alarm; grey: no data.</i></p>";
  return section("温度曲线", "Temperature", drawn.length === 0 ? none() : `${legend}${drawn.join("")}`);
}

function chartSpans({ fromMs, toMs, madeAtMs }: ReportHeader): readonly { fromMs: number; toMs: number }[] {
  const endMs = Math.max(fromMs + 1, Math.min(toMs, madeAtMs));
  const rangeDays = (endMs - fromMs) / MS_PER_DAY;
  const { days } = CHART_DAYS.find(({ upToDays }) => rangeDays <= upToDays) ?? { days: 31 };
  const spans: { fromMs: number; toMs: number }[] = [];
  for (let start = fromMs; start < endMs; start += days * MS_PER_DAY)
    spans.push({ fromMs: start, toMs: Math.min(toMs, start + days * MS_PER_DAY) });
  return spans;
}

const LEVELS: Readonly<Record<string, string>> = {
  general: "一般<i>general</i>",
  major: "较大<i>major</i>",
  critical: "重大<i>critical</i>",
};

function alarmSection(alarms: readonly AlarmStory[], words: Words): string {
  const rows = alarms.map(({ raised, level, isEscalated, clearedAtMs, acknowledged, mark }) => [
    words.time(raised.raisedAtMs),
    words.cabinet(raised.cabinetId),
    `${escapeHtml(raised.text.zh)}<i>${escapeHtml(raised.text.en)}</i>`,
    `${LEVELS[level] ?? escapeHtml(level)}${isEscalated ? "↑" : ""}`,
    clearedAtMs === null
      ? "未恢复<i>still active</i>"
      : `${words.time(clearedAtMs)}<i>${hoursAndMinutes(clearedAtMs - raised.raisedAtMs)}</i>`,
    acknowledged === null
      ? "未确认<i>not acknowledged</i>"
      : `${words.person(acknowledged.operatorId)} ${words.time(acknowledged.acknowledgedAtMs)}`,
    acknowledged === null ? "–" : actionOf(acknowledged.action),
    entryMark(mark),
  ]);
  const heads = [
    ["发生", "raised"],
    ["柜", "cabinet"],
    ["内容", "what"],
    ["级别", "level"],
    ["恢复", "over"],
    ["确认人", "acknowledged by"],
    ["采取的措施", "action"],
    ["记录", "entry"],
  ] as const;
  return section("报警与处理", "Alarms and actions", grid(heads, rows));
}

function actionOf({ code, text }: NonNullable<AlarmStory["acknowledged"]>["action"]): string {
  const { zh, en } = ALARM_ACTION_TEXTS[code];
  return text === null ? `${zh}<i>${en}</i>` : `${code === "other" ? "" : `${zh}：`}${escapeHtml(text)}`;
}

function sampleSection(samples: readonly SampleStory[], words: Words): string {
  const rows = samples.map((sample) => {
    const { stored, storedAtMs, mark } = sample;
    const { meal, dish, weight, photo, photoMissing } = stored;
    return [
      `${meal.date} ${escapeHtml(meal.periodName.zh)}`,
      `${escapeHtml(dish.dishName.zh)}<i>${escapeHtml(dish.dishName.en)}</i>`,
      `${weight.netG} g`,
      `${words.time(storedAtMs)}${stored.isLate ? "<i>补留 late</i>" : ""}`,
      words.person(stored.storedBy.operatorId),
      `${words.cabinet(stored.cabinetId)} ${escapeHtml(stored.slotId)}`,
      doseText(sample),
      endText(sample, words),
      photo === null
        ? `无照片 ${escapeHtml(photoMissing ?? "")}`
        : `<code>${photo.photoSha256.slice(0, 8)}</code>`,
      entryMark(mark),
    ];
  });
  const heads = [
    ["餐次", "meal"],
    ["菜品", "dish"],
    ["净重", "net"],
    ["留样时间", "stored"],
    ["留样人", "by"],
    ["位置", "slot"],
    ["超限时间", "above the limit"],
    ["去向", "what became of it"],
    ["照片", "photo"],
    ["记录", "entry"],
  ] as const;
  return section("留样", "Samples", grid(heads, rows));
}

function doseText({ dose }: SampleStory): string {
  const max = dose.maxMilliC === null ? "" : `<i>最高 max ${dose.maxMilliC / 1000} °C</i>`;
  const unknown = dose.unknownMs < 60_000 ? "" : `<i>无数据 no data ${hoursAndMinutes(dose.unknownMs)}</i>`;
  return `${hoursAndMinutes(dose.aboveMs)}${max}${unknown}`;
}

function endText({ end, stored }: SampleStory, words: Words): string {
  if (end === null) return `在柜，保留至 ${words.time(stored.keepUntilMs)}<i>kept</i>`;
  const at = `${words.time(end.atMs)} ${entryMark(end.mark)}`;
  const note = end.body.note === "" ? "" : `（${escapeHtml(end.body.note)}）`;
  switch (end.kind) {
    case "disposed": {
      const { how, reason, disposedBy, secondBy, hours } = end.body;
      const kept = `留存 ${hoursAndMinutes(hours.wallMs)}，可证 ${hoursAndMinutes(hours.provenMs)}`;
      if (how === "after-hours")
        return `到期处理 ${words.person(disposedBy.operatorId)} ${at}<i>disposed after its hours; ${kept}</i>`;
      const why =
        reason === null ? "" : `${EARLY_REASON_TEXTS[reason].zh} / ${EARLY_REASON_TEXTS[reason].en}`;
      const both = `${words.person(disposedBy.operatorId)}、${words.person(secondBy?.operatorId ?? null)}`;
      return `<b>提前处理</b>：${why}${note} ${both} ${at}<i>disposed early; ${kept}</i>`;
    }
    case "voided":
      return `<b>作废</b>：${VOID_REASON_TEXTS[end.body.reason].zh}${note} ${words.person(end.body.struckBy.operatorId)}、${words.person(end.body.secondBy.operatorId)} ${at}<i>struck out</i>`;
    case "seized": {
      const { authority, officer, documentNumber, sealNumber, handedBy, witness, photo } = end.body;
      const picture = photo === null ? "" : ` 照片 <code>${photo.photoSha256.slice(0, 8)}</code>`;
      return `<b>执法机关调取</b>：${words.person(handedBy.operatorId)} → ${escapeHtml(authority)} ${escapeHtml(officer)}；文书 ${escapeHtml(documentNumber)}；封条 ${escapeHtml(sealNumber)}；见证 ${words.person(witness.operatorId)}${note}${picture} ${at}<i>seized by the authority</i>`;
    }
  }
}

function missingSection(missing: readonly MissingStory[], words: Words): string {
  const rows = missing.map(({ date, periodZh, periodEn, dishZh, dishEn, lateAtMs, alarm, mark }) => [
    `${date} ${escapeHtml(periodZh)}<i>${escapeHtml(periodEn)}</i>`,
    `${escapeHtml(dishZh)}<i>${escapeHtml(dishEn)}</i>`,
    lateAtMs === null ? "未补留<i>never</i>" : words.time(lateAtMs),
    alarm === null ? "–" : words.person(alarm.acknowledged?.operatorId ?? null),
    alarm?.acknowledged == null ? "–" : actionOf(alarm.acknowledged.action),
    entryMark(mark),
  ]);
  const heads = [
    ["餐次", "meal"],
    ["菜品", "dish"],
    ["补留时间", "sampled late"],
    ["确认人", "acknowledged by"],
    ["说明", "action"],
    ["记录", "entry"],
  ] as const;
  return section("漏留样", "Dishes without a sample", grid(heads, rows));
}

/** Whoever reads that there was no alarm must also read who had made it quiet. */
function careSection({ header, entries }: ReportData, words: Words): string {
  const rows = careOf(entries).map(({ atMs, what, cabinetId, subject, operatorId, detail, mark }) => [
    words.time(atMs),
    `${what.zh}<i>${what.en}</i>`,
    `${words.cabinet(cabinetId)} ${escapeHtml(subject ?? "")}`,
    words.person(operatorId),
    escapeHtml(detail),
    entryMark(mark),
  ]);
  const heads = [
    ["时间", "time"],
    ["操作", "what was done"],
    ["对象", "to what"],
    ["人员", "person"],
    ["时长、原因、数值", "how long, why, values"],
    ["记录", "entry"],
  ] as const;
  const count = scheduledDefrostsIn(entries);
  const defrosts = `<p>按计划除霜 ${count} 次。<i>${count} defrosts by schedule.</i></p>`;
  const body = grid(heads, rows) + defrosts + prunedCalibrations(header, words);
  return section("静默、停用与校准", "Made quiet, out of service, calibrated", body);
}

/** What no entry of this file says: named as such, and not left out as if nothing had been calibrated. */
function prunedCalibrations({ prunedToSeq, carriedCalibrations = [] }: ReportHeader, words: Words): string {
  if (prunedToSeq === undefined) return "";
  const note = `<p>第 ${prunedToSeq} 条及以前的流水已按保存期清理；其中的校准不再有流水为证。<i>Entries up to ${prunedToSeq} were pruned after their retention; no entry here proves calibrations from before.</i></p>`;
  const lines = carriedCalibrations.map(
    ({ probeId, offsetMilliC, atMs, operatorId }) =>
      `<p>${escapeHtml(probeId)}：${words.time(atMs)} 校准为 ${degrees(offsetMilliC)}，${words.person(operatorId)}（取自结转数据）<i>calibrated to ${degrees(offsetMilliC)}, from carried data</i></p>`,
  );
  return note + lines.join("");
}

function staffSection(model: ReportModel, words: Words): string {
  const rows = model.acknowledgements.map(({ operatorId, count, hastyCount, medianWaitMs }) => [
    words.person(operatorId),
    String(count),
    String(hastyCount),
    hoursAndMinutes(medianWaitMs),
  ]);
  const heads = [
    ["人员", "person"],
    ["确认次数", "acknowledged"],
    ["五秒内", "within 5 s"],
    ["等待中位数", "median wait"],
  ] as const;
  const steps = model.clockSteps.map(({ atMs, byMs, mark }) => {
    const by = `${byMs > 0 ? "+" : "−"}${hoursAndMinutes(Math.abs(byMs))}`;
    return `<li>${words.time(atMs)}：${by} ${entryMark(mark)}</li>`;
  });
  const clock =
    `<p>终端启动 ${model.startCount} 次；时间未核实的记录 ${model.untrustedCount} 条。` +
    `<i>${model.startCount} starts; ${model.untrustedCount} entries with a clock that was not confirmed.</i></p>` +
    (steps.length === 0 ? "" : `<ul>${steps.join("")}</ul>`);
  return section("报警确认情况与时钟", "Acknowledgements and clock", grid(heads, rows) + clock);
}

function proofSection(data: ReportData): string {
  const { header } = data;
  const rows: [string, string, string][] = [
    ["封存码", "closing hash", `<code>${closingHash(data)}</code>`],
    ["记录链末", "journal head", `<code>#${header.head.seq} ${header.head.hash}</code>`],
    ["软件", "program", `canteen-edge ${escapeHtml(header.appVersion)}`],
  ];
  return section(
    "如何核验",
    "How to verify",
    `${facts(rows)}
<p><code>canteen-edge cabinet report --verify FILE</code></p>
<p>本文件自身可证明：每条记录与其哈希相符，相邻记录首尾相接；由本机密钥签名的时段内，记录与签名时一致；页面所示即记录内容。
本文件自身不能证明：是否有记录被略去；最后一次签名之后的记录是否被整体重算。请在收到时另行记下封存码，或与终端、云端的记录比对。
人员姓名取自终端的人员表，不在记录链中。</p>
<p><i>By itself this file proves that each entry has the content its hash was made from and neighbours are linked; that
entries under a signature of the terminal's key are as they were signed; and that the page shows what the entries say.
By itself it cannot prove that no entry was left out, nor that entries after the last signature were not all computed
anew: note the closing hash when you receive it, or compare with the terminal's or the cloud's journal. Names of
staff come from the terminal's list, not from the chain.</i></p>`,
  );
}

function entryMark({ seq, hash }: EntryMark): string {
  return `<code>#${seq} ${hash.slice(0, 8)}</code>`;
}

function section(zh: string, en: string, content: string): string {
  return `<section><h2>${zh} <small>${en}</small></h2>${content}</section>`;
}

const none = (): string => "<p class=note>无<i>none</i></p>";

function grid(heads: readonly (readonly [string, string])[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return none();
  const head = heads.map(([zh, en]) => `<th>${zh}<i>${en}</i></th>`).join("");
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("\n");
  return `<table class="grid"><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}
