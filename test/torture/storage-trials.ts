import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import Sqlite from "better-sqlite3";
import { verifyJournal } from "../../device/journal/verify.ts";
import type { CardSchool } from "../crash/card-school.ts";
import {
  BACKUP_POINTS,
  GONE_POINTS,
  type KillPoint,
  MIGRATION_POINTS,
  PRUNING_POINTS,
  RECOVERY_POINTS,
} from "./kill-point.ts";
import { HURRIED_FLAGS, killAt } from "./kill-trials.ts";
import { leftOver, strayPieces, wrongBackups } from "./storage-check.ts";
import { settle, startBroker, type Trial, type TrialContext, until, withSchool } from "./trial.ts";

const PAGE_BYTES = 4096;
const PAID_MORE = 2;
const WAIT_MS_MAX = 300_000;
const RELEASE = new URL("../releases/0.1.0.sql", import.meta.url);

/**
 * A terminal that is upgraded from the first release, backs up, prunes, is damaged and put back, and has to tell a
 * cloud from an old backup what it no longer holds: killed inside of each. `rounds` is how many points of each.
 */
export const storageKills: Trial = {
  name: "SIGKILL inside upgrade, backup, pruning, recovery",
  run: async (context) => {
    const broker = await startBroker();
    try {
      return await withSchool(context, broker, { people: 600 + context.rounds * 400 }, async (school) => {
        const kills = new StorageKills(school, context);
        for (const phase of [kills.upgrade, kills.backupAndPruning, kills.recovery, kills.cloudPutBack]) {
          await phase.call(kills);
          context.progress(kills.done());
          if (kills.problems.length > 0 || context.signal.aborted) break;
        }
        return { done: kills.done(), shownCount: school.shown.length, problems: kills.problems };
      });
    } finally {
      await broker.close();
    }
  },
};

class StorageKills {
  readonly problems: string[] = [];
  readonly #school: CardSchool;
  readonly #context: TrialContext;
  readonly #killed = new Map<KillPoint, number>();
  readonly #missed = new Map<KillPoint, number>();
  #restoreCloud: (() => Promise<void>) | null = null;
  /** How far the journal was when the cloud's copy was made. */
  #keptSeq = 0;

  constructor(school: CardSchool, context: TrialContext) {
    this.#school = school;
    this.#context = context;
  }

  done(): string {
    const text = (of: ReadonlyMap<KillPoint, number>): string =>
      [...of].map(([point, times]) => `${point} ${times}`).join(", ");
    const missed = this.#missed.size === 0 ? "" : `; not reached: ${text(this.#missed)}`;
    const count = [...this.#killed.values()].reduce((sum, times) => sum + times, 0);
    return `${count} kills: ${text(this.#killed)}${missed}`;
  }

  /** Each start comes to the next point: the one before had left its migration undone. */
  async upgrade(): Promise<void> {
    layRelease(this.#school.database);
    for (const point of this.#some(MIGRATION_POINTS, MIGRATION_POINTS.length)) {
      await this.#kill(point);
      // The tables of this release are not all there yet.
      const { ok } = verifyJournal(this.#school.database, []);
      this.#look(point, ok ? [] : ["journal verify finds the entries damaged"]);
    }
    await this.#school.firstPayment();
    this.#look("the upgrade", [...(await settle(this.#school)), ...leftOver(this.#school.dataFolder)]);
    // The cloud has to know the terminal's key before it believes what that signs.
    this.#look("the first checkpoint", [...(await this.#unhindered(0)), ...(await settle(this.#school))]);
    this.#keptSeq = this.#school.entryCount();
    this.#restoreCloud = this.#school.keepCloud();
  }

  async backupAndPruning(): Promise<void> {
    for (const point of this.#some([...BACKUP_POINTS, ...PRUNING_POINTS])) {
      // Each backup has a thread of its own, which counts for itself.
      const times = point.startsWith("prune") ? 1 + Math.floor(this.#context.entropy.uniform() * 2) : 1;
      await this.#kill(point, times, true);
      this.#look(point, [...this.#school.verify(), ...(await wrongBackups(this.#school.dataFolder))]);
    }
    this.#look("backups and pruning", [
      ...(await this.#unhindered(this.#keptSeq)),
      ...(await settle(this.#school)),
      ...leftOver(this.#school.dataFolder),
    ]);
  }

  /** The database is ruined, and each start of its recovery killed a little later. */
  async recovery(): Promise<void> {
    let isRuined = false;
    for (const point of this.#some(RECOVERY_POINTS)) {
      if (!isRuined) await this.#ruin();
      isRuined = await this.#kill(point);
      this.#look(point, await wrongBackups(this.#school.dataFolder));
    }
    this.#look("the recovery", [
      ...(await settle(this.#school)),
      ...(await wrongBackups(this.#school.dataFolder)),
      ...leftOver(this.#school.dataFolder),
    ]);
  }

  /** It asks for what is pruned; each answer is the terminal's first word to it. */
  async cloudPutBack(): Promise<void> {
    // The backup that the recovery used may be from before that was pruned.
    if (this.#school.prunedCount() <= this.#keptSeq)
      this.#look("pruning again", [
        ...(await this.#unhindered(this.#keptSeq)),
        ...(await settle(this.#school)),
      ]);
    for (const point of this.#some(GONE_POINTS)) {
      await this.#restoreCloud?.();
      await this.#kill(point);
      this.#look(point, this.#school.verify());
    }
    this.#look("the cloud put back", await settle(this.#school));
    if (!this.#school.hasGone()) this.problems.push("the cloud put back had missed nothing that was pruned");
  }

  async #kill(point: KillPoint, times = 1, hurried = false): Promise<boolean> {
    const isKilled = await killAt(this.#school, { point, times, hurried });
    const counts = isKilled ? this.#killed : this.#missed;
    counts.set(point, (counts.get(point) ?? 0) + 1);
    return isKilled;
  }

  #look(where: string, found: readonly string[]): void {
    this.problems.push(...found.map((problem) => `${where}: ${problem}`));
  }

  /** As many of them as there are rounds, in their order and spread over them; all of them again for more. */
  *#some(points: readonly KillPoint[], most = Number.POSITIVE_INFINITY): Generator<KillPoint, void, void> {
    for (let left = Math.min(this.#context.rounds, most); left > 0; left -= points.length) {
      const count = Math.min(left, points.length);
      const place = (index: number): number => Math.floor((index * count) / points.length);
      for (const [index, point] of points.entries()) {
        if (this.#context.signal.aborted || this.problems.length > 0) return;
        if (place(index + 1) !== place(index)) yield point;
      }
    }
  }

  /** A hurried life without a kill: pruning gets beyond an entry, and no piece is left that nobody names. */
  async #unhindered(beyondSeq: number): Promise<string[]> {
    const { database } = this.#school;
    const terminal = await this.#school.start({ nodeFlags: HURRIED_FLAGS });
    const payer = this.#school.pay(terminal);
    const isTidy = await until(
      () => this.#school.prunedCount() > beyondSeq && strayPieces(database) === 0,
      WAIT_MS_MAX,
    );
    await terminal.stop();
    await payer.ended();
    return isTidy ? [] : [`nothing was pruned beyond ${beyondSeq}, or pieces are left that nobody names`];
  }

  /** After a life of which the last backup knows nothing: what it sold only the cloud has then. */
  async #ruin(): Promise<void> {
    const school = this.#school;
    const terminal = await school.start();
    const payer = school.pay(terminal);
    const before = school.shown.length;
    if (!(await until(() => school.shown.length >= before + PAID_MORE, WAIT_MS_MAX)))
      this.problems.push("nobody could pay before the database was ruined");
    payer.close();
    await payer.ended();
    const late = await school.drained();
    if (late !== null) this.problems.push(late);
    await terminal.kill();
    ruin(school.database, this.#context);
  }
}

function layRelease(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const db = new Sqlite(file);
  db.exec(readFileSync(RELEASE, "utf8"));
  // Its people came from another cloud, whose versions say nothing to this one.
  db.exec("UPDATE roster_state SET version = 0");
  db.close();
}

/** Noise over all but the first page. */
function ruin(file: string, { entropy }: TrialContext): void {
  const handle = openSync(file, "r+");
  const noise = entropy.bytes(64 * PAGE_BYTES);
  writeSync(handle, noise, 0, noise.length, PAGE_BYTES);
  closeSync(handle);
}
