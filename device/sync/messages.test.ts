import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import {
  BATCH_BYTES_MAX,
  journalBatchSchema,
  MESSAGE_BYTES_MAX,
  parseMessage,
  receiptSchema,
} from "./messages.ts";
import { CHANNELS, parseTopic, topicOf } from "./topics.ts";

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const ZERO = "0".repeat(64);
const receipt = {
  v: 1,
  ask: null,
  ackedSeq: 3,
  headHash: ZERO,
  missing: [[5, 6]],
  conflicts: [],
  cloudNowMs: 1_700_000_000_000,
};

describe("parseMessage", () => {
  it("takes a message that fits", () => {
    expect(parseMessage(receiptSchema, bytes(receipt))).toEqual({ kind: "ok", message: receipt });
  });

  it.each([
    ["message-not-json", Buffer.from("{")],
    ["message-not-json", Buffer.from("")],
    ["message-not-utf8", Uint8Array.of(0x22, 0xff, 0x22)],
    ["message-too-large", Buffer.alloc(MESSAGE_BYTES_MAX + 1, 0x20)],
    ["message-version-unknown", bytes({ ...receipt, v: 2 })],
    ["message-version-unknown", bytes({ ...receipt, v: undefined })],
    ["message-not-valid", bytes({ ...receipt, ackedSeq: 1.5 })],
    ["message-not-valid", bytes({ ...receipt, ackedSeq: -1 })],
    ["message-not-valid", bytes({ ...receipt, ackedSeq: 2 ** 53 })],
    ["message-not-valid", bytes({ ...receipt, extra: true })],
    ["message-not-valid", bytes({ ...receipt, missing: Array.from({ length: 65 }, () => [1, 1]) })],
    ["message-not-valid", bytes(null)],
  ])("answers %s for what does not (%#)", (code, payload) => {
    expect(parseMessage(receiptSchema, payload)).toMatchObject({ kind: "malformed", code });
  });

  it("names the field, and never a word of the content", () => {
    const payload = bytes({ ...receipt, headHash: "SECRET", "a name 陈": 1 });
    const parsed = parseMessage(receiptSchema, payload);
    expect(parsed).toEqual({ kind: "malformed", code: "message-not-valid", at: "headHash" });
  });

  it("survives a body that is nested a hundred thousand deep", () => {
    const depth = 100_000;
    const entry = `{"seq":1,"id":"x","kind":"a.b","atMs":1,"timeTrust":"held","prevHash":"${ZERO}","hash":"${ZERO}","body":{"a":${"[".repeat(depth)}${"]".repeat(depth)}}}`;
    const payload = Buffer.from(
      `{"v":1,"ask":"a","from":1,"to":1,"prevHash":"${ZERO}","entries":[${entry}]}`,
    );
    expect(parseMessage(journalBatchSchema, payload)).toMatchObject({ kind: "malformed" });
  });

  it("never throws, whatever the bytes and whatever the topic", () => {
    const schemas: z.ZodType[] = Object.values(CHANNELS).map(({ schema }) => schema);
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
      fc.object().map((value) => Buffer.from(JSON.stringify({ v: 1, ...value }))),
    );
    fc.assert(
      fc.property(fc.constantFrom(...schemas), payload, (schema, given) => {
        expect(["ok", "malformed"]).toContain(parseMessage(schema, given).kind);
      }),
      { numRuns: 2000 },
    );
  });

  it("leaves room for one entry of the journal's largest body in a message", () => {
    expect(MESSAGE_BYTES_MAX).toBeGreaterThan(4 * BATCH_BYTES_MAX);
  });
});

describe("topics", () => {
  it("are built and read back", () => {
    for (const name of Object.keys(CHANNELS) as (keyof typeof CHANNELS)[]) {
      const topic = topicOf({ site: "school-1", device: "till-2" }, name);
      expect(parseTopic(topic)).toEqual({
        site: "school-1",
        device: "till-2",
        name,
        suffix: CHANNELS[name].suffix,
      });
    }
  });

  it("refuse a site or device that would reach others", () => {
    for (const device of ["+", "#", "a/b", "", "A", "a b", "-a"]) {
      expect(() => topicOf({ site: "s", device }, "journal")).toThrow(RangeError);
      expect(parseTopic(`canteen/v1/s/${device}/up/journal`)?.device).not.toBe(device);
    }
  });

  it("are undefined outside the contract's root, and unnamed where a later contract has more", () => {
    expect(parseTopic("canteen/v2/s/d/up/journal")).toBeUndefined();
    expect(parseTopic("$SYS/broker/uptime")).toBeUndefined();
    expect(parseTopic("canteen/v1/s/d/up/photo/abc/0")).toMatchObject({ name: undefined });
  });
});
