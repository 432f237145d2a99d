import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Database } from "better-sqlite3";
import type { Command } from "commander";
import { APP_VERSION } from "../app-version.ts";
import type { Config } from "../config/schema.ts";
import { readBase } from "../journal/carried-state.ts";
import { noLongerHeld } from "../journal/pruned-journal.ts";
import { openSnapshot } from "../journal/verify.ts";
import { CanteenError, systemCode } from "../platform/errors.ts";
import { SystemClock } from "../platform/system-clock.ts";
import { labelOf } from "../sample-cabinet/label.ts";
import { checkLabel } from "../sample-cabinet/label-code.ts";
import { makeReport } from "../sample-cabinet/report.ts";
import { REPORT_DAYS_MAX } from "../sample-cabinet/report-data.ts";
import { verifyReport } from "../sample-cabinet/report-verify.ts";
import { sampleStoredSchema } from "../sample-cabinet/sample-entries.ts";
import { entryById, entryBySeq, operatorNames } from "../sample-cabinet/snapshot-reads.ts";
import { epochMsOf } from "../serving-line/meal-dishes.ts";
import { databaseFile } from "../terminal-database.ts";
import { sampleSettings } from "../terminal-samples.ts";
import { type CommandContext, EXIT, type JsonOption, usageError, withJsonOption } from "./command-context.ts";
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

/** @throws CanteenError `journal-missing` when there is none. */
function sourceOf(
  options: SourceOptions,
  { io }: CommandContext,
): { readonly config: Config; readonly file: string } {
  const { config } = whichConfig(options, io.folder);
  const folder = options.data === undefined ? config.dataFolder : resolve(io.folder, options.data);
  return { config, file: databaseFile(folder) };
}

function openJournalFile(file: string): Database {
  if (existsSync(file)) return openSnapshot(file);
  throw new CanteenError(`there is no journal at ${file}`, {
    code: "journal-missing",
    retry: "after-operator",
    hint: {
      zh: `${file} 不存在：终端从未在此数据目录运行过，或目录写错了`,
      en: `There is no ${file}: no terminal ever ran with this data folder, or the folder is wrong.`,
    },
  });
}

async function report(options: ReportOptions, context: CommandContext): Promise<void> {
  const { config, file } = sourceOf(options, context);
  const { cabinet = null } = options;
  const { from: fromDate, to: toDate } = checkedDates(options);
  if (cabinet !== null && !config.cabinets.some(({ id }) => id === cabinet))
    throw usageError(`没有留样柜 ${cabinet}`, `there is no cabinet ${cabinet}`);
  const { zone } = config.servingLine.mealPlan;
  const db = openJournalFile(file);
  try {
    const made = makeReport(
      db,
      {
        appVersion: APP_VERSION,
        site: config.site,
        device: config.device,
        zone,
        fromDate,
        toDate,
        fromMs: epochMsOf(zone, fromDate, 0),
        toMs: epochMsOf(zone, toDate, 24 * 60),
        cabinetId: cabinet,
        madeAtMs: new SystemClock().now(),
        cabinets: config.cabinets.map(({ id, name, probes }) => ({
          cabinetId: id,
          name,
          probes: probes.map(({ probe, name: probeName, lowMilliC, highMilliC }) => ({
            probeId: probe,
            name: probeName ?? { zh: probe, en: probe },
            lowMilliC,
            highMilliC,
          })),
        })),
      },
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
  const [fromMs, toMs] = [from, to].map((date) =>
    date !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00Z`) : Number.NaN,
  );
  if (
    from === undefined ||
    to === undefined ||
    fromMs === undefined ||
    toMs === undefined ||
    !(fromMs <= toMs)
  )
    throw usageError("需要 --from 和 --to，如 2026-09-01", "--from and --to are needed, such as 2026-09-01");
  if ((toMs - fromMs) / 86_400_000 >= REPORT_DAYS_MAX)
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
  try {
    await writeFile(file, html, { flag: "wx", mode: 0o600, flush: true });
  } catch (cause) {
    if (systemCode(cause) === "EEXIST")
      throw usageError(`${file} 已存在，不会覆盖`, `${file} exists and is not written over`);
    throw new CanteenError(`cannot write ${file}`, {
      code: "export-failed",
      retry: "after-operator",
      hint: {
        zh: `无法写入 ${file}：请检查目录、权限和空间`,
        en: `${file} cannot be written: check folder, permissions and space.`,
      },
      cause,
    });
  }
  await tell(file);
}

async function verify(name: string, options: SourceOptions, context: CommandContext): Promise<void> {
  const file = resolve(context.io.folder, name);
  const html = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new CanteenError(`cannot read ${file}`, {
      code: "usage",
      retry: "never",
      hint: { zh: `无法读取 ${file}`, en: `${file} cannot be read.` },
      cause,
    });
  });
  // Whoever checks a report elsewhere has no journal; who names a folder means it.
  const journalFile = sourceOf(options, context).file;
  const db = options.data !== undefined || existsSync(journalFile) ? openJournalFile(journalFile) : null;
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
  const db = openJournalFile(file);
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
  const db = openJournalFile(file);
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
