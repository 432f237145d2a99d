import { describe, expect, it } from "vitest";
import { journalFixture } from "../journal/journal-fixture.ts";
import type { Journal } from "../journal/journal-port.ts";
import { seededEntropy } from "../platform/entropy.ts";
import { CanteenError } from "../platform/errors.ts";
import { silentLogger } from "../platform/logger.ts";
import type { ReceiptMessage } from "./messages.ts";
import type { PublishOutcome } from "./mqtt-connection.ts";
import { type CloudTime, type OutgoingBatch, UplinkPump } from "./uplink-pump.ts";

const ZERO = "0".repeat(64);

function rig(change: (journal: Journal) => Journal = (journal) => journal) {
  const { journal, clock, ids } = journalFixture();
  const batches: OutgoingBatch[] = [];
  const times: CloudTime[] = [];
  let outcome: PublishOutcome = { kind: "acked" };
  const pump = new UplinkPump({
    journal: change(journal),
    publish: async (batch) => {
      batches.push(batch);
      return outcome;
    },
    limits: {
      ...{ batchesInFlightMax: 2, batchEntriesMax: 512, stallWaitMsMin: 1000 },
      ...{ receiptWaitMs: 1000, receiptWaitMsMax: 8000, conflictWaitMs: 60_000 },
    },
    clock,
    entropy: seededEntropy(3),
    logger: silentLogger,
    onChanged: () => {},
    onCloudTime: (time) => times.push(time),
  });
  const append = (count: number): void => {
    for (let index = 0; index < count; index++)
      journal.append({ id: ids.next(), kind: "temperature.summary", body: { index } });
  };
  const receipt = (ackedSeq: number, more: Partial<ReceiptMessage> = {}): ReceiptMessage => ({
    v: 1,
    ask: batches.at(-1)?.ask ?? null,
    ackedSeq,
    headHash: journal.entryBySeq(ackedSeq)?.hash ?? ZERO,
    missing: [],
    conflicts: [],
    cloudNowMs: 1_800_000_000_000,
    ...more,
  });
  const faults = () =>
    journal.readAfter(0, { countMax: 99, bytesMax: 1e6 }).filter(({ kind }) => kind === "device.fault");
  const short = (): string[] => batches.map(({ from, to }) => (to < from ? "ask" : `${from}-${to}`));
  return {
    ...{ journal, clock, pump, batches, times, append, receipt, faults, short },
    brokerAnswers: (next: PublishOutcome) => {
      outcome = next;
    },
  };
}

describe("UplinkPump", () => {
  it("asks first, then sends what is appended, and closes it by receipt alone", () => {
    const { pump, append, receipt, short, journal } = rig();
    append(3);
    pump.connected("c1");
    expect(short()).toEqual(["ask"]);
    pump.receive(receipt(0));
    append(1);
    expect(short()).toEqual(["ask", "1-3", "4-4"]);
    expect(journal.ackedSeq()).toBe(0);
    pump.receive(receipt(3));
    expect([journal.ackedSeq(), pump.waitingCount]).toEqual([3, 1]);
  });

  it("takes the cloud's time from a fresh answer with its round trip, and from no repetition", async () => {
    const { pump, receipt, times, clock } = rig();
    pump.connected("c1");
    await clock.advance(400);
    const answer = receipt(0);
    pump.receive(answer);
    pump.receive(answer);
    pump.receive(receipt(0, { ask: null }));
    pump.receive(receipt(0, { ask: "never asked" }));
    expect(times).toEqual([{ cloudNowMs: 1_800_000_000_000, roundTripMs: 400 }]);
  });

  it("asks again after a silence, and resends only what the answer lacks", async () => {
    const { pump, append, receipt, short, clock } = rig();
    append(2);
    pump.connected("c1");
    pump.receive(receipt(0));
    await clock.advance(1000);
    expect(short()).toEqual(["ask", "1-2", "ask"]);
    append(1);
    pump.receive(receipt(2));
    expect(short()).toEqual(["ask", "1-2", "ask", "3-3"]);
  });

  it("waits before it goes on when the broker takes no batch", async () => {
    const { pump, append, receipt, short, clock, brokerAnswers } = rig();
    append(1);
    pump.connected("c1");
    brokerAnswers({ kind: "refused", reasonCode: 135 });
    pump.receive(receipt(0));
    await clock.advance(999);
    expect(short()).toEqual(["ask", "1-1"]);
    brokerAnswers({ kind: "acked" });
    await clock.advance(8000);
    expect(short().slice(0, 3)).toEqual(["ask", "1-1", "ask"]);
    pump.receive(receipt(0));
    expect(short().at(-1)).toBe("1-1");
  });

  it("records once that the cloud is ahead of this journal, and acknowledges nothing", () => {
    const { pump, append, receipt, faults, journal } = rig();
    append(2);
    pump.connected("c1");
    for (let time = 0; time < 3; time++) pump.receive(receipt(9, { headHash: "f".repeat(64) }));
    expect(faults().map(({ body }) => body)).toEqual([
      { area: "sync", code: "sync-conflict-ahead", seq: 9, localHash: null, cloudHash: "f".repeat(64) },
    ]);
    expect(journal.ackedSeq()).toBe(0);
    expect(pump.state).toMatchObject({ phase: "blocked", conflict: { kind: "ahead", seq: 9 } });
  });

  it("does not stop for a conflict in which the stored entry is its own", () => {
    const { pump, append, receipt, faults, journal } = rig();
    append(2);
    pump.connected("c1");
    const storedHash = journal.entryBySeq(2)?.hash ?? "";
    pump.receive(receipt(2, { conflicts: [{ seq: 2, storedHash, receivedHash: "e".repeat(64) }] }));
    expect(faults()).toEqual([]);
    expect(journal.ackedSeq()).toBe(2);
  });

  it("survives a disk that cannot save the receipt, and a bug of the journal goes up", () => {
    const throwing = (error: Error) => (journal: Journal) =>
      ({
        ...bound(journal),
        acknowledge: () => {
          throw error;
        },
      }) satisfies Journal;
    const hint = { zh: "磁盘已满", en: "disk full" };
    const full = rig(
      throwing(new CanteenError("full", { code: "disk-full", retry: "after-operator", hint })),
    );
    full.append(1);
    full.pump.connected("c1");
    full.pump.receive(full.receipt(1));
    expect(full.pump.state.ackedSeq).toBe(1);
    const buggy = rig(throwing(new TypeError("bug")));
    buggy.append(1);
    buggy.pump.connected("c1");
    expect(() => buggy.pump.receive(buggy.receipt(1))).toThrow(TypeError);
  });

  it("does nothing more after it was closed", async () => {
    const { pump, append, receipt, short, clock, journal } = rig();
    append(1);
    pump.connected("c1");
    pump.close();
    pump.receive(receipt(1));
    append(1);
    await clock.advance(1_000_000);
    expect(short()).toEqual(["ask"]);
    expect(journal.ackedSeq()).toBe(0);
  });
});

/** The journal's methods on the journal itself: it has private fields. */
function bound(journal: Journal): Journal {
  return {
    append: (draft) => journal.append(draft),
    transact: (work) => journal.transact(work),
    readAfter: (afterSeq, limits) => journal.readAfter(afterSeq, limits),
    entryById: (id) => journal.entryById(id),
    entryBySeq: (seq) => journal.entryBySeq(seq),
    head: () => journal.head(),
    base: () => journal.base(),
    ackedSeq: () => journal.ackedSeq(),
    acknowledge: (ackedSeq) => journal.acknowledge(ackedSeq),
    onAppended: (listener) => journal.onAppended(listener),
  };
}
