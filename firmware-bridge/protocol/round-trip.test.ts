import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Codec, OptionBag } from "../ports/dialect.ts";
import type { Reading } from "../ports/reading.ts";
import { DecodingSession } from "../session.ts";
import { hasModbusCrc } from "./modbus-rtu/modbus-frame.ts";
import { DIALECTS } from "./registry.ts";

/** Options with which a dialect can say the most. */
const OPTIONS: Readonly<Record<string, OptionBag>> = {
  "yaohua-eq": { digits: "reversed" },
  "card-uid-format": { format: "decimal", byteOrder: "lsb" },
};

const decimals = fc
  .record({
    digits: fc.integer({ min: 0, max: 99999 }),
    places: fc.integer({ min: 0, max: 4 }),
    negative: fc.boolean(),
  })
  .map(({ digits, places, negative }) => {
    const padded = String(digits).padStart(places + 1, "0");
    const text = places === 0 ? padded : `${padded.slice(0, -places)}.${padded.slice(-places)}`;
    return negative && digits > 0 ? `-${text}` : text;
  });

const money = fc.integer({ min: 0, max: 99999 }).map((fen) => (fen / 100).toFixed(2));
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

/** Weights with and without each part; a dialect answers null for those that it cannot say. */
const weights: fc.Arbitrary<Reading> = fc
  .record({
    value: fc.option(decimals),
    unit: fc.constantFrom("g" as const, "kg" as const, "lb" as const, null),
    stable: fc.constantFrom(true, false, null),
    mode: fc.constantFrom("gross" as const, "net" as const, "tare" as const, null),
    range: fc.constantFrom("in" as const, "in" as const, "in" as const, "over" as const, "under" as const),
    tare: maybe(decimals.filter((text) => !text.startsWith("-"))),
    unitPrice: maybe(money),
    total: maybe(money),
    address: maybe(fc.constantFrom("A", "01")),
    deviceId: maybe(fc.integer({ min: 0x31, max: 0x3d })),
    lamp: maybe(fc.constantFrom(0xa4, 0xc4, 0xe5, 0x39)),
    compare: maybe(fc.constantFrom("LO", "OK", "HI")),
    zero: fc.boolean(),
  })
  .map(({ range, value, zero, ...known }): Reading => {
    const parts = Object.fromEntries(Object.entries(known).filter(([, part]) => part !== undefined));
    const inRange = range === "in";
    return {
      type: "weight",
      unit: null,
      stable: null,
      mode: null,
      ...parts,
      value: inRange ? value : null,
      ...(range === "over" ? { overload: true } : {}),
      ...(range === "under" ? { underload: true } : {}),
      ...(zero && inRange ? { zero } : {}),
    };
  });

const centi = fc
  .integer({ min: -4000, max: 12500 })
  .map(
    (count) =>
      `${count < 0 ? "-" : ""}${Math.floor(Math.abs(count) / 100)}.${String(Math.abs(count) % 100).padStart(2, "0")}`,
  );
const byte = fc.integer({ min: 0, max: 255 });
const word = fc.integer({ min: 0, max: 0xffff });

/** Small weights to the gram, which the dialects with implied decimals can say. */
const gramWeights: fc.Arbitrary<Reading> = fc
  .record({ grams: fc.integer({ min: 0, max: 9999 }), unitPrice: maybe(money) })
  .map(({ grams, unitPrice }) => ({
    type: "weight",
    value: `${Math.floor(grams / 1000)}.${String(grams % 1000).padStart(3, "0")}`,
    unit: "kg",
    stable: true,
    mode: null,
    ...(unitPrice === undefined ? {} : { unitPrice }),
  }));

const messages: fc.Arbitrary<Reading> = fc.oneof(
  { weight: 6, arbitrary: weights },
  gramWeights,
  fc.constantFrom<Reading>(
    {
      type: "scan",
      symbology: "gs1",
      ais: [
        ["10", "L1"],
        ["3103", "012500"],
        ["21", "S-77"],
      ],
    },
    {
      type: "scan",
      symbology: "gs1",
      ais: [
        ["17", "261231"],
        ["10", "L20250901"],
      ],
    },
    { type: "scan", symbology: "ean13", data: "6901234567892" },
  ),
  fc.record({ celsius: centi, ambient: centi }).map((parts): Reading => ({ type: "temperature", ...parts })),
  fc
    .integer({ min: -880, max: 2000 })
    .map((n): Reading => ({ type: "temperature", celsius: (n / 16).toFixed(4) })),
  fc
    .integer({ min: 0, max: 0xffffffff })
    .map((n): Reading => ({ type: "card", uid: n.toString(16).toUpperCase().padStart(8, "0") })),
  fc
    .integer({ min: 0, max: 0xffffffff })
    .map((n): Reading => ({ type: "card", uid: `6A${n.toString(16).toUpperCase().padStart(8, "0")}` })),
  fc.record({ facility: byte, number: word }).map((parts): Reading => ({ type: "card", ...parts })),
  fc
    .record({
      unit: byte,
      fc: fc.constantFrom(3, 4),
      registers: fc.array(word, { minLength: 1, maxLength: 60 }),
    })
    .map((parts): Reading => ({ type: "modbus", kind: "response", ...parts })),
  fc
    .record({
      unit: byte,
      fc: fc.constantFrom(3, 4),
      address: word,
      quantity: fc.integer({ min: 1, max: 125 }),
    })
    .map((parts): Reading => ({ type: "modbus", kind: "request", ...parts })),
  fc.record({ unit: byte, address: word, registers: fc.array(word, { minLength: 1, maxLength: 60 }) }).map(
    (parts): Reading => ({
      type: "modbus",
      kind: "write-registers",
      fc: 16,
      count: parts.registers.length,
      ...parts,
    }),
  ),
  fc
    .record({ unit: byte, fc: fc.constantFrom(1, 3, 6, 16), code: fc.integer({ min: 1, max: 11 }) })
    .map((parts): Reading => ({ type: "modbus", kind: "exception", ...parts })),
  fc
    .stringMatching(/^[0-9A-Z-]{1,40}$/)
    .map((data): Reading => ({ type: "scan", symbology: "serial", data })),
  fc.stringMatching(/^[0-9A-Z-]{1,40}$/).map((data): Reading => ({ type: "scan", symbology: "]C0", data })),
  fc.integer({ min: 0, max: 63 }).map(
    (bits): Reading => ({
      type: "status",
      motion: (bits & 1) > 0,
      overCapacity: (bits & 2) > 0,
      underZero: (bits & 4) > 0,
      outsideZeroCapture: (bits & 8) > 0,
      centerOfZero: (bits & 16) > 0,
      net: (bits & 32) > 0,
    }),
  ),
  fc
    .record({ value: fc.integer({ min: 0, max: 9999 }).map(String), stable: fc.boolean() })
    .map((parts): Reading => ({ type: "count", ...parts })),
);

const ESSENTIAL = [
  "type",
  "value",
  "celsius",
  "uid",
  "facility",
  "number",
  "data",
  "kind",
  "fc",
  "registers",
] as const;

/** A frame may leave out what the dialect has no place for; it may lose no value and contradict nothing. */
function agree(sent: Reading, received: Reading): void {
  const [left, right] = [new Map(Object.entries(sent)), new Map(Object.entries(received))];
  for (const key of ESSENTIAL) if (left.has(key)) expect(right.get(key)).toEqual(left.get(key));
  for (const [key, value] of right)
    if (value !== null && left.get(key) !== undefined && left.get(key) !== null)
      expect(value, `${key} of ${JSON.stringify(received)}`).toEqual(left.get(key));
}

const encoders = DIALECTS.map((dialect) => ({
  key: dialect.key,
  codec: dialect.open(OPTIONS[dialect.key] ?? {}),
})).filter(({ codec }) => codec.encode !== undefined);

describe.each(encoders)("$key", ({ codec }) => {
  it("decodes what it encodes, among the frames that it can say", () => {
    let encodedCount = 0;
    fc.assert(
      fc.property(messages, (reading) => {
        const bytes = codec.encode?.(reading) ?? null;
        if (bytes === null || beginsWithWholeModbus(bytes)) return;
        encodedCount += 1;
        const received = decoded(codec, bytes);
        expect(received, Buffer.from(bytes).toString("latin1")).toHaveLength(1);
        for (const other of received) {
          agree(reading, other);
          expect(codec.encode?.(other)).toEqual(bytes);
        }
      }),
      { numRuns: 3000 },
    );
    expect(encodedCount).toBeGreaterThan(0);
  });
});

/** One long Modbus frame in 65,536 has a right CRC after eight bytes: on the wire that is two frames. */
function beginsWithWholeModbus(bytes: Uint8Array): boolean {
  return bytes.length > 8 && hasModbusCrc(bytes.subarray(0, 8));
}

function decoded(codec: Codec, bytes: Uint8Array): readonly Reading[] {
  const session = new DecodingSession(codec);
  return [...session.push(bytes), ...session.end()].map((frame) => frame.reading);
}
