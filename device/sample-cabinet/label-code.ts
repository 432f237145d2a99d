import type { JournalEntry } from "../journal/journal-port.ts";
import { sampleStoredSchema } from "./sample-entries.ts";

/**
 * What a label's QR code holds: one line that a phone shows as it is, and that anybody can compare with the journal.
 *
 *     CS1|site/device|seq|hash|date period|dish|stored|grams|person
 *     CS1|yanta-no1/line-1|4711|9f86d081884c7d65|2026-09-07 lunch|番茄炒蛋|2026-09-07T03:05Z|152g|op-li
 *
 * `hash` is the first 16 hex digits of the entry's hash (64 bits: nobody finds a second entry for it by trying), and
 * the entry's hash covers all the rest. `%`, `|` and control characters are written as in a URL.
 */
export const LABEL_PREFIX = "CS1";
export const LABEL_HASH_DIGITS = 16;
/** Longest code that is looked at; a QR code that prints at this size holds less. */
const CODE_LENGTH_MAX = 1024;

export interface LabelPlace {
  readonly site: string;
  readonly device: string;
}

/** @returns null for an entry that is no stored sample. */
export function labelCode(entry: JournalEntry, { site, device }: LabelPlace): string | null {
  const parsed = entry.kind === "sample.stored" ? sampleStoredSchema.safeParse(entry.body) : undefined;
  if (parsed?.success !== true) return null;
  const { meal, dish, weight, storedBy } = parsed.data;
  return [
    LABEL_PREFIX,
    `${site}/${device}`,
    String(entry.seq),
    entry.hash.slice(0, LABEL_HASH_DIGITS),
    `${meal.date} ${meal.periodId}`,
    dish.dishName.zh,
    `${new Date(entry.atMs).toISOString().slice(0, 16)}Z`,
    `${weight.netG}g`,
    storedBy.operatorId,
  ]
    .map(escaped)
    .join("|");
}

function escaped(field: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a label is one line
  return field.replace(/[%|\u0000-\u001f\u007f]/g, (character) => encodeURIComponent(character));
}

export type LabelFinding =
  | { readonly kind: "genuine"; readonly seq: number; readonly sampleId: string }
  | { readonly kind: "no-label" }
  /** Made by another terminal: its journal knows. */
  | { readonly kind: "elsewhere"; readonly place: string }
  | { readonly kind: "no-entry"; readonly seq: number }
  /** The entry is there and says something else than the label. */
  | { readonly kind: "differs"; readonly seq: number };

/** What a code read from a label is worth. */
export function checkLabel(
  code: string,
  place: LabelPlace,
  entryBySeq: (seq: number) => JournalEntry | undefined,
): LabelFinding {
  const fields = code.length > CODE_LENGTH_MAX ? [] : code.trim().split("|");
  const [prefix, where, seqText = ""] = fields;
  const seq = Number(seqText);
  if (
    prefix !== LABEL_PREFIX ||
    where === undefined ||
    fields.length !== 9 ||
    !/^[1-9]\d{0,15}$/.test(seqText)
  )
    return { kind: "no-label" };
  if (where !== escaped(`${place.site}/${place.device}`)) return { kind: "elsewhere", place: where };
  const entry = entryBySeq(seq);
  if (entry === undefined) return { kind: "no-entry", seq };
  return labelCode(entry, place) === code.trim()
    ? { kind: "genuine", seq, sampleId: entry.id }
    : { kind: "differs", seq };
}
