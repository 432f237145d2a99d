import { randomUUID } from "node:crypto";
import type { Database, Statement } from "better-sqlite3";
import {
  PHOTOS_ASKED_MAX,
  type PhotoAnswerMessage,
  type PhotoRequestMessage,
} from "../../device/sync/photo-messages.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";

/** Every entry that quotes a photo does so under these two names, whatever it is about. */
const QUOTE = /"(photo|thumbnail)Sha256":"([0-9a-f]{64})"/g;
/** A photo follows its entry; behind a backlog it takes longer, and then the question costs a message and changes nothing. */
const PATIENCE_MS = 600_000;
const ASK_WAIT_MS_MIN = 15_000;
const ASK_WAIT_MS_MAX = 3_600_000;
/** A terminal that was restored takes up its photos within an hour or so: what it does not know by then is lost. */
const UNKNOWN_ASKS_MAX = 10;

/** What became of a photo that an entry quotes. */
export interface QuotedPhoto {
  readonly state: "wanted" | "here" | "lost";
  readonly lostWhy: PhotoAnswerMessage["gone"][number]["why"] | null;
  readonly deletedAtMs: number | null;
}

export interface PhotoQuotesOptions {
  readonly db: Database;
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  readonly patienceMs?: number;
  readonly askWaitMsMin?: number;
}

type Where = [site: string, device: string];

/**
 * Which photos this cloud should have: the journal says it. What does not come, or was here and is not any more (a disk
 * that failed, a table put back from a backup), is asked for, a page at a time, more and more seldom, until the terminal
 * has sent it or says that it cannot.
 */
export class PhotoQuotes {
  readonly #options: PhotoQuotesOptions;
  readonly #quote: Statement<[...Where, string, string, string, number]>;
  readonly #due: Statement<[...Where, number, number], { sha256: string }>;
  readonly #underWay: Statement<[...Where, number], number>;
  readonly #asked: Statement<[number, ...Where, string]>;
  readonly #lost: Statement<[string, number | null, number | null, ...Where, string, string, number]>;
  readonly #here: Statement<[...Where, string]>;
  readonly #isHere: Statement<[...Where, string], number>;
  readonly #find: Statement<[string], QuotedPhoto>;
  readonly #lostNewest: Statement<[number], { sha256: string; why: string }>;

  constructor(options: PhotoQuotesOptions) {
    this.#options = options;
    const { db } = options;
    const one = "site = ? AND device = ? AND sha256 = ?";
    this.#quote = db.prepare(
      `INSERT OR IGNORE INTO photo_quote (site, device, sha256, size, state, next_ask_ms) VALUES (?, ?, ?, ?, ?, ?)`,
    );
    this.#due = db.prepare(
      `SELECT sha256 FROM photo_quote WHERE state = 'wanted' AND site = ? AND device = ? AND next_ask_ms <= ?
       ORDER BY size DESC, next_ask_ms LIMIT ?`,
    );
    this.#underWay = db
      .prepare<[...Where, number], number>(
        `SELECT count(*) FROM photo_quote
         WHERE state = 'wanted' AND site = ? AND device = ? AND next_ask_ms > ? AND asked_count > 0`,
      )
      .pluck();
    this.#asked = db.prepare(
      `UPDATE photo_quote SET asked_count = asked_count + 1, next_ask_ms = ? WHERE ${one}`,
    );
    this.#lost = db.prepare(
      `UPDATE photo_quote SET state = 'lost', lost_why = ?, acked_at_ms = ?, deleted_at_ms = ?
       WHERE ${one} AND state = 'wanted' AND (? <> 'unknown' OR asked_count >= ?)`,
    );
    this.#here = db.prepare(`UPDATE photo_quote SET state = 'here' WHERE ${one}`);
    this.#isHere = db.prepare<[...Where, string], number>(`SELECT 1 FROM photo WHERE ${one}`).pluck();
    this.#find = db.prepare(
      `SELECT state, lost_why AS lostWhy, deleted_at_ms AS deletedAtMs FROM photo_quote WHERE sha256 = ?
       ORDER BY state = 'here' DESC LIMIT 1`,
    );
    this.#lostNewest = db.prepare(
      "SELECT sha256, lost_why AS why FROM photo_quote WHERE state = 'lost' ORDER BY rowid DESC LIMIT ?",
    );
    this.#putRight();
  }

  /** An entry has joined its terminal's chain. */
  posted({ site, device }: TerminalAddress, body: unknown): void {
    const { now, patienceMs = PATIENCE_MS } = this.#options;
    for (const [, size, sha256] of JSON.stringify(body).matchAll(QUOTE)) {
      if (size === undefined || sha256 === undefined) continue;
      const state = this.#isHere.get(site, device, sha256) === 1 ? "here" : "wanted";
      this.#quote.run(site, device, sha256, size, state, now() + patienceMs);
    }
  }

  /** What to ask this terminal for now. Saved as asked when this returns. */
  request({ site, device }: TerminalAddress): PhotoRequestMessage | undefined {
    const { db, now } = this.#options;
    return db
      .transaction(() => {
        const hashes = this.#due.all(site, device, now(), PHOTOS_ASKED_MAX).map(({ sha256 }) => sha256);
        for (const sha256 of hashes) this.#asked.run(this.#nextAskMs(sha256), site, device, sha256);
        return hashes.length === 0 ? undefined : { v: 1 as const, ask: randomUUID(), hashes };
      })
      .immediate();
  }

  answered({ site, device }: TerminalAddress, { gone }: PhotoAnswerMessage): void {
    const { db } = this.#options;
    db.transaction(() => {
      for (const { sha256, why, ackedAtMs, deletedAtMs } of gone)
        this.#lost.run(why, ackedAtMs, deletedAtMs, site, device, sha256, why, UNKNOWN_ASKS_MAX);
    }).immediate();
  }

  /**
   * A photo came whole.
   * @returns whether all that was asked for has been answered: the next page may be asked for.
   */
  arrived({ site, device }: TerminalAddress, sha256: string): boolean {
    this.#here.run(site, device, sha256);
    return (this.#underWay.get(site, device, this.#options.now()) ?? 0) === 0;
  }

  find(sha256: string): QuotedPhoto | undefined {
    return this.#find.get(sha256);
  }

  /** Those that no terminal can send any more, the newest first. */
  lost(countMax: number): readonly { readonly sha256: string; readonly why: string }[] {
    return this.#lostNewest.all(countMax);
  }

  #nextAskMs(sha256: string): number {
    const { db, now, random, askWaitMsMin = ASK_WAIT_MS_MIN } = this.#options;
    const asked =
      db
        .prepare<[string], number>("SELECT max(asked_count) FROM photo_quote WHERE sha256 = ?")
        .pluck()
        .get(sha256) ?? 0;
    const waitMs = Math.min(ASK_WAIT_MS_MAX, askWaitMsMin * 2 ** Math.min(asked, 20));
    return now() + Math.round(waitMs * (0.5 + random() / 2));
  }

  /** At the start: quotes of a release before they were noted, and what is here and what is not, whatever was put back. */
  #putRight(): void {
    const { db, now } = this.#options;
    db.transaction(() => {
      const isNew = db.prepare("SELECT 1 FROM photo_quote LIMIT 1").get() === undefined;
      if (isNew) {
        const quoting = db.prepare<[], TerminalAddress & { body: string }>(
          `SELECT site, device, body FROM entry WHERE body LIKE '%Sha256":"%'`,
        );
        for (const { body, ...address } of quoting.all()) this.posted(address, JSON.parse(body));
      }
      const there =
        "EXISTS (SELECT 1 FROM photo p WHERE p.site = q.site AND p.device = q.device AND p.sha256 = q.sha256)";
      db.exec(`UPDATE photo_quote AS q SET state = 'here' WHERE state <> 'here' AND ${there}`);
      db.prepare<[number]>(
        `UPDATE photo_quote AS q SET state = 'wanted', asked_count = 0, next_ask_ms = ?
         WHERE state = 'here' AND NOT ${there}`,
      ).run(now());
    }).immediate();
  }
}
