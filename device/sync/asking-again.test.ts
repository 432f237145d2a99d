import { describe, expect, it } from "vitest";
import { seededEntropy } from "../platform/entropy.ts";
import { silentLogger } from "../platform/logger.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import type { TemplateShare } from "../roster/template-sharing.ts";
import type { OutgoingMessage, PublishOutcome } from "./mqtt-connection.ts";
import { Outbox } from "./outbox.ts";
import { RosterRequests } from "./roster-requests.ts";
import { TemplateUplink } from "./template-uplink.ts";

/** Jitter at its largest, so that waits are exact: 2, 4, 8 … seconds. */
const entropy = { ...seededEntropy(1), uniform: () => 1 };

describe("RosterRequests", () => {
  function rig(version = 7) {
    const clock = new VirtualClock();
    const sent: string[] = [];
    const requests = new RosterRequests({
      version: () => version,
      send: ({ have, reason }) => sent.push(`${reason} ${have} at ${clock.mono()}`),
      clock,
      entropy,
    });
    return { clock, sent, requests };
  }

  it("asks once for a flood of deltas that do not join, then again with growing waits until one does", async () => {
    const { clock, sent, requests } = rig();
    requests.connected();
    for (let delta = 0; delta < 50; delta++) requests.need("gap");
    await clock.advance(14_000);
    requests.satisfied();
    await clock.advance(1_000_000);
    expect(sent).toEqual(["gap 7 at 0", "gap 7 at 2000", "gap 7 at 6000", "gap 7 at 14000"]);
  });

  it("asks at once when the terminal is empty, and after a connection came back with a gap still open", async () => {
    const empty = rig(0);
    empty.requests.connected();
    expect(empty.sent).toEqual(["start 0 at 0"]);
    const { clock, sent, requests } = rig();
    requests.need("gap");
    await clock.advance(10_000);
    expect(sent).toEqual([]);
    requests.connected();
    requests.disconnected();
    await clock.advance(100_000);
    expect(sent).toEqual(["gap 7 at 10000"]);
  });

  it("gives a disk that could not save a moment before it asks again", async () => {
    const { clock, sent, requests } = rig();
    requests.connected();
    requests.need("not-saved");
    expect(sent).toEqual([]);
    await clock.advance(2000);
    expect(sent).toEqual(["not-saved 7 at 2000"]);
  });
});

describe("TemplateUplink", () => {
  function rig(count: number) {
    const clock = new VirtualClock();
    let pending: TemplateShare[] = Array.from({ length: count }, (_, index) => ({
      shareId: `share-${index + 1}`,
      personId: "p",
      modelId: "m",
      sealed: "c2VhbGVk",
    }));
    let tell = (): void => {};
    const sent: string[] = [];
    const uplink = new TemplateUplink({
      exchange: {
        pendingShares: (countMax) => pending.slice(0, countMax),
        confirmShare: (shareId) => {
          pending = pending.filter((share) => share.shareId !== shareId);
        },
        accept: () => ({ kind: "accepted" }),
        onPending: (listener) => {
          tell = listener;
          return () => {
            tell = () => {};
          };
        },
      },
      send: ({ shareId }) => sent.push(shareId.slice(6)),
      clock,
      entropy,
    });
    const add = (share: TemplateShare): void => {
      pending.push(share);
      tell();
    };
    return { clock, sent, uplink, add };
  }

  it("sends a few at a time and the next ones as the cloud echoes", () => {
    const { sent, uplink } = rig(6);
    uplink.connected();
    expect(sent).toEqual(["1", "2", "3", "4"]);
    uplink.confirmed("share-1");
    uplink.confirmed("share-3");
    expect(sent).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  it("sends again what was not echoed, with growing waits, and after each connect", async () => {
    const { clock, sent, uplink } = rig(1);
    uplink.connected();
    await clock.advance(15_000);
    await clock.advance(29_999);
    expect(sent).toEqual(["1", "1"]);
    await clock.advance(1);
    uplink.disconnected();
    await clock.advance(1_000_000);
    expect(sent).toEqual(["1", "1", "1"]);
    uplink.connected();
    uplink.confirmed("share-1");
    await clock.advance(1_000_000);
    expect(sent).toEqual(["1", "1", "1", "1"]);
  });

  it("sends a new share at once, and nothing after it was closed", async () => {
    const { clock, sent, uplink, add } = rig(0);
    uplink.connected();
    const share = { shareId: "share-9", personId: "p", modelId: "m", sealed: "c2VhbGVk" };
    add(share);
    uplink.close();
    add({ ...share, shareId: "share-8" });
    await clock.advance(1_000_000);
    expect(sent).toEqual(["9"]);
  });
});

describe("Outbox", () => {
  it("keeps few in flight, drops the oldest that waits when full, and counts it", async () => {
    const taken: string[] = [];
    const settle: ((outcome: PublishOutcome) => void)[] = [];
    const outbox = new Outbox({
      publish: ({ payload }: OutgoingMessage) => {
        taken.push(String(payload));
        return new Promise((resolve) => settle.push(resolve));
      },
      inFlightMax: 2,
      waitingMax: 3,
      logger: silentLogger,
    });
    for (const payload of "abcdefg") outbox.send({ topic: "t", payload, retain: false });
    expect([taken.join(""), outbox.droppedCount]).toEqual(["ab", 2]);
    for (const outcome of ["acked", "timed-out", "busy", "not-connected", "connection-lost"] as const) {
      settle.shift()?.({ kind: outcome });
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(taken.join("")).toBe("abefg");
  });
});
