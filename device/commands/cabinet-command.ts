import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Config } from "../config/schema.ts";
import { readBase } from "../journal/carried-state.ts";
import { noLongerHeld } from "../journal/pruned-journal.ts";
import { openSnapshot } from "../journal/verify.ts";
import { SystemClock } from "../platform/system-clock.ts";
import { labelOf } from "../sample-cabinet/label.ts";
import { checkLabel } from "../sample-cabinet/label-code.ts";
import { makeReport } from "../sample-cabinet/report.ts";
import { REPORT_DAYS_MAX, reportDays } from "../sample-cabinet/report-port.ts";
import { verifyReport } from "../sample-cabinet/report-verify.ts";
import { sampleStoredSchema } from "../sample-cabinet/sample-entries.ts";
import { entryById, entryBySeq, operatorNames } from "../sample-cabinet/snapshot-reads.ts";
import { reportWish } from "../terminal-reports.ts";
import { sampleSettings } from "../terminal-samples.ts";
import { type CommandContext, EXIT, type JsonOption, usageError, withJsonOption } from "./command-context.ts";
import { cannotRead, existingJournal, journalFileOf, writeEvidence } from "./evidence-files.ts";
import { type ConfigOption, whichConfig, withConfigOption } from "./which-config.ts";

interface SourceOptions extends ConfigOption, JsonOption {
  readonly data?: string;
}

interface ReportOptions extends SourceOptions {
  readonly from?: string;
  readonly to?: string;
  readonly cabinet?: string;
  readonly out?: string;
  readonly verify?: string;
}

export function addCabinetCommand(program: Command, context: CommandContext): void {
  const cabinet = program.command("cabinet").description("留样柜 / the sample cabinet");
  withSource(
    cabinet
      .command("report")
      .description(
        "检查报告（HTML，可打印），或核验一份报告；终端运行时也可用 / the inspector's report as HTML, or check one; also beside a running terminal",
      )
      .option("--from <date>", "第一天，如 2026-09-01 / first date")
      .option("--to <date>", "最后一天 / last date")
      .option("--cabinet <id>", "只选一个留样柜 / one cabinet only")
      .option("--out <file>", "输出文件，默认标准输出 / file to write, default standard output")
      .option(
        "--verify <file>",
        "核验报告；本机有流水时一并比对 / check a report, and against the journal where there is one",
      ),
  ).action((options: ReportOptions) =>
    options.verify === undefined ? report(options, context) : verify(options.verify, options, context),
  );
  withSource(
    cabinet
      .command("label <sample>")
      .description("打印样品标签 / the label of a sample, as a page")
      .option("--out <file>", "输出文件，默认标准输出 / file to write, default standard output")
      .option("--code", "只输出二维码内容 / only what its QR code holds"),
  ).action((sample: string, options: SourceOptions & { readonly out?: string; readonly code?: boolean }) =>
    label(sample, options, context),
  );
  withSource(
    cabinet
      .command("check <code>")
      .description("核对标签二维码的内容 / compare what a label's QR code holds with the journal"),
  ).action((code: string, options: SourceOptions) => check(code, options, context));
}

function withSource(command: Command): Command {
  return withJsonOption(
    withConfigOption(command).option(
      "--data <folder>",
      "数据目录 / data folder, instead of the configured one",
    ),
  );
}

function sourceOf(
  options: SourceOptions,
  context: CommandContext,
): { readonly config: Config; readonly file: string } {
  return { config: whichConfig(options, context.io.folder).config, file: journalFileOf(options, context) };
}

async function report(options: ReportOptions, context: CommandContext): Promise<void> {
  const { config, file } = sourceOf(options, context);
  const { cabinet = null } = options;
  const { from: fromDate, to: toDate } = checkedDates(options);
  if (cabinet !== null && !config.cabinets.some(({ id }) => id === cabinet))
    throw usageError(`没有留样柜 ${cabinet}`, `there is no cabinet ${cabinet}`);
  const db = openSnapshot(existingJournal(file));
  try {
    const made = makeReport(
      db,
      reportWish(config, { fromDate, toDate, cabinetId: cabinet }, new SystemClock().now()),
      operatorNames(db),
    );
    await deliver(made.html, options.out, context, async (written) => {
      if (options.json === true)
        await context.json({ file: written, entries: made.entries, closing: made.closing });
      else
        await context.line(
          `✓ ${written}: ${made.entries} 条记录 / entries，封存码 / closing hash ${made.closing}`,
        );
    });
  } finally {
    db.close();
  }
}

function checkedDates({ from, to }: ReportOptions): { readonly from: string; readonly to: string } {
  const days = from === undefined || to === undefined ? null : reportDays(from, to);
  if (from === undefined || to === undefined || days === null)
    throw usageError("需要 --from 和 --to，如 2026-09-01", "--from and --to are needed, such as 2026-09-01");
  if (days > REPORT_DAYS_MAX)
    throw usageError(`报告最多 ${REPORT_DAYS_MAX} 天`, `a report covers at most ${REPORT_DAYS_MAX} days`);
  return { from, to };
}

/** To the file, never over an existing one: a report is evidence. Else to standard output. */
async function deliver(
  html: string,
  out: string | undefined,
  context: CommandContext,
  tell: (file: string) => Promise<void>,
): Promise<void> {
  if (out === undefined) return context.write(html);
  const file = resolve(context.io.folder, out);
  await writeEvidence(file, [html]);
  await tell(file);
}

async function verify(name: string, options: SourceOptions, context: CommandContext): Promise<void> {
  const file = resolve(context.io.folder, name);
  const html = await readFile(file, "utf8").catch(cannotRead(file));
  // Whoever checks a report elsewhere has no journal; who names a folder means it.
  const journalFile = sourceOf(options, context).file;
  const db =
    options.data !== undefined || existsSync(journalFile) ? openSnapshot(existingJournal(journalFile)) : null;
  try {
    const found = verifyReport(html, db);
    if (options.json === true) await context.json({ file, ...found });
    else {
      await context.line(
        `${found.ok ? "✓" : "✗"} ${file}: ${found.entries} 条记录 / entries，${found.signedEntries} 条有签名 / signed by ${found.publicKey ?? "–"}`,
      );
      await context.line(`  封存码 / closing hash ${found.closing ?? "–"}`);
      await context.line(
        db === null
          ? "  未与流水比对：无法得知是否有记录被略去 / not compared with a journal: whether an entry was left out is not known"
          : `  已与流水比对 / compared with ${journalFile}`,
      );
      if (found.entries > 0 && !found.pageCompared)
        await context.line(
          "  由其他版本的软件生成：页面所示内容未与记录核对 / made by another version of the program: what the page shows was not compared with its entries",
        );
      for (const problem of found.problems) await context.line(`  ${JSON.stringify(problem)}`);
    }
    context.end(found.ok ? EXIT.ok : EXIT.verificationFailed);
  } finally {
    db?.close();
  }
}

async function label(
  sampleId: string,
  options: SourceOptions & { readonly out?: string; readonly code?: boolean },
  context: CommandContext,
): Promise<void> {
  const { config, file } = sourceOf(options, context);
  const settings = sampleSettings(config);
  const db = openSnapshot(existingJournal(file));
  try {
    const entry = entryById(db, sampleId);
    const stored = sampleStoredSchema.safeParse(entry?.body).data;
    const cabinet = settings.cabinets.find(({ cabinetId }) => cabinetId === stored?.cabinetId);
    const made =
      entry === undefined || stored === undefined
        ? null
        : labelOf(
            entry,
            operatorNames(db)(stored.storedBy.operatorId) ?? stored.storedBy.operatorId,
            cabinet?.name.zh ?? stored.cabinetId,
            { ...settings, ...settings.label },
          );
    if (made === null) throw usageError(`没有样品 ${sampleId}`, `there is no sample ${sampleId}`);
    if (options.code === true) return await context.line(made.code);
    await deliver(made.html, options.out, context, (written) => context.line(`✓ ${written}`));
  } finally {
    db.close();
  }
}

async function check(code: string, options: SourceOptions, context: CommandContext): Promise<void> {
  const { config, file } = sourceOf(options, context);
  const db = openSnapshot(existingJournal(file));
  try {
    const found = checkLabel(code, config, (seq) => entryBySeq(db, seq));
    const heldFrom = (readBase(db)?.seq ?? 0) + 1;
    if (found.kind === "no-entry" && found.seq < heldFrom) throw noLongerHeld(heldFrom);
    if (options.json === true) await context.json(found);
    else await context.line(`${found.kind === "genuine" ? "✓" : "✗"} ${LABEL_TEXTS[found.kind]}`);
    context.end(found.kind === "genuine" ? EXIT.ok : EXIT.verificationFailed);
  } finally {
    db.close();
  }
}

const LABEL_TEXTS = {
  genuine: "标签与流水一致 / the label says what the journal says",
  "no-label": "不是本系统的标签 / no label of this system",
  elsewhere: "其他终端的标签 / a label of another terminal",
  "no-entry": "流水中没有这条记录 / the journal has no such entry",
  differs: "标签与流水不符 / the label differs from the journal",
} as const;
