import type { Database, Statement } from "better-sqlite3";

/**
 * The versions under which the roster goes down: numbers that only grow.
 *
 * The cloud may be put back from a backup and not know it, while terminals hold what it sent since, and more of that may
 * still be on its way. So
 * - a version is never given out twice for other contents: each is at least the time at which it is given out, in
 *   milliseconds. That holds as long as the clock of the cloud that was put back is not behind that of the lost one;
 * - only what this process gave out is sure to be its own. A terminal with another version is sent everyone, not a
 *   delta: it would join what the lost cloud had changed to what this one has;
 * - nor does a snapshot go under a version of before: a terminal that has a part of a newer one, of the lost cloud, would
 *   pass it over until the next change, and it may not be the terminal that gives way, or a late snapshot would bring an
 *   older state back.
 *
 * Changes wait under `next()` and become a version when somebody asks for the newest: a backlog of thousands of charges is
 * one version, and the numbers cannot run ahead of the clock.
 */
export class RosterVersions {
  readonly #now: () => number;
  readonly #newest: Statement<[], number>;
  readonly #isPending: Statement<[number], number>;
  readonly #set: Statement<[number]>;
  /** The first version of this process; null before it gave one out. */
  #first: number | null = null;

  constructor(db: Database, now: () => number) {
    this.#now = now;
    this.#newest = db.prepare<[], number>("SELECT version FROM roster").pluck();
    this.#isPending = db
      .prepare<[number], number>("SELECT 1 FROM person WHERE changed_in > ? LIMIT 1")
      .pluck();
    this.#set = db.prepare("UPDATE roster SET version = ?");
  }

  /** Under which a change is kept until it has a version of its own. */
  next(): number {
    return this.#issued() + 1;
  }

  /** The newest version, with all changes so far in it; 0 before the first. */
  settled(): number {
    const issued = this.#issued();
    return this.#isPending.get(issued) === undefined ? issued : this.#issue(issued);
  }

  /**
   * Under which everyone goes to a terminal that has `have`: the newest, if this process gave it out and it is above that.
   * Otherwise a fresh one; beside a version that is neither here nor below, what was given out before is strange, too.
   */
  forSnapshot(have: number): number {
    const newest = this.settled();
    if (have <= newest && this.isOwn(newest)) return newest;
    this.#first = null;
    return this.#issue(Math.max(have, newest));
  }

  /** Whether this process gave this version out. */
  isOwn(version: number): boolean {
    return this.#first !== null && version >= this.#first && version <= this.#issued();
  }

  #issued(): number {
    return this.#newest.get() ?? 0;
  }

  #issue(above: number): number {
    const version = Math.max(above + 1, this.#now());
    this.#first ??= version;
    this.#set.run(version);
    return version;
  }
}
