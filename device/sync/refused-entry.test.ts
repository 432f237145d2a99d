import { describe, expect, it } from "vitest";
import { journalFixture } from "../journal/journal-fixture.ts";
import { seededEntropy } from "../platform/entropy.ts";
import type { Logger } from "../platform/logger.ts";
import { silentLogger } from "../platform/logger.ts";
import type { ReceiptMessage } from "./messages.ts";
import { type OutgoingBatch, UplinkPump } from "./uplink-pump.ts";

const HOUR_MS = 3_600_000;

type Trouble = "hash-wrong" | "said-nothing" | "batch-unreadable";

interface Cloud {
  /** The entry that it does not take, null once it does. */
  refusedSeq: number | null;
  readonly stored: Set<number>;
}

/** What a cloud answers to a batch with an entry that it does not take; undefined where it answers nothing. */
function answerOf(cloud: Cloud, trouble: Trouble, batch: OutgoingBatch): Partial<ReceiptMessage> | undefined {
  const seqs = batch.entries.map(({ seq }) => seq);
  const holdsIt = cloud.refusedSeq !== null && seqs.includes(cloud.refusedSeq);
  if (holdsIt && trouble === "batch-unreadable") return undefined;
  for (const seq of seqs) if (seq !== cloud.refusedSeq) cloud.stored.add(seq);
  const said = holdsIt && trouble === "hash-wrong";
  return said ? { refused: [{ seq: cloud.refusedSeq ?? 0, code: "hash-wrong" }] } : {};
}

function rig(trouble: Trouble, refusedSeq: number) {
  const { journal, clock, ids } = journalFixture();
  const cloud: Cloud = { refusedSeq, stored: new Set() };
  const batches: OutgoingBatch[] = [];
  const events: string[] = [];
  const note = (fields: object, text: string): void => void events.push(`${text} ${JSON.stringify(fields)}`);
  const logger: Logger = { ...silentLogger, error: note, info: note };
  const pump = new UplinkPump({
    journal,
    publish: async (batch) => {
      if (batch.entries.length > 0) batches.push(batch);
      const answer = answerOf(cloud, trouble, batch);
      let ackedSeq = 0;
      while (cloud.stored.has(ackedSeq + 1)) ackedSeq += 1;
      const missing: [number, number][] = cloud.stored.size > ackedSeq ? [[ackedSeq + 1, ackedSeq + 1]] : [];
      const headHash = journal.entryBySeq(ackedSeq)?.hash ?? "0".repeat(64);
      const receipt: ReceiptMessage = {
        ...{ v: 1, ask: batch.ask, ackedSeq, headHash, missing, conflicts: [], cloudNowMs: 1 },
        ...answer,
      };
      if (answer !== undefined) clock.after(40, () => pump.receive(receipt));
      return { kind: "acked" };
    },
    limits: {
      ...{ batchesInFlightMax: 4, batchEntriesMax: 512, stallWaitMsMin: 1000 },
      ...{ receiptWaitMs: 15_000, receiptWaitMsMax: 300_000, conflictWaitMs: 300_000 },
    },
    clock,
    entropy: seededEntropy(9),
    logger,
    onChanged: () => {},
    onCloudTime: () => {},
  });
  const append = (count: number): void => {
    journal.transact(() => {
      for (let index = 0; index < count; index++)
        journal.append({
          id: ids.next(),
          kind: "temperature.summary",
          body: { index, text: "x".repeat(300) },
        });
    });
  };
  append(600);
  pump.connected("c1");
  return { journal, clock, cloud, pump, batches, events, append };
}

describe("an entry that the cloud does not take", () => {
  for (const trouble of ["hash-wrong", "said-nothing", "batch-unreadable"] as const) {
    it(`costs few messages in an hour, and all before it is stored (${trouble})`, async () => {
      const { clock, pump, batches, journal } = rig(trouble, 301);
      await clock.advance(HOUR_MS);
      expect(journal.ackedSeq()).toBe(300);
      const sent = batches.length;
      expect(sent).toBeLessThan(120);
      // From then on it is asked about by itself, at the longest wait: what lies behind it is not sent in vain.
      await clock.advance(HOUR_MS);
      const later = batches.slice(sent);
      expect(later.length).toBeLessThan(60);
      expect(later.every(({ from, to }) => from === 301 && to === 301)).toBe(true);
      expect(pump.refusedEntry).toEqual({
        seq: 301,
        code: trouble === "hash-wrong" ? "hash-wrong" : "not-stored",
      });
    });

    it(`goes up with all behind it once the cloud takes it (${trouble})`, async () => {
      const { clock, pump, cloud, journal, append, events } = rig(trouble, 301);
      await clock.advance(HOUR_MS);
      append(50);
      cloud.refusedSeq = null;
      await clock.advance(2 * HOUR_MS);
      expect(journal.ackedSeq()).toBe(650);
      expect([pump.refusedEntry, pump.hasStopped]).toEqual([null, false]);
      expect(events.at(-1)).toContain("takes the journal again");
    });
  }

  it("is told once, not with each try", async () => {
    const { clock, events } = rig("hash-wrong", 301);
    await clock.advance(2 * HOUR_MS);
    expect(events).toEqual([
      'the cloud does not take an entry of the journal {"seq":301,"code":"hash-wrong"}',
    ]);
  });

  it("is not sent more often because the line comes and goes", async () => {
    const { clock, pump, batches } = rig("hash-wrong", 1);
    await clock.advance(HOUR_MS);
    const sent = batches.length;
    for (let time = 0; time < 20; time++) {
      pump.disconnected();
      pump.connected(`again-${time}`);
      await clock.advance(1000);
    }
    expect(batches.length - sent).toBeLessThanOrEqual(20);
    expect(batches.slice(sent).every(({ entries }) => entries.length === 1)).toBe(true);
  });
});

describe("a window of the broker that is full", () => {
  it("holds back what does not fit, and it follows with the next receipt", async () => {
    const { journal, clock, ids } = journalFixture();
    const batches: OutgoingBatch[] = [];
    let roomFor = 2;
    const pump = new UplinkPump({
      journal,
      publish: async (batch) => {
        if (roomFor === 0) return { kind: "busy" };
        roomFor -= 1;
        batches.push(batch);
        return { kind: "acked" };
      },
      limits: {
        ...{ batchesInFlightMax: 4, batchEntriesMax: 2, stallWaitMsMin: 1000 },
        ...{ receiptWaitMs: 15_000, receiptWaitMsMax: 300_000, conflictWaitMs: 300_000 },
      },
      clock,
      entropy: seededEntropy(9),
      logger: silentLogger,
      onChanged: () => {},
      onCloudTime: () => {},
    });
    const receipt = (ackedSeq: number): void => {
      roomFor += 1;
      const headHash = journal.entryBySeq(ackedSeq)?.hash ?? "0".repeat(64);
      const ask = batches.at(-1)?.ask ?? null;
      pump.receive({ v: 1, ask, ackedSeq, headHash, missing: [], conflicts: [], cloudNowMs: 1 });
    };
    for (let index = 0; index < 8; index++)
      journal.append({ id: ids.next(), kind: "temperature.summary", body: { index } });
    pump.connected("c1");
    receipt(0);
    await clock.advance(0);
    expect(batches.map(({ from, to }) => [from, to])).toEqual([
      [1, 0],
      [1, 2],
      [3, 4],
    ]);
    receipt(2);
    await clock.advance(0);
    receipt(4);
    await clock.advance(0);
    expect(batches.slice(3).map(({ from, to }) => [from, to])).toEqual([
      [5, 6],
      [7, 8],
    ]);
    expect(clock.mono()).toBe(0);
  });

  it("that something else has filled is tried again after a moment", async () => {
    const { journal, clock, ids } = journalFixture();
    const sent: string[] = [];
    let isFull = false;
    const pump = new UplinkPump({
      journal,
      publish: async ({ from, to }) => {
        sent.push(`${from}-${to}`);
        return isFull ? { kind: "busy" } : { kind: "acked" };
      },
      limits: {
        ...{ batchesInFlightMax: 4, batchEntriesMax: 512, stallWaitMsMin: 1000 },
        ...{ receiptWaitMs: 15_000, receiptWaitMsMax: 300_000, conflictWaitMs: 300_000 },
      },
      clock,
      entropy: seededEntropy(9),
      logger: silentLogger,
      onChanged: () => {},
      onCloudTime: () => {},
    });
    journal.append({ id: ids.next(), kind: "temperature.summary", body: {} });
    pump.connected("c1");
    isFull = true;
    const ask = pump.state.question;
    pump.receive({
      ...{ v: 1, ask, ackedSeq: 0, headHash: "0".repeat(64), missing: [], conflicts: [], cloudNowMs: 1 },
    });
    await clock.advance(1);
    isFull = false;
    await clock.advance(1000);
    expect(sent).toEqual(["1-0", "1-1", "1-1"]);
    expect(pump.state.misses).toBe(0);
  });
});
