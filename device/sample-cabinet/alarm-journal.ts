import type { EntryDraft, Journal, JsonObject } from "../journal/journal-port.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";

export interface UnwrittenEntry {
  readonly kind: string;
  readonly body: JsonObject;
}

/** An alarm sounds although the disk is full; its entries wait here, in order, until they can be written. */
const WAITING_MAX = 2000;
const RETRY_MS = 5000;

/** Writes the cabinet's entries: what the world did sooner or later, what a person does now or not at all. */
export class AlarmJournal {
  readonly #journal: Journal;
  readonly #ids: IdSource;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #waiting: EntryDraft[] = [];
  #timer: Timer | null = null;
  #fault: string | null = null;

  constructor(options: {
    readonly journal: Journal;
    readonly ids: IdSource;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#journal = options.journal;
    this.#ids = options.ids;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Why entries wait; null when none does. */
  get fault(): string | null {
    return this.#fault;
  }

  /** It has happened and cannot be refused: written now, or as soon as the disk takes it. */
  record(entry: UnwrittenEntry): void {
    this.#waiting.push(this.#draft(entry));
    if (this.#waiting.length > WAITING_MAX) {
      this.#waiting.shift();
      this.#logger.error(
        { fault: this.#fault },
        "an entry of the cabinet is lost: too many wait for the disk",
      );
    }
    this.#flush();
  }

  /** As `record`, but nothing waits for it: a summary of five minutes is not worth a place in the line. */
  recordIfPossible(entry: UnwrittenEntry): void {
    if (this.#flush()) this.#tryWrite([this.#draft(entry)]);
  }

  /** @returns whether all of it is on the disk; otherwise nothing is. */
  commit(entries: readonly UnwrittenEntry[]): boolean {
    if (!this.#flush()) return false;
    return this.#tryWrite(entries.map((entry) => this.#draft(entry)));
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** @returns whether nothing waits any more. */
  #flush(): boolean {
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting;
      if (first === undefined || !this.#tryWrite([first])) break;
      this.#waiting.shift();
    }
    if (this.#waiting.length === 0) return true;
    this.#timer ??= this.#clock.after(RETRY_MS, () => {
      this.#timer = null;
      this.#flush();
    });
    return false;
  }

  #tryWrite(drafts: readonly EntryDraft[]): boolean {
    try {
      this.#journal.transact(() => {
        for (const draft of drafts) this.#journal.append(draft);
      });
      this.#fault = null;
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      if (this.#fault !== error.code)
        this.#logger.error({ code: error.code }, "the cabinet's entries wait for the disk");
      this.#fault = error.code;
      return false;
    }
  }

  #draft({ kind, body }: UnwrittenEntry): EntryDraft {
    return { id: this.#ids.next(), kind, body };
  }
}
