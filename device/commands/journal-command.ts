import { createWriteStream, existsSync } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { CheckpointFindings } from "../journal/checkpoint-walk.ts";
import type { JournalVerification, VerifyAgainst } from "../journal/verify.ts";
import { CanteenError, isFault, systemCode } from "../platform/errors.ts";
import { databaseFile, TERMINAL_PROJECTIONS } from "../terminal-database.ts";
import { type CommandContext, EXIT, type JsonOption, usageError, withJsonOption } from "./command-context.ts";
import { type ConfigOption, whichConfig, withConfigOption } from "./which-config.ts";

interface FolderOptions extends ConfigOption, JsonOption {
  readonly data?: string;
}

interface VerifyOptions extends FolderOptions {
  readonly export?: string;
  readonly checkpoint?: string;
  readonly publicKey?: string;
}

export function addJournalCommand(program: Command, context: CommandContext): void {
  const journal = program.command("journal").description("流水账 / the journal");
  withSource(
    journal
      .command("verify")
      .description(
        "重新计算哈希链和各表，指出第一条错误；终端运行时也可用 / compute the chain and its tables again and name the first bad entry; also beside a running terminal",
      )
      .option("--export <file>", "改为检查导出的文件 / check an exported file instead")
      .option(
        "--checkpoint <code>",
        "当日校验码，或存有它的文件 / a code of the day, or a file that holds it: proves what was before it",
      )
      .option(
        "--public-key <key>",
        "云端登记的本机公钥 / the device's public key as the cloud registered it; default: the first checkpoint's own",
      ),
  ).action((options: VerifyOptions) =>
    options.export === undefined
      ? verify(options, context)
      : verifyExported(options.export, options, context),
  );
  withSource(
    journal
      .command("export")
      .description("导出为 JSON 行 / write the entries as JSON lines")
      .option("--from <seq>", "第一条 / first entry", wholeNumber, 1)
      .option("--to <seq>", "最后一条 / last entry, default the newest", wholeNumber)
      .option("--out <file>", "输出文件，默认标准输出 / file to write, default standard output"),
  ).action((options: ExportOptions) => exportEntries(options, context));
}

function withSource(command: Command): Command {
  return withJsonOption(
    withConfigOption(command).option("--data <folder>", "数据目录 / data folder, instead of a configuration"),
  );
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError("应为从 1 开始的整数 / must be a whole number from 1");
  }
  return value;
}

/** @throws CanteenError `journal-missing` when there is none. */
function databaseOf(options: FolderOptions, context: CommandContext): string {
  const folder =
    options.data === undefined
      ? whichConfig(options, context.io.folder).config.dataFolder
      : resolve(context.io.folder, options.data);
  const file = databaseFile(folder);
  if (existsSync(file)) return file;
  throw new CanteenError(`there is no journal at ${file}`, {
    code: "journal-missing",
    retry: "after-operator",
    hint: {
      zh: `${file} 不存在：终端从未在此数据目录运行过，或目录写错了`,
      en: `There is no ${file}: no terminal ever ran with this data folder, or the folder is wrong.`,
    },
  });
}

/** The code itself, or the file with the code or with the checkpoint's entry in it. @throws CanteenError `usage`. */
async function againstOf(options: VerifyOptions, { io }: CommandContext): Promise<VerifyAgainst> {
  const publicKey = options.publicKey ?? null;
  if (publicKey !== null && !/^[\w-]{43}$/.test(publicKey)) {
    throw usageError("--public-key 应为 43 个字符", "--public-key must be 43 characters of base64url");
  }
  if (options.checkpoint === undefined) return { publicKey };
  const { parseCheckpoint } = await import("../journal/checkpoint.ts");
  const text = await readFile(resolve(io.folder, options.checkpoint), "utf8").catch(
    () => options.checkpoint ?? "",
  );
  const checkpoint = parseCheckpoint(text);
  if (checkpoint !== undefined) return { checkpoint, publicKey };
  throw usageError(
    "--checkpoint 既不是校验码也不是校验文件",
    "--checkpoint is neither a code nor a file with one",
  );
}

async function verify(options: VerifyOptions, context: CommandContext): Promise<void> {
  const file = databaseOf(options, context);
  const { verifyJournal } = await import("../journal/verify.ts");
  const verification = verifyJournal(file, TERMINAL_PROJECTIONS, await againstOf(options, context));
  if (options.json === true) await context.json({ file, ...verification });
  else for (const line of verificationLines(file, verification)) await context.line(line);
  context.end(verification.ok ? EXIT.ok : EXIT.verificationFailed);
}

function verificationLines(file: string, found: JournalVerification): string[] {
  const { entries, base, head, firstBad, projectionDifferences, databaseProblems } = found;
  const lines = [
    `${found.ok ? "✓" : "✗"} ${file}`,
    `  ${entries} 条记录，链完整到第 ${head.seq} 条 / ${entries} entries, unbroken up to ${head.seq} (${head.hash.slice(0, 16)}…)`,
  ];
  if (base !== null) {
    lines.push(
      `  第 ${base.seq} 条及以前已按保存期清理 / entries up to ${base.seq} were pruned after their retention (${base.carriedSha256.slice(0, 16)}…)`,
    );
  }
  if (base !== null && base.problem !== null)
    lines.push(`  清理点无凭据 / nothing vouches for where it begins (${base.problem})`);
  if (firstBad !== null) {
    lines.push(
      `  第一条错误：第 ${firstBad.seq} 条 / first bad entry: ${firstBad.seq} (${firstBad.problem})`,
    );
  }
  lines.push(...checkpointLines(found.checkpoints));
  for (const difference of projectionDifferences) {
    lines.push(`  与流水不符 / differs from the entries: ${JSON.stringify(difference)}`);
  }
  for (const problem of databaseProblems) lines.push(`  数据库 / database: ${problem}`);
  return lines;
}

function checkpointLines({ goodCount, provenSeq, publicKey, given, problems }: CheckpointFindings): string[] {
  const lines =
    publicKey === null
      ? []
      : [
          `  ${goodCount} 个签名校验点 / signed checkpoints, 公钥 / key ${publicKey}, 第 ${provenSeq} 条以前无改动 / unchanged up to ${provenSeq}`,
        ];
  if (given?.proven === true) {
    lines.push(
      `  与校验码相符：第 1 至 ${given.seq} 条 / as the code says: entries 1 to ${given.seq} (${given.hash.slice(0, 16)}…)`,
    );
  }
  for (const { seq, problem, between, differences } of problems) {
    if (problem === "no-longer-held") {
      lines.push(
        `  校验码签的是第 ${seq} 条，本机已按保存期清理，无法核对，请用云端的导出 / the code signed entry ${seq}, which is no longer held here: check it with the cloud's export`,
      );
      continue;
    }
    const where = between === null ? `${seq}` : `${between.fromSeq}–${between.toSeq}`;
    lines.push(`  与签名不符：第 ${where} 条 / not as signed: ${where} (${problem})`);
    for (const { seq: at, problem: what, otherSeq } of differences) {
      lines.push(`    第 ${at} 条 / entry ${at}: ${what}${otherSeq === undefined ? "" : ` ↔ ${otherSeq}`}`);
    }
  }
  return lines;
}

async function verifyExported(name: string, options: VerifyOptions, context: CommandContext): Promise<void> {
  const against = await againstOf(options, context);
  const file = resolve(context.io.folder, name);
  const { verifyExport } = await import("../journal/journal-export.ts");
  const handle = await open(file).catch((cause: unknown) => {
    throw new CanteenError(`cannot read ${file}`, {
      code: "usage",
      retry: "never",
      hint: { zh: `无法读取 ${file}`, en: `${file} cannot be read.` },
      cause,
    });
  });
  try {
    const lines = createInterface({ input: handle.createReadStream(), crlfDelay: Number.POSITIVE_INFINITY });
    const found = await verifyExport(lines, against);
    const { ok, entries, head, firstBad } = found;
    if (options.json === true) await context.json({ file, ...found });
    else {
      await context.line(
        `${ok ? "✓" : "✗"} ${file}: ${entries} 条记录 / entries, ${head === null ? "–" : `${head.seq} ${head.hash.slice(0, 16)}…`}`,
      );
      if (firstBad !== null) {
        await context.line(
          `  第 ${firstBad.line} 行有误 / line ${firstBad.line} is bad (${firstBad.problem})`,
        );
      }
      for (const line of checkpointLines(found.checkpoints)) await context.line(line);
    }
    context.end(ok ? EXIT.ok : EXIT.verificationFailed);
  } finally {
    await handle.close();
  }
}

interface ExportOptions extends FolderOptions {
  readonly from: number;
  readonly to?: number;
  readonly out?: string;
}

async function exportEntries(options: ExportOptions, context: CommandContext): Promise<void> {
  const { from: fromSeq, to: toSeq = null } = options;
  if (toSeq !== null && toSeq < fromSeq) {
    throw usageError(`--to ${toSeq} 小于 --from ${fromSeq}`, `--to ${toSeq} is before --from ${fromSeq}`);
  }
  const { exportJournal } = await import("../journal/journal-export.ts");
  const lines = exportJournal(databaseOf(options, context), { fromSeq, toSeq });
  if (options.out === undefined) {
    for (const line of lines) await context.line(line);
    return;
  }
  const file = resolve(context.io.folder, options.out);
  const entries = await writeNewFile(file, lines);
  if (options.json === true) await context.json({ file, entries });
  else await context.line(`✓ ${file}: ${entries} 条记录 / entries`);
}

/** Never over an existing file: an export is evidence. @returns how many lines were written and synced. */
async function writeNewFile(file: string, lines: Iterable<string>): Promise<number> {
  let count = 0;
  function* counted(): Generator<string> {
    for (const line of lines) {
      count += 1;
      yield `${line}\n`;
    }
  }
  try {
    await pipeline(
      Readable.from(counted()),
      createWriteStream(file, { flags: "wx", mode: 0o600, flush: true }),
    );
    return count;
  } catch (cause) {
    if (systemCode(cause) === "EEXIST") {
      throw usageError(`${file} 已存在，不会覆盖`, `${file} exists and is not written over`);
    }
    // Half an export must not be taken for a whole one.
    await rm(file, { force: true });
    if (isFault(cause)) throw cause;
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
}
