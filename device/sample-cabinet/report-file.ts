import { createHash } from "node:crypto";
import { canonicalEntry, canonicalJson } from "../journal/entry-hash.ts";
import type { JournalEntry } from "../journal/journal-port.ts";
import { type ReportData, reportHeaderSchema } from "./report-data.ts";

/** How a report's data lies in its page, and how it is found there again. */

const OPENING = '<script type="application/json" id="report-header">';
const ENTRIES_OPENING = '<script type="application/x-ndjson" id="report-entries">';
const CLOSING = "</script>";

/** The one number that closes a report: over its header and, by their hashes, all of its entries in their order. */
export function closingHash({ header, entries }: ReportData): string {
  const closed = { header, entries: entries.map(({ seq, hash }) => [seq, hash]) };
  return createHash("sha256").update(canonicalJson(closed), "utf8").digest("hex");
}

/**
 * What a report's QR code on the terminal's screen holds: one line that a phone shows as it is and keeps.
 *
 *     CR1|site/device|first date|last date|entries|closing hash
 */
export function reportCode(
  { site, device, fromDate, toDate }: Pick<ReportData["header"], "site" | "device" | "fromDate" | "toDate">,
  { entries, closing }: { readonly entries: number; readonly closing: string },
): string {
  return ["CR1", `${site}/${device}`, fromDate, toDate, String(entries), closing].join("|");
}

export function dataElements({ header, entries }: ReportData): string {
  const lines = entries.map((entry) => inScript(canonicalEntry(entry)));
  return [
    `${OPENING}${inScript(canonicalJson(header))}${CLOSING}`,
    `${ENTRIES_OPENING}\n${lines.join("\n")}\n${CLOSING}`,
  ].join("\n");
}

/** A `<` inside of JSON is always in a string, where \u003c is the same character and ends no element. */
const inScript = (json: string): string => json.replaceAll("<", "\\u003c");

/** @returns undefined where the page holds no report. The entries are not believed yet. */
export function dataOfPage(html: string): ReportData | undefined {
  const headerText = between(html, OPENING);
  const entriesText = between(html, ENTRIES_OPENING);
  if (headerText === undefined || entriesText === undefined) return undefined;
  try {
    const header = reportHeaderSchema.safeParse(JSON.parse(headerText));
    if (!header.success) return undefined;
    const lines = entriesText.split("\n").filter((line) => line !== "");
    const entries = lines.map((line) => JSON.parse(line) as JournalEntry);
    return entries.every(isEntryShaped) ? { header: header.data, entries } : undefined;
  } catch {
    return undefined;
  }
}

function between(html: string, opening: string): string | undefined {
  const start = html.indexOf(opening);
  const end = html.indexOf(CLOSING, start);
  return start < 0 || end < 0 ? undefined : html.slice(start + opening.length, end);
}

function isEntryShaped(entry: unknown): boolean {
  if (typeof entry !== "object" || entry === null) return false;
  const { seq, id, kind, atMs, timeTrust, body, prevHash, hash } = entry as Partial<JournalEntry>;
  return (
    Number.isSafeInteger(seq) &&
    Number.isSafeInteger(atMs) &&
    [id, kind, timeTrust, prevHash, hash].every((text) => typeof text === "string") &&
    typeof body === "object" &&
    body !== null
  );
}
