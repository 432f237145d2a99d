import fc from "fast-check";
import { expect, test } from "vitest";
import { openDatabase } from "../journal/database.ts";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import { journalMigrations } from "../journal/journal-tables.ts";
import { openJournal } from "../journal/sqlite-journal.ts";
import { TimeTrustTracker } from "../platform/time-trust.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { hoursAreOver, type Moment, provenMsBetween, SampleClock, sampleMigrations } from "./sample-clock.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NEEDED_MS = 48 * HOUR_MS;

/** A terminal whose true time the test knows: the virtual clock's monotonic side, which no step touches. */
class Terminal {
  readonly clock = new VirtualClock(Date.UTC(2026, 8, 7));
  readonly #trueStartMs = Date.UTC(2026, 8, 7);
  readonly #db = openDatabase({
    file: `${temporaryFolder()}/t.db`,
    clock: this.clock,
    migrations: [journalMigrations, sampleMigrations],
  });
  timeTrust = new TimeTrustTracker({ clock: this.clock, onStepped: () => {} });
  sampleClock = this.#start();

  #start(): SampleClock {
    const { clock, timeTrust } = this;
    const journal = openJournal({ db: this.#db, clock, timeTrust, projections: [] });
    return new SampleClock({ db: this.#db, journal, clock, timeTrust });
  }

  trueMs(): number {
    return this.#trueStartMs + this.clock.mono();
  }

  /** The cloud said what time it is; the wall is set right, as the system's own service would. */
  sync(): void {
    this.clock.stepWall(this.trueMs() - this.clock.now());
    this.timeTrust.reportReference(this.trueMs(), 0);
    this.sampleClock.save();
  }

  async run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= HOUR_MS) {
      await this.clock.advance(Math.min(left, HOUR_MS));
      this.sampleClock.tick();
    }
  }

  /** Off for so long; the battery's clock may have been set meanwhile. `isCrash`: nothing was saved before. */
  async off(ms: number, stepMs: number, isCrash: boolean): Promise<void> {
    if (!isCrash) this.sampleClock.save();
    const last = { atMs: this.clock.now(), timeTrust: this.timeTrust.current() };
    await this.clock.advance(ms);
    this.clock.stepWall(stepMs);
    this.timeTrust = new TimeTrustTracker({ clock: this.clock, onStepped: () => {} });
    this.timeTrust.resume(last, 120 * DAY_MS);
    this.sampleClock = this.#start();
  }

  store(): Moment {
    this.sampleClock.save();
    return this.sampleClock.now();
  }

  close(): void {
    this.#db.close();
  }

  isOver(from: Moment): boolean {
    return hoursAreOver(this.sampleClock.hoursSince(from, NEEDED_MS));
  }
}

test("whatever is done to the clock and the power, no sample counts as kept before its hours have truly passed", async () => {
  const ms = fc.integer({ min: 0, max: 30 * HOUR_MS });
  const jump = fc.oneof(
    fc.constantFrom(-DAY_MS, DAY_MS, 0, 3 * DAY_MS, -400 * DAY_MS, 10 * 365 * DAY_MS),
    fc.integer({ min: -3 * DAY_MS, max: 3 * DAY_MS }),
  );
  const step = fc.oneof(
    fc.record({ kind: fc.constant("run" as const), ms }),
    fc.record({ kind: fc.constant("off" as const), ms, jump, isCrash: fc.boolean() }),
    fc.record({ kind: fc.constant("set" as const), jump }),
    fc.record({ kind: fc.constant("sync" as const) }),
    fc.record({ kind: fc.constant("store" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
      const terminal = new Terminal();
      const stored: { readonly from: Moment; readonly trueMs: number }[] = [];
      for (const each of steps) {
        switch (each.kind) {
          case "run":
            await terminal.run(each.ms);
            break;
          case "off":
            await terminal.off(each.ms, each.jump, each.isCrash);
            break;
          case "set":
            terminal.clock.stepWall(each.jump);
            break;
          case "sync":
            terminal.sync();
            break;
          case "store":
            stored.push({ from: terminal.store(), trueMs: terminal.trueMs() });
            break;
        }
        for (const { from, trueMs } of stored)
          if (terminal.isOver(from)) expect(terminal.trueMs() - trueMs).toBeGreaterThanOrEqual(NEEDED_MS);
      }
      terminal.close();
    }),
    { numRuns: 40 },
  );
});

test("a clock that is set a day forward frees nothing, running or off", async () => {
  const terminal = new Terminal();
  terminal.sync();
  const running = terminal.store();
  await terminal.run(25 * HOUR_MS);
  terminal.clock.stepWall(DAY_MS);
  expect(terminal.sampleClock.hoursSince(running, NEEDED_MS)).toMatchObject({ wallMs: 49 * HOUR_MS });
  expect(terminal.isOver(running)).toBe(false);

  await terminal.off(60_000, DAY_MS, false);
  expect(terminal.timeTrust.current()).toBe("unknown");
  expect(terminal.isOver(running)).toBe(false);
});

test("a battery's clock that was set forward while the terminal was off looks plausible, and frees nothing", async () => {
  const terminal = new Terminal();
  terminal.sync();
  const stored = terminal.store();
  await terminal.run(HOUR_MS);
  await terminal.off(HOUR_MS, 2 * DAY_MS, false);
  expect(terminal.timeTrust.current()).toBe("held");
  expect(terminal.isOver(stored)).toBe(false);
});

test("a clock that is set a day back keeps a sample until it is right again", async () => {
  const terminal = new Terminal();
  terminal.sync();
  const stored = terminal.store();
  await terminal.run(49 * HOUR_MS);
  terminal.clock.stepWall(-DAY_MS);
  expect(terminal.isOver(stored)).toBe(false);
  terminal.sync();
  expect(terminal.isOver(stored)).toBe(true);
});

test("a weekend without power counts where the clock was right before and after it", async () => {
  const terminal = new Terminal();
  terminal.sync();
  const stored = terminal.store();
  await terminal.run(HOUR_MS);
  await terminal.off(60 * HOUR_MS, 0, true);
  expect(terminal.isOver(stored)).toBe(false);
  terminal.sync();
  expect(terminal.isOver(stored)).toBe(true);
});

test("without the cloud for weeks, running time alone is proof enough", async () => {
  const terminal = new Terminal();
  const stored = terminal.store();
  await terminal.run(NEEDED_MS);
  expect(terminal.isOver(stored)).toBe(false);
  // A crystal may be a hundred parts per million fast: 17 seconds in two days.
  await terminal.run(18_000);
  expect(terminal.isOver(stored)).toBe(true);
});

test("a mark at the very count of a sample may be of before a long rest, and is passed over", async () => {
  const terminal = new Terminal();
  terminal.sync();
  await terminal.off(100 * HOUR_MS, 0, true);
  const stored = terminal.store();
  expect(stored.trust).toBe("held");
  terminal.sync();
  expect(terminal.isOver(stored)).toBe(false);
});

test("marks prove the rest between them and running time the ends", () => {
  const from: Moment = { ranMs: 0, wallMs: 0, trust: "unknown" };
  const to: Moment = { ranMs: 5 * HOUR_MS, wallMs: 0, trust: "unknown" };
  const marks = {
    first: { ranMs: HOUR_MS, wallMs: DAY_MS },
    last: { ranMs: 2 * HOUR_MS, wallMs: 3 * DAY_MS },
  };
  const proven = provenMsBetween(from, to, marks);
  expect(proven).toBeLessThan(HOUR_MS + 2 * DAY_MS + 3 * HOUR_MS);
  expect(proven).toBeGreaterThan(HOUR_MS + 2 * DAY_MS + 3 * HOUR_MS - 20_000);
});
