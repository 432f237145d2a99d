import type { Clock, Timer } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { MonoMs } from "../platform/units.ts";
import {
  CHECKPOINT_KIND,
  type CheckpointSigner,
  checkpointOfBody,
  codeOf,
  DIGEST_BYTES,
  DIGESTS_MAX,
  digestOfRow,
  signCheckpoint,
} from "./checkpoint.ts";
import { canonicalBody } from "./entry-hash.ts";
import type { Journal, JournalEntry } from "./journal-port.ts";

export interface CheckpointOptions {
  readonly journal: Journal;
  readonly signer: CheckpointSigner;
  readonly site: string;
  readonly device: string;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly periodMs?: number;
}

export interface Checkpoints {
  /** The newest one as the line under the QR code; null before the first. */
  latestCode(): string | null;
  close(): void;
}

const PERIOD_MS = 3_600_000;
/** How often is looked whether one is due; the work is done outside of any charge. */
const LOOK_PERIOD_MS = 60_000;
/** One is due before the list of digests is full: what comes between two looks fits in too. */
const ENTRIES_DUE = DIGESTS_MAX - 500;
const READ_BYTES_MAX = 256 * 1024 * 1024;

/** Signs the journal's head at the start, each hour in which something was written, and after many entries. */
export function startCheckpoints(options: CheckpointOptions): Checkpoints {
  return new CheckpointWriter(options);
}

class CheckpointWriter implements Checkpoints {
  readonly #options: CheckpointOptions;
  readonly #periodMs: number;
  readonly #timer: Timer;
  /** The newest checkpoint's own entry. */
  #last: JournalEntry | null;
  #lastMs: MonoMs | null = null;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#periodMs = options.periodMs ?? PERIOD_MS;
    this.#last = lastCheckpoint(options.journal);
    this.#timer = options.clock.every(LOOK_PERIOD_MS, () => this.#look());
  }

  latestCode(): string | null {
    const checkpoint = checkpointOfBody(this.#last?.body);
    return checkpoint === undefined ? null : codeOf(checkpoint);
  }

  close(): void {
    this.#timer.cancel();
  }

  #look(): void {
    const { journal, clock, logger } = this.#options;
    try {
      const freshCount = journal.head().seq - (this.#last?.seq ?? 0);
      if (freshCount === 0) return;
      const isDue = this.#lastMs === null || clock.mono() - this.#lastMs >= this.#periodMs;
      if (!isDue && freshCount < ENTRIES_DUE) return;
      this.#make();
    } catch (error) {
      // A full or failed disk stops the sales by itself; the next look tries again.
      if (!isFault(error)) throw error;
      logger.warn({ code: error.code }, "the journal's checkpoint could not be written");
    }
  }

  #make(): void {
    const { journal, signer, site, device, clock, ids } = this.#options;
    const last = this.#last;
    this.#last = journal.transact(() => {
      const { seq, hash } = journal.head();
      // The checkpoint before is itself the first entry of the next list.
      const digestsFrom = Math.max(last?.seq ?? 1, seq - DIGESTS_MAX + 1);
      const limits = { countMax: seq - digestsFrom + 1, bytesMax: READ_BYTES_MAX };
      const digests = digestsOf(journal.readAfter(digestsFrom - 1, limits));
      const body = signCheckpoint(
        { site, device, seq, hash, atMs: clock.now(), digestsFrom },
        digests,
        signer,
      );
      return journal.append({ id: ids.next(), kind: CHECKPOINT_KIND, body }).entry;
    });
    this.#lastMs = clock.mono();
  }
}

/** One was due before this many entries, so it is not further back. */
function lastCheckpoint(journal: Journal): JournalEntry | null {
  const { seq: headSeq } = journal.head();
  for (let seq = headSeq; seq > Math.max(0, headSeq - DIGESTS_MAX); seq--) {
    const entry = journal.entryBySeq(seq);
    if (entry?.kind === CHECKPOINT_KIND) return entry;
  }
  return null;
}

function digestsOf(entries: readonly JournalEntry[]): Uint8Array {
  const digests = Buffer.alloc(entries.length * DIGEST_BYTES);
  for (const [index, { seq, id, kind, atMs, timeTrust, body, prevHash, hash }] of entries.entries()) {
    digestOfRow({
      ...{ seq, id, kind, hash },
      at_ms: atMs,
      time_trust: timeTrust,
      body: canonicalBody(body),
      prev_hash: prevHash,
    }).copy(digests, index * DIGEST_BYTES);
  }
  return digests;
}
