import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CanteenError } from "../platform/errors.ts";
import { createLogger } from "../platform/logger.ts";
import { epochMs } from "../platform/units.ts";
import type { RosterMessage } from "../roster/roster-delta.ts";
import { Downlink, type DownlinkOptions } from "./downlink.ts";
import type { CommandMessage, MealPlanMessage, ReceiptMessage, ReportedMessage } from "./messages.ts";
import { FakeRoster } from "./testing/fake-roster.ts";
import { CHANNELS, type ChannelName, topicOf } from "./topics.ts";

const address = { site: "s1", device: "t1" };
const HASH = "a".repeat(64);

const MESSAGES = {
  receipt: {
    v: 1,
    ask: null,
    ackedSeq: 0,
    headHash: HASH,
    missing: [],
    conflicts: [],
    cloudNowMs: 1,
  } satisfies ReceiptMessage,
  roster: { v: 1, kind: "snapshot", to: 5, part: 1, parts: 1, people: [] } satisfies RosterMessage,
  mealPlan: {
    v: 1,
    version: "autumn",
    zone: "Asia/Shanghai",
    periods: [
      {
        id: "lunch",
        name: { zh: "午餐", en: "Lunch" },
        fromMinute: 660,
        toMinute: 780,
        pricing: { kind: "fixed", priceFen: 1200 },
        subsidyFen: { student: 200, staff: 0, guest: 0 },
      },
    ],
    menu: [],
  } satisfies MealPlanMessage,
  templateDown: {
    v: 1,
    shareId: "share-1",
    personId: "p-1",
    modelId: "m",
    sealed: "c2VhbGVk",
    fromDevice: "t2",
  },
  command: {
    v: 1,
    id: "c-1",
    name: "tare",
    args: {},
    issuedAtMs: 1,
    expiresAtMs: 2,
  } satisfies CommandMessage,
};

function rig(more: Partial<DownlinkOptions> = {}) {
  const calls: string[] = [];
  const reports: ReportedMessage[] = [];
  const lines: string[] = [];
  const noted = <const T>(call: string, answer: T): T => {
    calls.push(call);
    return answer;
  };
  const downlink = new Downlink({
    address,
    roster: new FakeRoster(),
    mealPlan: { version: () => null, apply: () => noted("meal-plan", { kind: "applied" }) },
    orders: { priceFree: false, revision: () => 3, apply: () => noted("orders", { kind: "gap", have: 3 }) },
    templates: {
      pendingShares: () => [],
      confirmShare: () => {},
      accept: () => noted("template", { kind: "accepted" }),
      onPending: () => () => {},
    },
    photos: { sendAgain: (hashes) => noted(`again ${hashes.length}`, { sending: [...hashes], gone: [] }) },
    onReceipt: () => void calls.push("receipt"),
    onPhotoReceipt: ({ sha256 }) => void calls.push(`photo ${sha256.slice(0, 4)}`),
    onCommand: ({ id }) => noted("command", { v: 1, id, status: "done", code: null, facts: {} }),
    onRosterNeeded: (reason) => void calls.push(`need ${reason}`),
    onRosterFits: () => void calls.push("fits"),
    onShareConfirmed: (shareId) => void calls.push(`confirmed ${shareId}`),
    report: (message) => void reports.push(message),
    answerPhotos: ({ ask, sending, gone }) =>
      void calls.push(`photos ${ask} ${sending.length} ${gone.map(({ why }) => why).join()}`),
    answerCommand: ({ status }) => void calls.push(`answer ${status}`),
    now: () => epochMs(7),
    logger: createLogger("debug", { write: (line) => lines.push(line) }),
    ...more,
  });
  const receive = (name: ChannelName, message: unknown): void =>
    downlink.receive({ topic: topicOf(address, name), payload: Buffer.from(JSON.stringify(message)) });
  return { downlink, calls, reports, lines, receive };
}

const diskFull = (): never => {
  throw new CanteenError("disk full", {
    code: "disk-full",
    retry: "after-operator",
    hint: { zh: "磁盘已满", en: "disk full" },
  });
};

describe("Downlink", () => {
  it("gives each message to whom it concerns and reports what became of it", () => {
    const { calls, reports, receive } = rig();
    for (const [name, message] of Object.entries(MESSAGES)) receive(name as ChannelName, message);
    expect(calls).toEqual(["receipt", "fits", "meal-plan", "template", "command", "answer done"]);
    expect(reports).toEqual([
      { v: 1, atMs: 7, what: "roster", version: 5, status: "applied", code: null },
      { v: 1, atMs: 7, what: "meal-plan", version: "autumn", status: "applied", code: null },
      { v: 1, atMs: 7, what: "template", shareId: "share-1", status: "accepted", code: null },
    ]);
    for (const report of reports) expect(CHANNELS.reported.schema.safeParse(report).success).toBe(true);
  });

  it("answers which of the photos that the cloud lost come again, and says nothing when that could not be saved", () => {
    const request = { v: 1, ask: "q", hashes: [HASH, HASH, "b".repeat(64)] };
    const known = rig();
    known.receive("photoRequest", request);
    expect(known.calls).toEqual(["again 2", "photos q 2 "]);
    const none = rig({ photos: undefined });
    none.receive("photoRequest", request);
    expect(none.calls).toEqual(["photos q 0 unknown,unknown,unknown"]);
    const full = rig({ photos: { sendAgain: diskFull } });
    full.receive("photoRequest", request);
    full.receive("photoRequest", { ...request, hashes: [] });
    expect(full.calls).toEqual([]);
    expect(full.downlink.refusedCount).toBe(1);
  });

  it("takes the echo of its own share as a confirmation, not as a new template", () => {
    const { calls, receive } = rig();
    receive("templateDown", { ...MESSAGES.templateDown, fromDevice: "t1" });
    expect(calls).toEqual(["confirmed share-1"]);
  });

  it("asks for the roster when a delta does not join, and not when it is stale", () => {
    const { calls, receive } = rig();
    receive("roster", { v: 1, kind: "delta", from: 3, to: 4, people: [], removed: [] });
    receive("roster", MESSAGES.roster);
    receive("roster", MESSAGES.roster);
    expect(calls).toEqual(["need gap", "fits", "fits"]);
  });

  it("reports what the disk would not take, and asks for it again", () => {
    const roster = Object.assign(new FakeRoster(), { apply: diskFull });
    const mealPlan = { version: () => null, apply: diskFull };
    const { calls, reports, receive } = rig({ roster, mealPlan });
    receive("roster", MESSAGES.roster);
    receive("mealPlan", MESSAGES.mealPlan);
    expect(calls).toEqual(["need not-saved"]);
    expect(reports.map(({ what, code }) => [what, code])).toEqual([
      ["roster", "disk-full"],
      ["meal-plan", "disk-full"],
    ]);
  });

  it("reports the revision of the orders that it has, also where a change does not join", () => {
    const { calls, reports, receive } = rig();
    receive("orders", { v: 1, after: 8, revision: 9, orders: [] });
    expect(calls).toEqual(["orders"]);
    expect(reports).toEqual([{ v: 1, atMs: 7, what: "orders", version: 3, status: "gap", code: null }]);
  });

  it("refuses templates and meal plans where they are not wanted", () => {
    const { reports, receive } = rig({ templates: undefined, mealPlan: undefined });
    receive("templateDown", MESSAGES.templateDown);
    receive("mealPlan", MESSAGES.mealPlan);
    expect(reports.map(({ code }) => code)).toEqual(["sharing-off", "meal-plan-not-taken"]);
  });

  it("lets a bug of ours through to the supervisor", () => {
    const roster = Object.assign(new FakeRoster(), {
      apply: () => {
        throw new TypeError("bug");
      },
    });
    expect(() => rig({ roster }).receive("roster", MESSAGES.roster)).toThrow(TypeError);
  });

  it("counts, reports and logs malformed messages without their content, sparingly", () => {
    const { downlink, calls, reports, lines, receive } = rig();
    for (let time = 0; time < 100; time++) receive("roster", { v: 1, displayName: "SECRET", 陈: "SECRET" });
    receive("receipt", "SECRET");
    receive("journal", {});
    downlink.receive({ topic: "canteen/v1/s1/other/down/receipt", payload: Buffer.from("{}") });
    expect(downlink.refusedCount).toBe(103);
    expect(calls).toEqual([]);
    expect(reports.map((report) => "count" in report && [report.topic, report.code, report.count])).toEqual([
      ["down/roster", "message-not-valid", 1],
      ["down/roster", "message-not-valid", 10],
      ["down/roster", "message-not-valid", 100],
      ["down/receipt", "message-not-valid", 1],
      ["up/journal", "topic-unknown", 1],
      ["?", "topic-unknown", 1],
    ]);
    expect(lines).toHaveLength(6);
    expect(lines.join()).not.toMatch(/SECRET|陈/);
    for (const report of reports) expect(CHANNELS.reported.schema.safeParse(report).success).toBe(true);
  });

  it("never throws and never passes on what does not fit, whatever comes on whatever topic", () => {
    const topic = fc.oneof(
      fc.constantFrom(...Object.keys(CHANNELS)).map((name) => topicOf(address, name as ChannelName)),
      fc.string({ maxLength: 80 }).map((tail) => `canteen/v1/s1/t1/${tail}`),
      fc.string({ maxLength: 80 }),
    );
    const valid = fc.constantFrom(...Object.values(MESSAGES));
    const spoilt = fc.tuple(valid, fc.string(), fc.jsonValue()).map(([message, key, value]) => ({
      ...message,
      [key]: value,
    }));
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.json().map((text) => Buffer.from(text)),
      spoilt.map((message) => Buffer.from(JSON.stringify(message))),
      valid.map((message) => Buffer.from(JSON.stringify(message).slice(0, -2))),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(topic, payload), { maxLength: 30 }), (messages) => {
        const { downlink, reports } = rig();
        for (const [each, content] of messages) downlink.receive({ topic: each, payload: content });
        expect(reports.every((report) => CHANNELS.reported.schema.safeParse(report).success)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
