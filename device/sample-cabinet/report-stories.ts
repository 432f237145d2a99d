import type { JournalEntry } from "../journal/journal-port.ts";

/** What has a beginning and an end: one sample's life, one alarm's, a shelf, a defrost, a time out of service. */
export interface Story {
  readonly rows: (readonly [JournalEntry, number])[];
  readonly fromMs: number;
  /** Infinite while it goes on. */
  toMs: number;
  isWanted: boolean;
}

/** Something of it lies in the span, though none of its entries does. */
export function spans(
  { fromMs, toMs }: Pick<Story, "fromMs" | "toMs">,
  range: { readonly fromMs: number; readonly toMs: number },
): boolean {
  return fromMs < range.toMs && toMs >= range.fromMs;
}

type Part = "begins" | "goes-on" | "ends";

const SAMPLE_PARTS: Readonly<Record<string, Part>> = {
  "sample.stored": "begins",
  "sample.disposed": "ends",
  "sample.seized": "ends",
  "sample.voided": "ends",
};
/** While the condition holds: what only waits for somebody's word is told where that word was given. */
const ALARM_PARTS: Readonly<Record<string, Part>> = { "alarm.raised": "begins", "alarm.cleared": "ends" };
const CARE_PARTS: Readonly<Record<string, { readonly part: Part; readonly of: string }>> = {
  "alarm.shelved": { part: "begins", of: "shelf" },
  "alarm.unshelved": { part: "ends", of: "shelf" },
  "alarm.suppressed": { part: "begins", of: "defrost" },
  "alarm.unsuppressed": { part: "ends", of: "defrost" },
  "alarm.out-of-service": { part: "begins", of: "service" },
  "alarm.in-service": { part: "ends", of: "service" },
};

interface Telling {
  readonly name: string;
  readonly part: Part;
  /** The same name begins again and again, each time another story. */
  readonly isEpisode: boolean;
}

/** @param withCare  shelves, defrosts and times out of service are stories as well. */
function tellingOf({ kind, body }: JournalEntry, withCare: boolean): Telling | null {
  const { sampleId, alarmId, cabinetId, key, probeId } = body;
  if (kind.startsWith("sample.") && typeof sampleId === "string")
    return { name: `sample ${sampleId}`, part: SAMPLE_PARTS[kind] ?? "goes-on", isEpisode: false };
  if (kind.startsWith("alarm.") && typeof alarmId === "string")
    return { name: `alarm ${alarmId}`, part: ALARM_PARTS[kind] ?? "goes-on", isEpisode: false };
  const care = withCare ? CARE_PARTS[kind] : undefined;
  if (care === undefined) return null;
  return { name: JSON.stringify([care.of, cabinetId, key, probeId]), part: care.part, isEpisode: true };
}

/** Puts the entries of a journal together to stories, in the order of the journal. */
export class Stories {
  readonly #withCare: boolean;
  readonly #current = new Map<string, Story>();
  readonly #past: Story[] = [];

  constructor(withCare: boolean) {
    this.#withCare = withCare;
  }

  /** @returns whether the entry is part of one. */
  tell(entry: JournalEntry, size: number, isWanted: boolean): boolean {
    const telling = tellingOf(entry, this.#withCare);
    if (telling === null) return false;
    const { name, part, isEpisode } = telling;
    const before = this.#current.get(name);
    const isNew = before === undefined || (isEpisode && part === "begins");
    if (isNew && before !== undefined) this.#past.push(before);
    const story = isNew
      ? { rows: [], fromMs: entry.atMs, toMs: Number.POSITIVE_INFINITY, isWanted: false }
      : before;
    story.rows.push([entry, size]);
    story.isWanted ||= isWanted;
    if (part === "begins") story.toMs = Number.POSITIVE_INFINITY;
    if (part === "ends") story.toMs = entry.atMs;
    this.#current.set(name, story);
    return true;
  }

  all(): readonly Story[] {
    return [...this.#past, ...this.#current.values()];
  }
}
