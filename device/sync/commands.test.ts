import { describe, expect, it } from "vitest";
import { journalFixture } from "../journal/journal-fixture.ts";
import { CanteenError } from "../platform/errors.ts";
import { silentLogger } from "../platform/logger.ts";
import { SqliteCommandLog, syncMigrations } from "./command-log.ts";
import { answerCommand, type CommandHandler } from "./commands.ts";
import type { CommandMessage } from "./messages.ts";

function rig(handler?: CommandHandler) {
  const fixture = journalFixture({ migrations: [syncMigrations] });
  const { journal, clock, ids } = fixture;
  let ran = 0;
  const tare: CommandHandler =
    handler ??
    (() => {
      ran += 1;
      journal.append({ id: ids.next(), kind: "config.applied", body: { by: "command" } });
      return { status: "done", facts: { ran } };
    });
  const command: CommandMessage = {
    v: 1,
    id: "c-1",
    name: "tare",
    args: {},
    issuedAtMs: clock.now(),
    expiresAtMs: clock.now() + 1000,
  };
  let log = new SqliteCommandLog(fixture.db, journal);
  const answer = (more: Partial<CommandMessage> = {}) =>
    answerCommand({ ...command, ...more }, { log, handlers: { tare }, clock, logger: silentLogger });
  const restart = (): void => {
    const again = fixture.reopen();
    log = new SqliteCommandLog(again.db, again.journal);
  };
  return { answer, restart, clock, journal, ran: () => ran };
}

describe("commands", () => {
  it("are done once by id; a repetition gets the first answer, also after a restart", () => {
    const { answer, restart, ran } = rig();
    const first = answer();
    expect(first).toEqual({ v: 1, id: "c-1", status: "done", code: null, facts: { ran: 1 } });
    expect(answer()).toEqual(first);
    restart();
    expect(answer()).toEqual(first);
    expect(ran()).toBe(1);
  });

  it("are not done after they expired, unless they were done before", async () => {
    const { answer, clock, ran } = rig();
    answer();
    await clock.advance(2000);
    expect(answer().status).toBe("done");
    expect(answer({ id: "c-2" }).status).toBe("expired");
    expect(ran()).toBe(1);
  });

  it("are answered unknown when nobody does them, also when they are named like a method of objects", () => {
    const { answer } = rig();
    expect(answer({ name: "fly" }).status).toBe("unknown");
    expect(answer({ name: "constructor" }).status).toBe("unknown");
  });

  it("leave nothing behind when the work fails with a fault, so that a repetition may succeed", () => {
    let broken = true;
    const { answer, journal } = rig(() => {
      if (!broken) return { status: "done" };
      throw new CanteenError("no scale", {
        code: "scale-gone",
        retry: "backoff",
        hint: { zh: "秤未连接", en: "no scale" },
      });
    });
    expect(answer()).toMatchObject({ status: "failed", code: "scale-gone" });
    expect(journal.head().seq).toBe(0);
    broken = false;
    expect(answer().status).toBe("done");
  });
});
