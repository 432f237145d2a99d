import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { seededEntropy } from "../../device/platform/entropy.ts";
import { startAedes, startMosquitto, type TestBroker } from "../../device/sync/testing/brokers.ts";
import { brokerSettings, RecordingLink } from "../../device/sync/testing/recording-link.ts";
import { hasTool } from "../../test/require-tool.ts";
import { type Fate, MeddlingBridge } from "./testing/meddling-bridge.ts";
import { appendMany, databaseFile, oneTo, RigCloud, RigTerminal } from "./testing/rig.ts";

/** Journal, cloud and terminal on one broker; all closed when the test ends. */
async function openBroker(start: () => Promise<TestBroker>): Promise<TestBroker> {
  const broker = await start();
  onTestFinished(() => broker.close());
  return broker;
}

async function openCloud(port: number, folder = temporaryFolder()): Promise<RigCloud> {
  const cloud = await RigCloud.start(port, folder);
  onTestFinished(() => cloud.close().catch(() => {}));
  return cloud;
}

function openTerminal(...given: ConstructorParameters<typeof RigTerminal>): RigTerminal {
  const terminal = new RigTerminal(...given);
  onTestFinished(() => terminal.close());
  return terminal;
}

const KINDS = [
  { kind: "aedes", start: startAedes, tools: [] },
  { kind: "mosquitto", start: startMosquitto, tools: ["mosquitto"] },
];

/** Enough for a quick line to be known as one. */
const ANSWERED = 12;

describe.each(KINDS)("sync contract on $kind", ({ start, tools }) => {
  const here = tools.every(hasTool);

  it.skipIf(!here)("brings a backlog of 2,000 entries to the cloud, each once and in order", async () => {
    const { port } = await openBroker(start);
    const { journal } = journalFixture();
    appendMany(journal, 2000);
    const cloud = await openCloud(port);
    const terminal = openTerminal(journal, brokerSettings(port));
    await terminal.drained();
    expect(cloud.storedSeqs()).toEqual(oneTo(2000));
    expect(journal.ackedSeq()).toBe(2000);
    expect(cloud.cloud.views.devices()).toMatchObject([
      { site: "s1", device: "t1", online: true, ackedSeq: 2000, chain: "whole", damagedCount: 0 },
    ]);
  });

  it.skipIf(!here)("sends what is appended while connected without waiting for anything", async () => {
    const { port } = await openBroker(start);
    const { journal } = journalFixture();
    const cloud = await openCloud(port);
    const terminal = openTerminal(journal, brokerSettings(port));
    await terminal.drained();
    for (let count = 1; count <= 5; count++) {
      appendMany(journal, 1);
      await terminal.until(({ waitingCount }) => waitingCount === 0);
      expect(cloud.storedSeqs()).toEqual(oneTo(count));
    }
  });

  it.skipIf(!here)(
    "loses and repeats nothing when the broker is stopped in the middle and comes back",
    async () => {
      const broker = await openBroker(start);
      const { journal } = journalFixture();
      const cloud = await openCloud(broker.port);
      appendMany(journal, 1000);
      const terminal = openTerminal(journal, brokerSettings(broker.port), { batchesInFlightMax: 1 });
      await terminal.until(({ waitingCount }) => waitingCount < 1000);
      await broker.stop();
      await terminal.until(({ connection }) => connection === "offline");
      appendMany(journal, 1000);
      expect(terminal.sync.status().waitingCount).toBeGreaterThanOrEqual(1000);
      await broker.restart();
      await terminal.drained();
      await terminal.until(({ waitingCount }) => waitingCount === 0);
      expect(cloud.storedSeqs()).toEqual(oneTo(2000));
    },
  );

  it.skipIf(!here)("does not take a terminal for present that went while the broker was away", async () => {
    const broker = await openBroker(start);
    const { journal } = journalFixture();
    const cloud = await openCloud(broker.port);
    const isOnline = (): boolean => cloud.cloud.views.devices().some(({ online }) => online);
    const terminal = openTerminal(journal, brokerSettings(broker.port));
    await cloud.until(isOnline);
    await broker.stop();
    await terminal.close();
    await cloud.until(({ mqtt }) => mqtt.state().connection !== "connected");
    await broker.restart();
    await cloud.connected();
    expect(isOnline()).toBe(false);
    openTerminal(journal, brokerSettings(broker.port));
    await cloud.until(isOnline);
  });

  it.skipIf(!here)(
    "gets everything across a line that drops, repeats and delays a third of the messages",
    async () => {
      const near = await openBroker(start);
      const far = await openBroker(start);
      const entropy = seededEntropy(20);
      const fates: Fate[] = ["drop", "twice", "late", "pass", "pass", "pass", "pass", "pass", "pass"];
      const fate = (): Fate => fates[Math.floor(entropy.uniform() * fates.length)] ?? "pass";
      const { journal } = journalFixture();
      const cloud = await openCloud(far.port);
      await cloud.connected();
      const bridge = await MeddlingBridge.start(near.port, far.port, fate);
      onTestFinished(() => bridge.close());
      appendMany(journal, 3000);
      const terminal = openTerminal(journal, brokerSettings(near.port), { receiptWaitMsMax: 100 });
      for (let more = 0; more < 20; more++) {
        appendMany(journal, 7);
        await terminal.until(({ waitingCount }) => waitingCount < 3000 - more * 100);
      }
      await terminal.until(({ waitingCount }) => waitingCount === 0);
      expect(cloud.storedSeqs().toSorted((a, b) => a - b)).toEqual(oneTo(3140));
      expect(cloud.cloud.views.devices()).toMatchObject([{ chain: "whole", ackedSeq: 3140 }]);
    },
  );

  it.skipIf(!here)("goes on when the cloud was away, without resending what it has", async () => {
    const { port } = await openBroker(start);
    const folder = temporaryFolder();
    const { journal } = journalFixture();
    const first = await openCloud(port, folder);
    const terminal = openTerminal(journal, brokerSettings(port));
    appendMany(journal, 100);
    await terminal.until(({ waitingCount }) => waitingCount === 0);
    await first.close();
    appendMany(journal, 100);
    await terminal.until(({ reason }) => reason === "cloud-silent");
    const second = await openCloud(port, folder);
    await terminal.until(({ waitingCount, reason }) => waitingCount === 0 && reason === null);
    expect(second.storedSeqs()).toEqual(oneTo(200));
  });

  it.skipIf(!here)("sends again what a cloud restored from an older copy lacks", async () => {
    const { port } = await openBroker(start);
    const [live, copy] = [temporaryFolder(), temporaryFolder()];
    const { journal } = journalFixture();
    appendMany(journal, 60);
    const terminal = openTerminal(journal, brokerSettings(port));
    const first = await openCloud(port, live);
    await terminal.drained();
    await first.close();
    mkdirSync(join(copy), { recursive: true });
    copyFileSync(databaseFile(live), databaseFile(copy));
    const second = await openCloud(port, live);
    appendMany(journal, 40);
    await terminal.until(({ waitingCount, reason }) => waitingCount === 0 && reason === null);
    expect(second.storedSeqs()).toEqual(oneTo(100));
    await second.close();
    const restored = await openCloud(port, copy);
    await restored.until(() => restored.storedSeqs().length === 100);
    expect(restored.storedSeqs()).toEqual(oneTo(100));
    await terminal.until(({ waitingCount, reason }) => waitingCount === 0 && reason === null);
  });

  it.skipIf(!here)("reports a conflict once, keeps both sides' entries and goes on selling", async () => {
    const { port } = await openBroker(start);
    const folder = temporaryFolder();
    const other = journalFixture();
    appendMany(other.journal, 5);
    const cloud = await openCloud(port, folder);
    const impostor = openTerminal(other.journal, brokerSettings(port));
    await impostor.drained();
    await impostor.close();

    const { journal } = journalFixture();
    appendMany(journal, 8);
    const terminal = openTerminal(journal, brokerSettings(port));
    await terminal.until(({ reason }) => reason === "journal-conflict");
    appendMany(journal, 1);
    const faults = () =>
      journal.readAfter(0, { countMax: 100, bytesMax: 1e6 }).filter((e) => e.kind === "device.fault");
    expect(faults().map(({ body }) => body["code"])).toEqual(["sync-conflict-chain"]);
    await terminal.close();
    const again = openTerminal(journal, brokerSettings(port));
    await again.until(({ reason }) => reason === "journal-conflict");
    expect(faults()).toHaveLength(1);
    expect(journal.ackedSeq()).toBe(0);
    expect(cloud.storedSeqs()).toEqual(oneTo(5));
  });

  it.skipIf(!here)("marks a terminal offline by its will and online by its next birth", async () => {
    const broker = await openBroker(start);
    const cloud = await openCloud(broker.port);
    await cloud.connected();
    const { journal } = journalFixture();
    const terminal = openTerminal(journal, brokerSettings(broker.port));
    await cloud.until(({ views }) => views.devices().some(({ online }) => online));
    await terminal.close();
    await cloud.until(({ views }) => views.devices().some(({ online }) => !online));
    openTerminal(journal, brokerSettings(broker.port));
    await cloud.until(({ views }) => views.devices().some(({ online }) => online));
  });

  it.skipIf(!here)("holds no more than its window of batches however long the backlog is", async () => {
    const { port } = await openBroker(start);
    const { journal } = journalFixture();
    appendMany(journal, 10_000);
    // A cloud that answers the first batches, so that the line is known to be quick, and swallows all others.
    const mute = new RecordingLink(brokerSettings(port), {
      name: "mute",
      filters: ["canteen/v1/s1/t1/up/journal"],
    });
    onTestFinished(() => mute.link.close({ waitMsMax: 100 }));
    await mute.connected();
    const terminal = openTerminal(journal, brokerSettings(port), { receiptWaitMsMax: 100_000 });
    // A busy terminal may ask more than once before the answer reaches it.
    const batches = () =>
      mute.messages.map(({ text }) => text).filter((text) => text.includes('"entries":[{'));
    const answer = (text: string | undefined): Promise<unknown> => {
      const { ask, entries } = JSON.parse(text ?? "");
      const last = entries.at(-1) ?? { seq: 0, hash: "0".repeat(64) };
      const stored = { ackedSeq: last.seq, headHash: last.hash, missing: [], conflicts: [], cloudNowMs: 1 };
      const payload = JSON.stringify({ v: 1, ask, ...stored });
      return mute.link.publish({ topic: "canteen/v1/s1/t1/down/receipt", payload, retain: false });
    };
    await mute.until(() => mute.messages.length > 0);
    await answer(mute.messages[0]?.text);
    for (let answered = 0; answered < ANSWERED; answered++) {
      await mute.until(() => batches().length > answered);
      await answer(batches()[answered]);
    }
    await mute.until(() => batches().length === ANSWERED + 4);
    appendMany(journal, 100);
    await terminal.close();
    // The broker has all that the terminal sent; what is published now comes after it.
    await mute.link.publish({ topic: "canteen/v1/s1/t1/up/journal", payload: "last", retain: false });
    await mute.until(() => mute.messages.at(-1)?.text === "last");
    const seen = batches().map((text) => ({
      count: JSON.parse(text).entries.length,
      bytes: Buffer.byteLength(text),
    }));
    expect(seen).toHaveLength(ANSWERED + 4);
    // Nothing is known of the line when it begins, so that is little.
    expect(seen[0]?.bytes).toBeLessThanOrEqual(4 * 1024);
    expect(Math.min(...seen.map(({ count }) => count))).toBeGreaterThan(0);
  });
});
