import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import { type Command, InvalidArgumentError } from "commander";
import { noLongerHeld } from "../journal/pruned-journal.ts";
import { CanteenError } from "../platform/errors.ts";
import { photoFolder } from "../terminal-database.ts";
import { type CommandContext, EXIT, type JsonOption, withJsonOption } from "./command-context.ts";
import { existingJournal, journalFileOf } from "./evidence-files.ts";
import type { CheckState, FoundProof, Proof } from "./receiving-proof.ts";
import { type ConfigOption, withConfigOption } from "./which-config.ts";

interface FolderOptions extends ConfigOption, JsonOption {
  readonly data?: string;
}

const LISTED = 50;
const LISTED_MAX = 10_000;

export function addReceivingCommand(program: Command, context: CommandContext): void {
  const receiving = program.command("receiving").description("收货与出库记录 / goods weighed in and out");
  withSource(
    receiving
      .command("list")
      .description("列出称重记录，最新的在前 / list weigh-ins, newest first")
      .option("--order <id>", "只列此订单 / of this order only")
      .option("--limit <count>", "最多几条 / at most so many", limit, LISTED),
  ).action((options: ListOptions) => list(options, context));
  withSource(
    receiving
      .command("prove")
      .description(
        "离线核对一条记录：哈希链、照片、秤的原始数据和订单版本 / check one record from the files alone: chain, photos, the scale's raw frames and the order's version",
      )
      .argument("<id>", "记录编号 / the record's id, as list prints it"),
  ).action((id: string, options: FolderOptions) => prove(id, options, context));
}

function withSource(command: Command): Command {
  return withJsonOption(
    withConfigOption(command).option("--data <folder>", "数据目录 / data folder, instead of a configuration"),
  );
}

function limit(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= LISTED_MAX) return value;
  throw new InvalidArgumentError(`应为 1 到 ${LISTED_MAX} / must be 1 to ${LISTED_MAX}`);
}

/** @throws CanteenError `journal-missing` when there is none. */
async function withDatabase<T>(
  options: FolderOptions,
  context: CommandContext,
  work: (db: Database, folder: string) => T | Promise<T>,
): Promise<T> {
  const file = existingJournal(journalFileOf(options, context));
  const { openSnapshot } = await import("../journal/verify.ts");
  const db = openSnapshot(file);
  try {
    return await work(db, dirname(file));
  } finally {
    db.close();
  }
}

interface ListOptions extends FolderOptions {
  readonly order?: string;
  readonly limit: number;
}

interface ListedWeighIn {
  readonly id: string;
  readonly seq: number;
  readonly atMs: number;
  readonly kind: string;
  readonly orderId: string | null;
  readonly lineId: string | null;
  readonly productId: string;
  readonly netG: number;
  readonly operatorId: string;
  readonly struckSeq: number | null;
}

async function list(options: ListOptions, context: CommandContext): Promise<void> {
  const rows = await withDatabase(options, context, (db) => {
    if (!hasWeighIns(db)) return [];
    return db
      .prepare<[string | null, string | null, number], ListedWeighIn>(
        `SELECT w.weigh_in_id AS id, w.seq, j.at_ms AS atMs, w.kind, w.order_id AS orderId, w.line_id AS lineId,
           w.product_id AS productId, w.net_g AS netG, w.operator_id AS operatorId, w.struck_seq AS struckSeq
         FROM weigh_in w JOIN journal j ON j.seq = w.seq
         WHERE ? IS NULL OR w.order_id = ? ORDER BY w.seq DESC LIMIT ?`,
      )
      .all(options.order ?? null, options.order ?? null, options.limit);
  });
  if (options.json === true) {
    await context.json({ weighIns: rows });
    return;
  }
  if (rows.length === 0) await context.line("还没有称重记录 / no weigh-ins yet");
  for (const row of rows) {
    const what = [row.orderId, row.lineId, row.productId].filter((part) => part !== null).join(" / ");
    const struck = row.struckSeq === null ? "" : `  已冲销 / struck by ${row.struckSeq}`;
    await context.line(
      `${row.id}  ${new Date(row.atMs).toISOString()}  ${row.kind.padEnd(8)}  ${String(row.netG).padStart(7)} g  ${what}${struck}`,
    );
  }
}

/** A data folder of a release before goods were weighed has no such table. */
function hasWeighIns(db: Database): boolean {
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'weigh_in'").get();
  return table !== undefined;
}

async function prove(id: string, options: FolderOptions, context: CommandContext): Promise<void> {
  const { proveEntry } = await import("./receiving-proof.ts");
  const found = await withDatabase(options, context, (db, folder) =>
    hasWeighIns(db) ? proveEntry(db, photoFolder(folder), id) : ({ kind: "unknown" } as const),
  );
  if (found.kind !== "proof") throw notProven(id, found);
  const { proof } = found;
  if (options.json === true) await context.json(proof);
  else for (const line of proofLines(proof)) await context.line(line);
  context.end(proof.ok ? EXIT.ok : EXIT.verificationFailed);
}

function notProven(id: string, found: Exclude<FoundProof, { readonly kind: "proof" }>): CanteenError {
  if (found.kind === "no-longer-held") return noLongerHeld(found.heldFrom);
  if (found.kind === "unknown")
    return new CanteenError(`there is no entry ${id}`, {
      code: "weigh-in-unknown",
      retry: "never",
      hint: {
        zh: "没有这条记录：用 canteen-edge receiving list 查看编号",
        en: "There is no such record: canteen-edge receiving list prints the ids.",
      },
    });
  const isOther = found.kind === "not-goods";
  return new CanteenError(`entry ${id} is a ${found.entryKind}${isOther ? "" : " that cannot be read"}`, {
    code: isOther ? "not-goods" : "record-unreadable",
    retry: "never",
    hint: isOther
      ? {
          zh: `这是 ${found.entryKind}，不是收货记录`,
          en: `This is ${found.entryKind}, not a record of goods.`,
        }
      : {
          zh: "记录内容不符合格式，可能被改动：请运行 journal verify",
          en: "The record does not have its form and may have been changed: run journal verify.",
        },
  });
}

const MARKS: Readonly<Record<CheckState, string>> = {
  ok: "✓",
  failed: "✗",
  gone: "–",
  unknown: "?",
  none: "–",
};
const CHECKS: Readonly<Record<Proof["checks"][number]["what"], string>> = {
  chain: "哈希链 / chain",
  photo: "照片 / photo",
  thumbnail: "缩略图 / thumbnail",
  caption: "照片下的内容码 / content code under the photo",
  frames: "原始数据 / raw frames",
  weight: "重量 / weight",
  order: "订单 / order",
};

function proofLines({ ok, entry, record, checks, struckBySeq }: Proof): string[] {
  return [
    `${ok ? "✓" : "✗"} ${record.kind} ${entry.id}`,
    `  第 ${entry.seq} 条 / entry ${entry.seq}  ${new Date(entry.atMs).toISOString()} (${entry.timeTrust})  ${entry.hash}`,
    ...recordLines(record),
    ...(struckBySeq === null ? [] : [`  已被第 ${struckBySeq} 条冲销 / struck by entry ${struckBySeq}`]),
    ...checks.map((check) => `  ${MARKS[check.state]} ${CHECKS[check.what]}: ${check.code}${fateOf(check)}`),
  ];
}

/** When the cloud took a photo and when it was deleted here: what a code alone does not say. */
function fateOf({ state, code, ackedAtMs, deletedAtMs }: Proof["checks"][number]): string {
  if (code === "photo-not-on-record")
    return "，云端已有该记录，本机已无照片及其删除记录 / the cloud has the entry; here neither the photo nor a note of its deletion is left";
  if (ackedAtMs === undefined) return "";
  if (ackedAtMs === null) return state === "failed" ? "，云端从未确认 / the cloud never acknowledged it" : "";
  const acked = `，云端确认 / acknowledged by the cloud ${new Date(ackedAtMs).toISOString()}`;
  return deletedAtMs === undefined
    ? acked
    : `${acked}，本机删除 / deleted here ${new Date(deletedAtMs).toISOString()}`;
}

function recordLines(record: Proof["record"]): string[] {
  const { body } = record;
  const lines: string[] = [];
  if ("order" in body)
    lines.push(`  订单 / order ${body.order.orderId} v${body.order.version}  ${body.order.supplierName}`);
  if ("product" in body) lines.push(`  货品 / goods ${body.product.name} (${body.product.productId})`);
  if ("weight" in body && body.weight !== null) {
    const { netG, shownG, tare, scale } = body.weight;
    lines.push(
      `  净重 / net ${netG} g，显示 / shown ${shownG} g，皮重 / tare ${tare.kind}`,
      `  秤 / scale ${scale.label} (${scale.scaleId}, ${scale.serialNumber ?? "–"})，检定 / verified ${scale.verifiedOn ?? "–"}`,
    );
  }
  if (record.kind === "weighin.reversed") lines.push(`  冲销 / strikes ${record.body.weighInId}`);
  if ("reasonId" in body && body.reasonId !== null) lines.push(`  原因 / reason ${body.reasonId}`);
  lines.push(`  操作人 / by ${body.operatorId}`);
  if ("override" in body && body.override !== null)
    lines.push(`  放行 / let in by ${body.override.operatorId} (${body.override.reasonId})`);
  if ("signature" in body && body.signature !== null)
    lines.push(`  签字 / signed by ${body.signature.operatorId} (${body.signature.by})`);
  if ("photo" in body && body.photo?.kind === "taken") {
    lines.push(`  照片 / photo ${body.photo.photoSha256}`);
    // Only an eye can read the strip: this is what it must find there.
    if (body.photo.contentCode !== null)
      lines.push(`  照片下应写 / the strip must say: 内容码 content ${body.photo.contentCode}`);
  }
  return lines;
}
