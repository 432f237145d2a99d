import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededEntropy } from "../platform/entropy.ts";
import { CanteenError } from "../platform/errors.ts";
import { silentLogger } from "../platform/logger.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import type { PhotoReceiptMessage } from "./messages.ts";
import { PHOTO_CHUNK_BYTES, type PhotoChunk, PhotoUplink } from "./photo-uplink.ts";

const hashOf = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
const picture = (byte: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + byte) % 251);

/** A cloud that keeps photos in memory by the rules of the contract. */
class MemoryCloud {
  readonly parts = new Map<string, Uint8Array>();
  readonly complete = new Set<string>();

  take({ sha256, offset, bytes }: PhotoChunk): PhotoReceiptMessage {
    const have = this.parts.get(sha256) ?? new Uint8Array(0);
    const fits = bytes.byteLength > 0 && (offset === 0 || offset === have.byteLength);
    const next = fits ? Buffer.concat([have.subarray(0, offset), bytes]) : have;
    if (fits && !this.complete.has(sha256)) this.parts.set(sha256, next);
    if (hashOf(next) === sha256) this.complete.add(sha256);
    const complete = this.complete.has(sha256);
    return { v: 1, sha256, haveBytes: next.byteLength, complete, refused: null };
  }
}

function rig(contents: readonly Uint8Array[]) {
  const clock = new VirtualClock();
  const waiting = new Map(contents.map((content) => [hashOf(content), content]));
  const problems: string[] = [];
  const sent: PhotoChunk[] = [];
  let busy = false;
  let pending = (): void => {};
  const uplink = new PhotoUplink({
    source: {
      nextToSend: () => [...waiting.keys()].map((sha256) => ({ sha256 }))[0],
      read: async (sha256) => waiting.get(sha256) ?? new Uint8Array(0),
      confirm: (sha256) => void waiting.delete(sha256),
      setAside: (sha256, problem) => {
        problems.push(problem);
        waiting.delete(sha256);
      },
      sendAgain: () => ({ sending: [], gone: [] }),
      onPending: (listener) => {
        pending = listener;
        return () => {};
      },
    },
    publish: async (chunk) => {
      sent.push(chunk);
      return { kind: "acked" };
    },
    mayGo: () => !busy,
    clock,
    entropy: seededEntropy(5),
    logger: silentLogger,
  });
  return {
    ...{ clock, uplink, sent, waiting, problems },
    pending: () => pending(),
    setBusy: (isBusy: boolean) => {
      busy = isBusy;
    },
    /** Everything that was sent reaches the cloud, and its answers come back, until nothing more is said. */
    async deliver(cloud: MemoryCloud): Promise<void> {
      for (;;) {
        await clock.advance(0);
        const chunks = sent.splice(0);
        if (chunks.length === 0) return;
        for (const chunk of chunks) uplink.receive(cloud.take(chunk));
      }
    },
  };
}

describe("PhotoUplink", () => {
  it("asks what the cloud has, then sends chunk by chunk and lets go on the cloud's word alone", async () => {
    const { uplink, clock, sent, waiting } = rig([picture(1, 150_000)]);
    const cloud = new MemoryCloud();
    uplink.connected();
    const seen: [number, number][] = [];
    while (waiting.size > 0) {
      await clock.advance(0);
      const chunk = sent.shift();
      if (chunk === undefined) throw new Error("nothing was sent");
      seen.push([chunk.offset, chunk.bytes.byteLength]);
      expect(waiting.size).toBe(1);
      uplink.receive(cloud.take(chunk));
    }
    // Each as long as the line has shown that it can carry, the next where the one before ended.
    const lengths = [0, 1024, 2048, 4096, 8192, 16_384, 32_768, PHOTO_CHUNK_BYTES];
    const whole = lengths.map((length, index) => [
      lengths.slice(0, index).reduce((sum, next) => sum + next, 0),
      length,
    ]);
    const sum = lengths.reduce((total, next) => total + next, 0);
    expect(seen).toEqual([...whole, [sum, 150_000 - sum]]);
    expect(waiting.size).toBe(0);
  });

  it("goes on at the first missing chunk after the line was lost", async () => {
    const content = picture(1, 150_000);
    const { uplink, clock, sent, deliver } = rig([content]);
    const cloud = new MemoryCloud();
    cloud.parts.set(hashOf(content), content.slice(0, PHOTO_CHUNK_BYTES));
    uplink.connected();
    await clock.advance(0);
    uplink.disconnected();
    sent.length = 0;
    uplink.connected();
    await clock.advance(0);
    const [question] = sent.splice(0);
    if (question === undefined) throw new Error("nothing was asked");
    uplink.receive(cloud.take(question));
    expect(sent.map(({ offset }) => offset)).toEqual([PHOTO_CHUNK_BYTES]);
    await deliver(cloud);
    expect(cloud.complete).toEqual(new Set([hashOf(content)]));
  });

  it("begins anew where what the cloud has under the name is something else", async () => {
    const content = picture(1, 1000);
    const { uplink, deliver } = rig([content]);
    const cloud = new MemoryCloud();
    cloud.parts.set(hashOf(content), picture(9, 1000));
    uplink.connected();
    await deliver(cloud);
    expect(cloud.complete).toEqual(new Set([hashOf(content)]));
  });

  it("lets what is worth more go first, and begins when that is done", async () => {
    const { uplink, clock, sent, setBusy } = rig([picture(1, 10)]);
    setBusy(true);
    uplink.connected();
    await clock.advance(60_000);
    expect(sent).toEqual([]);
    setBusy(false);
    uplink.go();
    await clock.advance(0);
    expect(sent).toHaveLength(1);
  });

  it("asks again when no receipt comes, more and more seldom", async () => {
    const { uplink, clock, sent } = rig([picture(1, 10)]);
    uplink.connected();
    await clock.advance(3_600_000);
    expect(sent.every(({ bytes }) => bytes.byteLength === 0)).toBe(true);
    expect(sent.length).toBeGreaterThan(5);
    expect(sent.length).toBeLessThan(60);
  });

  it("sets a photo aside whose file is gone, and goes on with the next", async () => {
    const [gone, there] = [picture(1, 10), picture(2, 10)];
    const { uplink, deliver, waiting, problems } = rig([gone, there]);
    const cloud = new MemoryCloud();
    const read = waiting.get.bind(waiting);
    waiting.get = (sha256) => {
      if (sha256 !== hashOf(gone)) return read(sha256);
      const hint = { zh: "", en: "" };
      throw new CanteenError("gone", { code: "photo-missing", retry: "never", hint });
    };
    uplink.connected();
    await deliver(cloud);
    expect(problems).toEqual(["photo-missing"]);
    expect(cloud.complete).toEqual(new Set([hashOf(there)]));
  });

  it("sends a photo that begins to wait while connected", async () => {
    const { uplink, pending, waiting, deliver } = rig([]);
    const cloud = new MemoryCloud();
    uplink.connected();
    await deliver(cloud);
    const content = picture(3, 70_000);
    waiting.set(hashOf(content), content);
    pending();
    await deliver(cloud);
    expect(cloud.complete).toEqual(new Set([hashOf(content)]));
  });

  it("brings every photo whole to the cloud over a line that loses, repeats and delays", async () => {
    const fate = fc.constantFrom("pass", "pass", "pass", "drop", "twice", "late", "line-lost");
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fate), async (fates) => {
        const contents = [picture(1, 200_000), picture(2, 10), picture(3, PHOTO_CHUNK_BYTES)];
        const { uplink, clock, sent, waiting } = rig(contents);
        const cloud = new MemoryCloud();
        const late: PhotoReceiptMessage[] = [];
        uplink.connected();
        for (let round = 0; waiting.size > 0 && round < 400; round += 1) {
          await clock.advance(5000);
          for (const chunk of sent.splice(0)) {
            // The first 60 messages meet the line's moods; then it is calm, so that all must end well.
            const next = round < 60 ? fates.next().value : "pass";
            if (next === "drop") continue;
            const receipt = cloud.take(chunk);
            if (next === "line-lost") {
              uplink.disconnected();
              uplink.connected();
            } else if (next === "late") {
              late.push(receipt);
            } else {
              uplink.receive(receipt);
              if (next === "twice") uplink.receive(cloud.take(chunk));
              for (const old of late.splice(0)) uplink.receive(old);
            }
          }
        }
        uplink.close();
        expect(waiting.size).toBe(0);
        expect(cloud.complete).toEqual(new Set(contents.map(hashOf)));
      }),
      { numRuns: 40 },
    );
  });
});
