import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FrameEvent, FramingSpec } from "../ports/framing.ts";
import { DIALECTS } from "../protocol/registry.ts";
import { createFramer } from "./framer.ts";

/** Every framing that a dialect uses, so that its rule is tried and not only the machine around it. */
const SPECS: readonly (readonly [key: string, spec: FramingSpec])[] = DIALECTS.map((dialect) => [
  dialect.key,
  dialect.open({}).framing,
]);

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));

function framesOf(spec: FramingSpec, ...chunks: Uint8Array[]): string[] {
  const framer = createFramer(spec);
  const events = [...chunks.flatMap((chunk) => framer.push(chunk)), ...framer.end()];
  return events
    .filter((event) => event.kind === "frame")
    .map((event) => Buffer.from(event.bytes).toString("latin1"));
}

/** Bytes that begin, fill and end frames come often, so that the rules get past their first byte. */
const lively = fc.array(
  fc.oneof(
    fc.constantFrom(0x01, 0x02, 0x03, 0x04, 0x06, 0x0a, 0x0d, 0x1b, 0x20, 0x2b, 0x30, 0x31, 0x3d, 0x41, 0x53),
    fc.constantFrom(0x5a, 0x66, 0x7e, 0xa5, 0xab, 0xba, 0xcd, 0xdc, 0xfd, 0xff, 0x00, 0x10, 0x80),
    fc.integer({ min: 0, max: 255 }),
  ),
  { maxLength: 600 },
);

describe.each(SPECS)("the framing of %s", (_key, spec) => {
  it("gives the same events however the bytes are chunked, and keeps its bound", () => {
    fc.assert(
      fc.property(lively, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 }), (values, cuts) => {
        const bytes = Uint8Array.from(values);
        const whole = eventsOf(spec, [bytes]);
        expect(
          eventsOf(
            spec,
            Array.from(bytes, (byte) => Uint8Array.of(byte)),
          ),
        ).toEqual(whole);
        expect(eventsOf(spec, cut(bytes, cuts))).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });
});

function eventsOf(spec: FramingSpec, chunks: readonly Uint8Array[]): FrameEvent[] {
  const framer = createFramer(spec);
  const events: FrameEvent[] = [];
  for (const chunk of chunks) {
    events.push(...framer.push(chunk));
    expect(framer.bufferedBytes).toBeLessThanOrEqual(framer.frameBytesMax);
  }
  return [...events, ...framer.end()];
}

function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const length of lengths) {
    chunks.push(bytes.subarray(from, from + length));
    from += length;
  }
  return [...chunks, bytes.subarray(from)];
}

describe("a line framer", () => {
  const spec: FramingSpec = { kind: "line", terminators: [0x0d, 0x0a], frameBytesMax: 8 };

  it("drops an over-long line to its end, so that the tail is no line of its own", () => {
    expect(framesOf(spec, text("0123456789\r\nabc\r\n"))).toEqual(["abc"]);
  });

  it("never gives out a line without its terminator", () => {
    const framer = createFramer(spec);
    framer.push(text("half"));
    expect(framer.end()).toMatchObject([{ kind: "rejected", reason: "truncated" }]);
    expect(framer.counters()).toMatchObject({ frames: 0, truncated: 1, noiseBytes: 4 });
  });

  it("gives out the rest at silence when the device may leave the terminator out", () => {
    expect(framesOf({ ...spec, endsAtSilence: true }, text("abc"))).toEqual(["abc"]);
  });

  it("forgets buffered bytes at a reset", () => {
    const framer = createFramer(spec);
    framer.push(text("old"));
    framer.reset();
    expect(framer.push(text("new\r"))).toMatchObject([{ bytes: text("new") }]);
  });
});

describe("an enclosed framer", () => {
  const spec: FramingSpec = { kind: "enclosed", starts: [0x02], ends: [0x03], frameBytesMax: 8 };

  it("begins again at a new start byte and counts the half frame", () => {
    const framer = createFramer(spec);
    const events = framer.push(text("\x0212\x02345\x03"));
    expect(events.map((event) => event.kind)).toEqual(["rejected", "frame"]);
    expect(framer.counters()).toMatchObject({ frames: 1, truncated: 1 });
  });

  it("gives a frame up when its end does not come in time", () => {
    expect(framesOf(spec, text("\x02123456789\x03\x021\x03"))).toEqual(["\x021\x03"]);
  });
});

describe("a measured framer", () => {
  /** A byte of length behind 0x7e, then so many bytes that must add up to a multiple of 256 with it. */
  const spec: FramingSpec = {
    kind: "measured",
    firstBytes: [0x7e],
    frameBytesMax: 16,
    measure: (bytes) => {
      const length = (bytes[1] ?? 0) + 2;
      if (bytes.length < 2 || (length <= 16 && bytes.length < length)) return { kind: "wait" };
      if (length > 16) return { kind: "noise" };
      const sum = bytes.subarray(1, length).reduce((total, byte) => (total + byte) & 0xff, 0);
      return sum === 0 ? { kind: "frame", length } : { kind: "rejected", reason: "checksum", length };
    },
  };

  it("finds a frame inside a false one that noise began", () => {
    const noise = Uint8Array.of(0x7e, 6);
    const frame = Uint8Array.of(0x7e, 1, 0xff);
    const framer = createFramer(spec);
    const events = [...framer.push(noise), ...framer.push(frame), ...framer.push(Uint8Array.of(9, 9, 9))];
    expect(events).toMatchObject([{ reason: "checksum" }, { bytes: frame, noiseBytesBefore: 2 }]);
    expect(framer.counters()).toMatchObject({ frames: 1, badChecksum: 1 });
  });

  it("treats a rule that would wait for ever as over-long", () => {
    const framer = createFramer({ ...spec, measure: () => ({ kind: "wait" }) });
    framer.push(new Uint8Array(16).fill(0x7e));
    expect(framer.bufferedBytes).toBeLessThanOrEqual(16);
    expect(framer.counters().overLong).toBe(1);
  });
});
