import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBytes, decodeLine } from "./decode.ts";
import type { Reading } from "./ports/reading.ts";
import { dialectOf } from "./protocol/registry.ts";

const line = (request: object): string => JSON.stringify(request);
const hex = (text: string): string => Buffer.from(text, "latin1").toString("hex");

describe("a line of serial decode", () => {
  it("gives readings and counters under its id", () => {
    const answer = decodeLine(line({ id: "a", protocol: "mt-sics", hex: hex("S S     100.00 g\r\n") }));
    expect(answer).toMatchObject({
      id: "a",
      readings: [{ type: "weight", value: "100.00", unit: "g", stable: true, mode: "net" }],
      counters: { frames: 1, noiseBytes: 0 },
    });
  });

  it("names an unknown protocol in its own answer", () => {
    expect(decodeLine(line({ id: 7, protocol: "telepathy", hex: "" }))).toMatchObject({
      id: 7,
      error: { code: "unknown-protocol" },
    });
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["no protocol", line({ id: 1, hex: "00" })],
    ["odd hex", line({ id: 1, protocol: "mt-sics", hex: "0" })],
    ["options that are no object", line({ id: 1, protocol: "mt-sics", hex: "", options: [] })],
  ])("refuses %s", (_what, text) => {
    expect(decodeLine(text)).toMatchObject({ error: { code: "bad-line" } });
  });

  it("refuses an option that is out of its range, and names one that it does not know", () => {
    expect(
      decodeLine(line({ id: 1, protocol: "yaohua-eq", hex: "", options: { digits: "sideways" } })),
    ).toMatchObject({
      error: { code: "dialect-options" },
    });
    expect(
      decodeLine(line({ id: 1, protocol: "mt-sics", hex: "", options: { colour: "red" } })),
    ).toMatchObject({
      ignoredOptions: ["colour"],
    });
  });

  it("lists what the bytes were instead only when nothing in them was a reading", () => {
    const bad = "\x02+00923421D\x03";
    const good = "\x02+00200021B\x03";
    const readings = (text: string): readonly Reading[] => {
      const answer = decodeLine(line({ id: 1, protocol: "yaohua-tf0", hex: hex(text) }));
      return "error" in answer ? [] : answer.readings;
    };
    expect(readings(bad)).toEqual([{ type: "invalid", reason: "checksum" }]);
    expect(readings(bad + good)).toMatchObject([{ type: "weight", value: "20.00" }]);
    expect(readings("hello")).toEqual([{ type: "invalid", reason: "no frame" }]);
  });

  it("never throws, whatever the options and the bytes", () => {
    const json = fc.oneof(
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    );
    fc.assert(fc.property(json, (text) => decodeLine(text) !== undefined));
    fc.assert(
      fc.property(
        fc.constantFrom("modbus-temp", "yaohua-eq", "ean", "card-uid-format", "gs1-ai", "stgs-text"),
        fc.dictionary(
          fc.constantFrom("fields", "sentinels", "rules", "unit", "digits", "format", "thisYear"),
          fc.jsonValue(),
        ),
        fc.uint8Array({ maxLength: 80 }),
        (protocol, options, bytes) => {
          decodeBytes({ id: 1, protocol, options }, [bytes]);
        },
      ),
    );
  });
});

/** The site's own vectors lie beside the project where they are at hand; the golden frames stand in for them. */
const SHARED = ["../../shared/protocols/", "../../../shared/protocols/"]
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(new URL("vectors.json", url)));

interface Vector {
  readonly id: string;
  readonly protocol: string;
  readonly hex: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly expected: Readonly<Record<string, unknown>>;
}

interface Stream extends Omit<Vector, "expected"> {
  readonly readings: readonly (readonly [count: number, expected: Readonly<Record<string, unknown>>])[];
}

function shared<T>(name: string): readonly T[] {
  return SHARED === undefined ? [] : (JSON.parse(readFileSync(new URL(name, SHARED), "utf8")) as T[]);
}

function decoded(vector: Omit<Vector, "expected">, chunks: readonly Uint8Array[]): readonly Reading[] {
  const { id, protocol, options = {} } = vector;
  const answer = decodeBytes({ id, protocol, options }, chunks);
  if ("error" in answer) throw new Error(answer.error.message);
  return answer.readings;
}

const bytesOf = (vector: { readonly hex: string }): Uint8Array =>
  Uint8Array.from(Buffer.from(vector.hex, "hex"));

function randomChunks(bytes: Uint8Array, seed: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let state = seed;
  for (let from = 0; from < bytes.length; ) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    const length = 1 + (state % 37);
    chunks.push(bytes.subarray(from, from + length));
    from += length;
  }
  return chunks;
}

/** Dialects without any byte that no frame begins with: noise there is data, or typing. */
const ANY_BYTE_IS_DATA = [
  "scanner-serial",
  "scanner-gm65",
  "scanner-hidkbd",
  "onewire",
  "wiegand26",
  "ds2480b",
  "aim-gs1",
  "gs1-ai",
  "ean",
  "card-uid-format",
  "probe-text",
  "digi-ds781",
];

describe("the shared vectors", () => {
  it("are at hand, or the golden frames of each dialect stand in for them", () => {
    const count = shared<Vector>("vectors.json").length;
    expect(SHARED === undefined ? count === 0 : count > 0).toBe(true);
  });

  it.each(shared<Vector>("vectors.json"))("$id, whole and one byte at a time", (vector) => {
    const bytes = bytesOf(vector);
    const whole = decoded(vector, [bytes]);
    expect(whole).toContainEqual(expect.objectContaining(vector.expected));
    expect(
      decoded(
        vector,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      ),
    ).toEqual(whole);
  });

  const noisy = shared<Vector>("vectors.json").filter(
    ({ protocol, expected }) =>
      !ANY_BYTE_IS_DATA.includes(protocol) &&
      !["invalid", "ignored", "crc"].includes(String(expected["type"])),
  );

  it.each(noisy)("$id, three times with noise between", (vector) => {
    // Bytes that no dialect of these begins a frame with, and one of them a blank that a line may lead with.
    const noise = Uint8Array.of(0x90, 0xb7, 0x9d, 0xa0 ^ 0x1f);
    const bytes = bytesOf(vector);
    const once = decoded(vector, [bytes]).length;
    const stream = Buffer.concat([noise, bytes, noise, bytes, noise, bytes]);
    const readings = decoded(vector, randomChunks(stream, bytes.length));
    const found = readings.filter((reading) => {
      const parts = Object.entries(vector.expected).filter(([key]) => key !== "skip" && key !== "trailing");
      return parts.every(
        ([key, value]) => JSON.stringify(new Map(Object.entries(reading)).get(key)) === JSON.stringify(value),
      );
    });
    expect(found.length).toBeGreaterThanOrEqual(3);
    expect(readings.length).toBe(3 * once);
  });

  it.each(shared<Stream>("streams.json"))("$id, reading by reading in any cut", (stream) => {
    const bytes = bytesOf(stream);
    const expected = stream.readings.flatMap(([count, reading]) =>
      Array.from({ length: count }, () => reading),
    );
    const cuts = [[bytes], Array.from(bytes, (byte) => Uint8Array.of(byte)), randomChunks(bytes, 1)];
    for (const chunks of cuts) expect(decoded(stream, chunks)).toMatchObject(expected);
  });
});

describe("the registry", () => {
  it("finds a dialect by its key", () => {
    expect(dialectOf("kern")?.title).toBe("Kern");
    expect(dialectOf("toString")).toBeNull();
  });
});
