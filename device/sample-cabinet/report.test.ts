import fc from "fast-check";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { canonicalEntry, hashOfEntry } from "../journal/entry-hash.ts";
import type { JournalEntry, JsonObject } from "../journal/journal-port.ts";
import { openSnapshot } from "../journal/verify.ts";
import { idSource, seededEntropy } from "../platform/entropy.ts";
import { makeReport } from "./report.ts";
import { type ReportData, selectEntries } from "./report-data.ts";
import { dataOfPage } from "./report-file.ts";
import { OPERATOR_NAMES, REPORT_WISH, reportRig } from "./report-fixture.ts";
import { doseOf, reportModel } from "./report-model.ts";
import { renderReport } from "./report-page.ts";
import { verifyReport } from "./report-verify.ts";
import { sampleRig } from "./sample-fixture.ts";

const nameOf = (operatorId: string): string | null => OPERATOR_NAMES[operatorId] ?? null;

interface Made {
  readonly html: string;
  readonly data: ReportData;
  readonly file: string;
}

/** A page needs no journal any more: the first one made serves all tests that only read it. */
let kept: Made | undefined;

async function made(): Promise<Made> {
  const rig = await reportRig();
  const snapshot = openSnapshot(rig.file);
  onTestFinished(() => void snapshot.close());
  const { html } = makeReport(snapshot, REPORT_WISH, nameOf);
  const data = dataOfPage(html);
  if (data === undefined) throw new Error("a report holds its data");
  kept = { html, data, file: rig.file };
  return kept;
}

const problemsOf = (html: string): string[] =>
  verifyReport(html, null).problems.map(({ problem }) => problem);
/** The page of other entries, as somebody would make it who has the program. */
const forged = (data: ReportData, entries: readonly JournalEntry[]): string =>
  renderReport({ ...data, entries });
const rehashed = (entry: JournalEntry): JournalEntry => ({ ...entry, hash: hashOfEntry(entry) });

test("a report verifies by itself and against the journal, and says how much of it is signed", async () => {
  const { html, data, file } = await made();
  const snapshot = openSnapshot(file);
  onTestFinished(() => void snapshot.close());
  const found = verifyReport(html, snapshot);
  expect(found).toMatchObject({ ok: true, pageCompared: true, journal: "compared", problems: [] });
  expect(found.signedEntries).toBeGreaterThan(700);
  expect(found.signedEntries).toBeLessThan(found.entries);
  expect(html).toContain(found.closing);
  expect(data.entries.some(({ kind }) => kind.startsWith("charge."))).toBe(false);
  expect(html).not.toContain("p-secret");
});

test("the names are those of the staff who acted, and what people wrote is shown as text", async () => {
  const { html, data } = await made();
  expect(data.header.names).toEqual({ chen: "陈主管", li: "李师傅" });
  expect(html).toContain("压缩机不启动，已报修 &lt;b&gt;&amp;");
  expect(html).not.toContain("<b>&");
});

test("the report shows what happened: excursion, gap, dose, early disposal, custody, missed dish", async () => {
  const { html, data } = await made();
  const model = reportModel(data);
  expect(model.alarms).toMatchObject([{ level: "critical", acknowledged: { operatorId: "chen" } }]);
  expect(model.missing).toMatchObject([{ dishZh: "紫菜汤", lateAtMs: null }]);
  expect(model.samples.map(({ end }) => end?.kind)).toEqual(["disposed", "seized"]);
  expect(model.acknowledgements).toEqual([
    { operatorId: "chen", count: 1, hastyCount: 0, medianWaitMs: 15 * 60_000 },
  ]);
  for (const text of [
    "市监样〔2026〕12 号",
    "F-0021",
    "盒盖裂开",
    "紫菜汤",
    'class="gap"',
    'class="excursion"',
  ])
    expect(html).toContain(text);
});

test("the report says who made alarms quiet, and which calibration held, also one of before its span", async () => {
  const { html, file } = await made();
  for (const text of ["搁置报警", "30 min: 正在清洁", "0 °C → -0.3 °C", "按计划除霜 0 次"])
    expect(html).toContain(text);
  const snapshot = openSnapshot(file);
  onTestFinished(() => void snapshot.close());
  const later = { fromDate: "2026-09-09", fromMs: REPORT_WISH.toMs - 86_400_000 };
  const laterReport = makeReport(snapshot, { ...REPORT_WISH, ...later }, nameOf);
  expect(laterReport.html).toContain("0 °C → -0.3 °C");
  // The shelf was never taken off, so it held on the last day too.
  expect(laterReport.html).toContain("30 min: 正在清洁");
  expect(verifyReport(laterReport.html, snapshot)).toMatchObject({ ok: true, journal: "compared" });
});

describe("a report of one day", () => {
  const DAY_MS = 86_400_000;
  const dayAfter = (days: number, toMs: number) => ({
    ...REPORT_WISH,
    ...{ fromMs: toMs + (days - 1) * DAY_MS, toMs: toMs + days * DAY_MS, madeAtMs: toMs + 10 * DAY_MS },
  });

  test("tells what began before it and ended after it, and what nobody ended; not what was over", async () => {
    const rig = sampleRig();
    const ids = idSource(rig.clock, seededEntropy(5));
    const append = (kind: string, body: JsonObject): void =>
      void rig.journal.append({ id: ids.next(), kind, body });
    const cabinetId = "cabinet-1";
    const chen = { operatorId: "chen", by: "pin" };
    const raised = (alarmId: string, subject: string) => ({
      ...{ alarmId, cabinetId, key: `${cabinetId}/high/${subject}`, type: "high", subject },
      ...{ text: { zh: subject, en: subject }, level: "major", isAgain: false, isShelved: false },
      ...{ facts: {}, raisedAtMs: rig.clock.now() },
    });
    const [weekend, short] = [ids.next(), ids.next()];
    append("alarm.raised", raised(short, "over-before"));
    append("alarm.cleared", { alarmId: short, cabinetId, clearedAtMs: rig.clock.now() });
    append("alarm.raised", raised(weekend, "whole-weekend"));
    const service = { cabinetId, probeId: "upper", ...chen };
    append("alarm.out-of-service", { ...service, reason: "earlier repair" });
    append("alarm.in-service", service);
    append("alarm.out-of-service", { ...service, reason: "sent to the laboratory" });
    await rig.store("rice", "1", 172);
    const storedMs = rig.clock.now();
    const summary = (fromMs: number) => ({
      ...{ cabinetId, fromMs, toMs: fromMs + 300_000 },
      probes: [
        {
          ...{ probeId: "upper", minMilliC: 3000, meanMilliC: 3500, maxMilliC: 4000 },
          ...{ readingCount: 60, faultCount: 0, knownMs: 300_000, aboveMs: 0 },
        },
      ],
    });
    for (let day = 0; day < 3; day++) {
      append("temperature.summary", summary(storedMs + day * DAY_MS));
      rig.clock.stepWall(DAY_MS);
    }
    append("alarm.cleared", { alarmId: weekend, cabinetId, clearedAtMs: rig.clock.now() });
    append("alarm.in-service", service);
    const snapshot = openSnapshot(rig.file);
    onTestFinished(() => void snapshot.close());
    const { html } = makeReport(snapshot, dayAfter(1, storedMs + DAY_MS / 2), nameOf);
    for (const text of ["whole-weekend", "sent to the laboratory"]) expect(html).toContain(text);
    for (const text of ["over-before", "earlier repair"]) expect(html).not.toContain(text);
    const data = dataOfPage(html);
    if (data === undefined) throw new Error("a report holds its data");
    const [sample] = reportModel(data).samples;
    // Of three times five minutes, two lie outside of the report's day.
    expect(sample?.dose).toMatchObject({ maxMilliC: 4000 });
    expect((sample?.dose.stayMs ?? 0) - (sample?.dose.unknownMs ?? 0)).toBe(3 * 300_000);
    expect(verifyReport(html, snapshot)).toMatchObject({ ok: true, pageCompared: true });
    const later = makeReport(snapshot, dayAfter(5, storedMs + DAY_MS / 2), nameOf).html;
    expect(later).not.toContain("whole-weekend");
  });
});

test("a report of a renderer before is still whole against the journal, its looks compared where they are the same", async () => {
  const { data, file } = await made();
  const snapshot = openSnapshot(file);
  onTestFinished(() => void snapshot.close());
  for (const [renderer, kind, pageCompared] of [
    [1, "probe.calibrated", false],
    [2, "alarm.shelved", true],
  ] as const) {
    const header = { ...data.header, renderer, fromMs: REPORT_WISH.toMs - 86_400_000 };
    const entries = selectEntries(snapshot, header, header.head.seq);
    expect(entries.some((entry) => entry.kind === kind)).toBe(false);
    const found = verifyReport(renderReport({ header, entries }), snapshot);
    expect(found).toMatchObject({ ok: true, pageCompared, journal: "compared" });
  }
});

describe("a report that was tampered with", () => {
  let report: Awaited<ReturnType<typeof made>>;
  beforeEach(async () => {
    report = kept ?? (await made());
  });

  const indexOf = (kind: string): number => report.data.entries.findIndex((entry) => entry.kind === kind);
  const at = (index: number): JournalEntry => {
    const entry = report.data.entries[index];
    if (entry === undefined) throw new Error("no such entry");
    return entry;
  };

  test("is found when the visible part was changed", () => {
    expect(problemsOf(report.html.replace("152 g", "252 g"))).toEqual(["page-differs"]);
    expect(problemsOf(report.html.replace("紫菜汤", "米汤"))).not.toEqual([]);
  });

  test("is found when an entry's content was changed", () => {
    const line = canonicalEntry(at(indexOf("sample.stored")));
    expect(report.html).toContain(line);
    expect(problemsOf(report.html.replace(line, line.replace('"netG":152', '"netG":252')))).toContain(
      "hash-wrong",
    );
  });

  test("is found when a signed entry was changed with its hash, and the page made anew", () => {
    const index = indexOf("alarm.acknowledged");
    const entry = at(index);
    const changed = rehashed({ ...entry, body: { ...entry.body, operatorId: "li" } as JsonObject });
    expect(problemsOf(forged(report.data, report.data.entries.with(index, changed)))).toContain(
      "not-as-signed",
    );
  });

  test("is found when entries were swapped or one was put in twice", () => {
    const { entries } = report.data;
    const index = indexOf("temperature.summary");
    const swapped = entries.with(index, at(index + 1)).with(index + 1, at(index));
    expect(problemsOf(forged(report.data, swapped))).toContain("order-wrong");
    expect(problemsOf(forged(report.data, entries.toSpliced(index, 0, at(index))))).toContain("order-wrong");
  });

  test("is found when an entry was taken out: by the page, or by its neighbours' chain and the closing hash", () => {
    const { entries } = report.data;
    const index = indexOf("alarm.raised");
    const line = canonicalEntry(at(index)).replaceAll("<", "\\u003c");
    expect(problemsOf(report.html.replace(`${line}\n`, ""))).toEqual(["page-differs"]);
    // Made anew it is whole by itself; this is what the closing hash and the journal are for.
    const remade = forged(report.data, entries.toSpliced(index, 1));
    const before = verifyReport(report.html, null);
    expect(verifyReport(remade, null).closing).not.toBe(before.closing);
  });

  test("is found against the journal when it was made anew without an entry, or with one more", async () => {
    const { data, file } = await made();
    const snapshot = openSnapshot(file);
    onTestFinished(() => void snapshot.close());
    const index = data.entries.findIndex(({ kind }) => kind === "alarm.raised");
    const without = verifyReport(forged(data, data.entries.toSpliced(index, 1)), snapshot);
    expect(without.problems).toEqual([{ problem: "removed", seq: data.entries[index]?.seq }]);
    const last = data.entries.at(-1);
    if (last === undefined) throw new Error("a report has entries");
    const more = rehashed({ ...last, seq: last.seq + 5, prevHash: last.hash });
    const added = verifyReport(forged(data, [...data.entries, more]), snapshot);
    expect(added.problems).toContainEqual({ problem: "not-in-journal", seq: more.seq });
  });

  test("is found whichever character of its data was changed", () => {
    const start = report.html.indexOf('<script type="application/json"');
    fc.assert(
      fc.property(
        fc.integer({ min: start, max: report.html.length - 1 }),
        fc.constantFrom("0", "a", "}", " "),
        (place, put) => {
          if (report.html[place] === put) return;
          const changed = report.html.slice(0, place) + put + report.html.slice(place + 1);
          expect(verifyReport(changed, null).ok).toBe(false);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("is no report when it is something else", () => {
    expect(problemsOf("<html></html>")).toEqual(["no-report"]);
    expect(problemsOf(report.html.slice(0, -2000))).not.toEqual([]);
  });
});

test("a stay without summaries is unknown, never fine", () => {
  expect(doseOf(undefined, { fromMs: 0, toMs: 1000 })).toEqual({
    stayMs: 1000,
    aboveMs: 0,
    maxMilliC: null,
    unknownMs: 1000,
  });
  const span = { minMilliC: 1, meanMilliC: 2, maxMilliC: 9000, knownMs: 100, aboveMs: 50 };
  const spans = new Map([
    [
      "p",
      [
        { fromMs: 0, toMs: 100, ...span },
        { fromMs: 200, toMs: 300, ...span },
      ],
    ],
  ]);
  expect(doseOf(spans, { fromMs: 50, toMs: 250 })).toEqual({
    stayMs: 200,
    aboveMs: 50,
    maxMilliC: 9000,
    unknownMs: 100,
  });
});
