import { createSecretKey } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseCheckpoint } from "../../device/journal/checkpoint.ts";
import { startCheckpoints } from "../../device/journal/checkpoint-writer.ts";
import { verifyExport } from "../../device/journal/journal-export.ts";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { seededEntropy } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { loadOrCreateSigningKey, type SigningKey } from "../../device/security/signing-key.ts";
import { startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { RigCloud, RigTerminal } from "./testing/rig.ts";

const HOUR_MS = 3_600_000;
const address = { site: "s1", device: "t1" };

function signingKey(seed: number): SigningKey {
  return loadOrCreateSigningKey(
    join(temporaryFolder(), "k"),
    createSecretKey(Buffer.alloc(32, 7)),
    seededEntropy(seed),
  );
}

/** A journal whose hours are signed. */
function signedJournal(signer: SigningKey) {
  const fixture = journalFixture();
  const { journal, clock, ids } = fixture;
  const start = (key: SigningKey) =>
    startCheckpoints({ journal, signer: key, ...address, clock, ids, logger: silentLogger });
  let checkpoints = start(signer);
  return {
    ...fixture,
    hour: async (count: number) => {
      for (let done = 0; done < count; done++)
        journal.append({ id: ids.next(), kind: "test.entry", body: { done } });
      await clock.advance(HOUR_MS);
    },
    code: () => checkpoints.latestCode() ?? "",
    withKey: (key: SigningKey) => {
      checkpoints.close();
      checkpoints = start(key);
    },
  };
}

async function openCloud(): Promise<{ readonly port: number; readonly cloud: RigCloud }> {
  const { port, close } = await startAedes();
  onTestFinished(close);
  const cloud = await RigCloud.start(port, temporaryFolder());
  onTestFinished(() => cloud.close());
  await cloud.connected();
  return { port, cloud };
}

describe("checkpoints at the reference cloud", () => {
  it("are checked against the key that the terminal came with, and its export proves a code by itself", async () => {
    const { port, cloud } = await openCloud();
    const key = signingKey(1);
    const signed = signedJournal(key);
    await signed.hour(7);
    await signed.hour(5);
    const terminal = new RigTerminal(signed.journal, brokerSettings(port));
    onTestFinished(() => terminal.close());
    await terminal.drained();
    const { url, checkpoints } = cloud.cloud;
    expect(checkpoints.keys(address)).toEqual({ registered: key.publicKey, waiting: [] });
    const answer = await fetch(`${url}/api/journal/s1/t1/checkpoints`);
    expect(await answer.json()).toMatchObject({
      keys: { registered: key.publicKey },
      checkpoints: [
        { seq: 13, verdict: "good" },
        { seq: 7, verdict: "good" },
      ],
    });
    const lines = (await (await fetch(`${url}/api/journal/s1/t1/export`)).text()).split("\n");
    const against = { checkpoint: parseCheckpoint(signed.code()) ?? null, publicKey: key.publicKey };
    expect(await verifyExport(lines, against)).toMatchObject({
      ok: true,
      entries: 14,
      checkpoints: { goodCount: 2, given: { seq: 13, proven: true } },
    });
  });

  it("by another key wait until a person has registered it", async () => {
    const { port, cloud } = await openCloud();
    const [first, second] = [signingKey(1), signingKey(2)];
    const signed = signedJournal(first);
    await signed.hour(2);
    signed.withKey(second);
    await signed.hour(2);
    const terminal = new RigTerminal(signed.journal, brokerSettings(port));
    onTestFinished(() => terminal.close());
    await terminal.drained();
    const { url, checkpoints } = cloud.cloud;
    expect(checkpoints.checkpoints(address, 10)).toMatchObject([
      { verdict: "other-key" },
      { verdict: "good" },
    ]);
    expect(checkpoints.keys(address)).toEqual({ registered: first.publicKey, waiting: [second.publicKey] });
    const register = (publicKey: string): Promise<Response> =>
      fetch(`${url}/api/journal/s1/t1/key`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ publicKey }),
      });
    expect((await register(signingKey(3).publicKey)).status).toBe(404);
    expect((await register(second.publicKey)).status).toBe(200);
    await signed.hour(2);
    await terminal.until(({ waitingCount }) => waitingCount === 0);
    await cloud.until(() => checkpoints.checkpoints(address, 10).length === 3);
    expect(checkpoints.checkpoints(address, 10)[0]).toMatchObject({ verdict: "good" });
  });
});
