import { createSecretKey } from "node:crypto";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { startCheckpoints } from "../../device/journal/checkpoint-writer.ts";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { startPruning } from "../../device/journal/pruning.ts";
import { seededEntropy } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { loadOrCreateSigningKey } from "../../device/security/signing-key.ts";
import { startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { databaseFile, RigCloud, RigTerminal } from "./testing/rig.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const address = { site: "s1", device: "t1" };

/** A journal of days, each with a checkpoint, whose old ones go when it is told to prune. */
function prunedJournal() {
  const fixture = journalFixture();
  const { db, journal, clock, ids } = fixture;
  const common = { journal, clock, ids, ...address, logger: silentLogger };
  const secret = createSecretKey(Buffer.alloc(32, 7));
  const signer = loadOrCreateSigningKey(join(temporaryFolder(), "k"), secret, seededEntropy(5));
  startCheckpoints({ ...common, signer, periodMs: MINUTE_MS });
  const pruning = startPruning({
    ...common,
    ...{ db, projections: [], publicKey: signer.publicKey, timeTrust: { current: () => "synced" } },
    ...{ keptMs: 30 * DAY_MS, bytesMax: 1e12, mayWrite: () => true, prunedCountMin: 1 },
  });
  return {
    ...fixture,
    day: async (count: number) => {
      for (let done = 0; done < count; done++)
        journal.append({ id: ids.next(), kind: "test.entry", body: { done } });
      clock.stepWall(DAY_MS);
      await clock.advance(MINUTE_MS);
    },
    prune: async () => {
      pruning.look();
      while (pruning.isAtWork()) await clock.advance(MINUTE_MS);
    },
  };
}

it("a cloud put back from an old backup is told what the terminal no longer holds, and gets the rest", async () => {
  const { port, close } = await startAedes();
  onTestFinished(close);
  const [folder, oldFolder] = [temporaryFolder(), temporaryFolder()];
  const made = prunedJournal();
  const { journal } = made;
  const cloudOf = async (from: string): Promise<RigCloud> => {
    const cloud = await RigCloud.start(port, from);
    await cloud.connected();
    return cloud;
  };
  const first = await cloudOf(folder);
  const terminal = new RigTerminal(journal, brokerSettings(port));
  onTestFinished(() => terminal.close());
  await made.day(3);
  await terminal.drained();
  const oldSeq = journal.ackedSeq();
  await first.close();
  copyFileSync(databaseFile(folder), databaseFile(oldFolder));

  const second = await cloudOf(folder);
  for (let day = 0; day < 5; day++) await made.day(4);
  await terminal.drained();
  made.clock.stepWall(40 * DAY_MS);
  await made.day(2);
  await terminal.drained();
  await made.prune();
  const { seq: baseSeq } = journal.base();
  expect(baseSeq).toBeGreaterThan(oldSeq + 5);
  await second.close();

  const restored = await cloudOf(oldFolder);
  onTestFinished(() => restored.close());
  await made.day(1);
  const headOf = (): number => journal.head().seq;
  await restored.until(({ views }) => (views.devices()[0]?.ackedSeq ?? 0) >= headOf());
  expect(restored.cloud.views.devices()).toMatchObject([
    { gone: [[oldSeq + 1, baseSeq]], missing: [], conflictSeqs: [], chain: "whole", ackedSeq: headOf() },
  ]);
  await terminal.drained();
  // It is on record at the terminal that the cloud asked in vain.
  const entries = journal.readAfter(0, { countMax: 1000, bytesMax: 1e9 });
  expect(entries.filter(({ kind }) => kind === "device.fault").map(({ body }) => body)).toMatchObject([
    { code: "sync-conflict-pruned", seq: baseSeq },
  ]);
});
