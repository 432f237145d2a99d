import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ScaleDriver } from "../drivers/scale-driver.ts";
import type { ScaleReading } from "../ports/scale.ts";
import { dialectOf } from "../protocol/registry.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../transport/system-time.ts";
import { chunkLine, parseRecording, replayTransport } from "./recording.ts";

const TIME = { clock: systemBridgeClock, entropy: systemBridgeEntropy };

/** The first line of a field log: what it is, and what a driver must make of it. */
interface FieldLogHeader {
  readonly protocol: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly last: Readonly<Record<string, unknown>>;
  readonly readings: number;
}

const FIELD_LOGS = new URL("./field-logs/", import.meta.url);

describe("the field logs", () => {
  it.each(readdirSync(FIELD_LOGS))("%s gives the readings that its first line says", async (name) => {
    const text = readFileSync(new URL(name, FIELD_LOGS), "utf8");
    const header: FieldLogHeader = JSON.parse(text.split("\n")[0] ?? "");
    const dialect = dialectOf(header.protocol);
    if (dialect === null) throw new Error(`no dialect ${header.protocol}`);
    const transport = replayTransport(name, parseRecording(text), {
      ...TIME,
      speed: Number.POSITIVE_INFINITY,
    });
    const scale = new ScaleDriver({ transport, dialect, dialectOptions: header.options ?? {}, ...TIME });
    const readings: ScaleReading[] = [];
    await new Promise<void>((resolve) => {
      scale.onReading((reading) => {
        readings.push(reading);
        if (readings.length === header.readings) resolve();
      });
      scale.open({ signal: new AbortController().signal });
    });
    expect(readings.at(-1)).toMatchObject(header.last);
    await scale.close();
  });
});

describe("a recording", () => {
  it("is read back as it was written, notes aside", () => {
    const chunks = [
      { atMs: 0, bytes: Uint8Array.of(1, 255) },
      { atMs: 20, bytes: Uint8Array.of(3) },
    ];
    expect(parseRecording(`{"note":"a log"}\n${chunks.map(chunkLine).join("\n")}\n`)).toEqual(chunks);
  });

  it.each(["nonsense", '{"atMs":-1,"hex":"00"}', '{"atMs":1,"hex":"0"}'])("names the line of %s", (line) => {
    expect(() => parseRecording(`{"atMs":0,"hex":""}\n${line}`)).toThrow(/line 2/);
  });
});
