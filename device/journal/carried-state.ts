import { createHash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Database } from "better-sqlite3";
import { z } from "zod";
import { CanteenError } from "../platform/errors.ts";
import type { ChainHead } from "./chain.ts";
import { databaseDamaged } from "./database-fault.ts";
import type { Projection } from "./journal-port.ts";
import { quoted, schemaHash } from "./projection-schema.ts";

/**
 * What the projections' tables held when the pruned entries were the newest: the beginning for whoever computes them
 * again. The rows lie compressed in `journal_carried`, in pieces that are named by the hash of their text; the list
 * of those names is `journal_base.carried`, and its hash is in a `journal.pruned` entry, under the next signature.
 */
export interface CarriedTable {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rowCount: number;
  /** SHA-256 of each piece, in the order of the primary key. */
  readonly pieces: readonly string[];
}

export interface CarriedProjection {
  readonly projection: string;
  readonly schemaSha256: string;
  readonly tables: readonly CarriedTable[];
}

/** Where a pruned journal begins. */
export interface JournalBase extends ChainHead {
  readonly carried: readonly CarriedProjection[];
  readonly carriedSha256: string;
}

/** Rows of one piece: what is written and read at once. */
export const PIECE_ROWS_MAX = 500;

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
const carriedSchema = z.array(
  z.strictObject({
    projection: z.string(),
    schemaSha256: sha256Hex,
    tables: z.array(
      z.strictObject({
        table: z.string(),
        columns: z.array(z.string()),
        rowCount: z.int().min(0),
        pieces: z.array(sha256Hex),
      }),
    ),
  }),
);

const cell = z.union([
  z.string(),
  z.number(),
  z.null(),
  z.strictObject({ blob: z.base64() }).transform(({ blob }) => Buffer.from(blob, "base64")),
]);
const rowSchema = z.array(cell);

export type Cell = string | number | null | Buffer;

export const carriedText = (carried: readonly CarriedProjection[]): string => JSON.stringify(carried);
export const sha256Of = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * @returns null while nothing was pruned.
 * @throws CanteenError `database-damaged` when the list is not the one that was recorded.
 */
export function readBase(db: Database): JournalBase | null {
  if (!hasBaseTable(db)) return null;
  const row = db
    .prepare<[], { seq: number; hash: string; carried: string; carried_sha256: string }>(
      "SELECT seq, hash, carried, carried_sha256 FROM journal_base",
    )
    .get();
  if (row === undefined) return null;
  const { seq, hash, carried, carried_sha256: carriedSha256 } = row;
  if (sha256Of(carried) !== carriedSha256)
    throw carriedDamaged("the list of the carried state is another one");
  const parsed = carriedSchema.safeParse(JSON.parse(carried));
  if (!parsed.success) throw carriedDamaged("the list of the carried state cannot be read");
  return { seq, hash, carried: parsed.data, carriedSha256 };
}

/** A database that an earlier release wrote, and that was not opened since. */
function hasBaseTable(db: Database): boolean {
  const select = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'journal_base'";
  return db.prepare<[], number>(select).pluck().get() === 1;
}

/** One piece's text and its compressed form. @param rows in the order of the primary key. */
export function pieceOf(rows: readonly (readonly Cell[])[]): {
  readonly sha256: string;
  readonly bytes: Buffer;
} {
  const text = rows.map((row) => JSON.stringify(row.map(storedCell))).join("\n");
  return { sha256: sha256Of(text), bytes: deflateRawSync(text) };
}

const storedCell = (value: Cell): unknown =>
  Buffer.isBuffer(value) ? { blob: value.toString("base64") } : value;

/** @throws CanteenError `database-damaged` when the piece is gone or not the one that it is called. */
function readPiece(db: Database, sha256: string): readonly (readonly Cell[])[] {
  const bytes = db
    .prepare<[string], Buffer>("SELECT bytes FROM journal_carried WHERE sha256 = ?")
    .pluck()
    .get(sha256);
  const text = bytes === undefined ? undefined : inflated(bytes);
  if (text === undefined || sha256Of(text) !== sha256) throw carriedDamaged("a piece of the carried state");
  return text === "" ? [] : text.split("\n").map((line) => rowSchema.parse(JSON.parse(line)));
}

function inflated(bytes: Buffer): string | undefined {
  try {
    return inflateRawSync(bytes).toString("utf8");
  } catch {
    return undefined;
  }
}

/**
 * Fills a projection's empty tables with what was carried, a piece at each step.
 * A release that changed the tables gets the columns that both know; what it adds must do with its default.
 * @param from holds the carried pieces. @param into holds the empty tables.
 * @throws CanteenError `database-damaged`, `carried-state-unfit`.
 */
export function* fillCarried(
  from: Database,
  into: Database,
  base: JournalBase,
  projection: Projection,
): Generator<void, void, void> {
  const carried = base.carried.find((candidate) => candidate.projection === projection.name);
  if (carried === undefined) return;
  // Parents after children in `tables`: with the rows of both there, the keys agree again.
  for (const { table, columns, pieces } of carried.tables.toReversed()) {
    if (!projection.tables.includes(table)) continue;
    const known = new Set(columnsOf(into, table));
    const kept = columns.flatMap((name, index) => (known.has(name) ? [{ name, index }] : []));
    const insert = into.prepare<unknown[]>(
      `INSERT INTO ${quoted(table)} (${kept.map(({ name }) => quoted(name)).join(", ")})
       VALUES (${kept.map(() => "?").join(", ")})`,
    );
    for (const piece of pieces) {
      const rows = readPiece(from, piece);
      for (const row of rows) {
        try {
          insert.run(...kept.map(({ index }) => row[index]));
        } catch (cause) {
          throw carriedUnfit(projection, table, cause);
        }
      }
      yield;
    }
  }
}

export function columnsOf(db: Database, table: string): string[] {
  return db
    .prepare<[string], string>("SELECT name FROM pragma_table_info(?) ORDER BY cid")
    .pluck()
    .all(table);
}

/**
 * Writes down what the projections' tables hold, a piece at each step.
 * @param keep puts a piece where it is to lie; one that is there already is the same.
 */
export function* dumpTables(
  db: Database,
  projections: readonly Projection[],
  keep: (piece: { readonly sha256: string; readonly bytes: Buffer }) => void,
): Generator<void, CarriedProjection[], void> {
  const carried: CarriedProjection[] = [];
  for (const projection of projections) {
    const tables: CarriedTable[] = [];
    for (const table of projection.tables) tables.push(yield* dumpTable(db, table, keep));
    carried.push({ projection: projection.name, schemaSha256: schemaHash(projection), tables });
  }
  return carried;
}

function* dumpTable(
  db: Database,
  table: string,
  keep: (piece: { readonly sha256: string; readonly bytes: Buffer }) => void,
): Generator<void, CarriedTable, void> {
  const columns = columnsOf(db, table);
  const keys = db
    .prepare<[string], string>("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk")
    .pluck()
    .all(table);
  const all = `SELECT ${columns.map(quoted).join(", ")} FROM ${quoted(table)}`;
  const key = keys.map(quoted).join(", ");
  const end = `ORDER BY ${key} LIMIT ${PIECE_ROWS_MAX}`;
  const first = db.prepare<[], Cell[]>(`${all} ${end}`).raw();
  const next = db
    .prepare<unknown[], Cell[]>(`${all} WHERE (${key}) > (${keys.map(() => "?").join(", ")}) ${end}`)
    .raw();
  const places = keys.map((name) => columns.indexOf(name));
  const pieces: string[] = [];
  let rowCount = 0;
  for (let rows = first.all(); rows.length > 0; ) {
    const piece = pieceOf(rows);
    keep(piece);
    pieces.push(piece.sha256);
    rowCount += rows.length;
    const last = rows.at(-1) ?? [];
    yield;
    rows = rows.length < PIECE_ROWS_MAX ? [] : next.all(...places.map((place) => last[place]));
  }
  return { table, columns, rowCount, pieces };
}

const carriedDamaged = (what: string): CanteenError =>
  databaseDamaged(`${what} does not have its hash`, null);

function carriedUnfit(projection: Projection, table: string, cause: unknown): CanteenError {
  return new CanteenError(`carried rows do not fit into ${projection.name}/${table}`, {
    code: "carried-state-unfit",
    retry: "after-operator",
    hint: {
      zh: "此版本无法读取已清理流水的结转数据。请装回先前的版本并联系技术人员。",
      en: "This release cannot read what was carried over from pruned entries. Go back to the release before and call support.",
    },
    cause,
  });
}
