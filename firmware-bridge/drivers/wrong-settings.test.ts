import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasTool } from "../../test/require-tool.ts";
import type { BridgeDevice, DeviceState } from "../ports/device-state.ts";
import type { Dialect, SerialSettings } from "../ports/dialect.ts";
import type { ScaleReading, ScaleState } from "../ports/scale.ts";
import type { Transport } from "../ports/transport.ts";
import { DIALECTS } from "../protocol/registry.ts";
import { DecodingSession } from "../session.ts";
import { PtyHost } from "../simulators/pty-bay.ts";
import type { DeviceBay } from "../simulators/socket.ts";
import { throughUart, type UartSettings } from "../simulators/uart.ts";
import { transportTo } from "../transport/port-name.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../transport/system-time.ts";
import { CardReaderDriver } from "./card-reader-driver.ts";
import { ListeningThermometer } from "./listening-thermometer.ts";
import { ScaleDriver } from "./scale-driver.ts";
import { ScannerDriver } from "./scanner-driver.ts";
import { topBitOf } from "./top-bit.ts";

/** Every serial scale, spoken at one setting and heard at another: see `throughUart`. */
const SCALES = DIALECTS.flatMap((dialect) =>
  dialect.device === "scale" && dialect.serial !== null
    ? [{ key: dialect.key, dialect, serial: dialect.serial, frames: weights(dialect.key) }]
    : [],
);
const RATES = [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200];
const EVERY_MS = 20;

interface GoldenFrame {
  readonly hex: string;
  readonly expected: { readonly type: string; readonly value?: string | null };
}

/** Frames of the dialect with a weight in them. */
function weights(key: string): readonly Uint8Array[] {
  return readFileSync(new URL(`../protocol/${key}/golden.jsonl`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line): GoldenFrame => JSON.parse(line))
    .filter(({ expected: { type, value } }) => type === "weight" && typeof value === "string")
    .map(({ hex }) => Uint8Array.from(Buffer.from(hex, "hex")));
}

/** The frames in turn, as a scale says them back to back. */
function talkOf(frames: readonly Uint8Array[], count: number): Uint8Array {
  return Uint8Array.from(
    Buffer.concat(
      Array.from({ length: count }, (_, turn) => frames[turn % frames.length] ?? new Uint8Array()),
    ),
  );
}

const asSeven = (parity: "even" | "odd"): UartSettings => ({
  baudRate: 9600,
  dataBits: 7,
  parity,
  stopBits: 1,
});
const EIGHT: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };
const isWeight = ({ reading }: { readonly reading: { readonly type: string } }): boolean =>
  reading.type === "weight" || reading.type === "status";
/** Binary, so 7 bits cannot carry it. */
const BINARY = ["yousheng-bcd", "aihua-acs"];

describe.each(SCALES)("$key heard at another baud rate", ({ dialect, serial, frames }) => {
  const others = RATES.filter((baudRate) => baudRate !== serial.baudRate);

  it("never makes a weight", () => {
    const talk = talkOf(frames, 100);
    for (const baudRate of others) {
      const session = new DecodingSession(dialect.open({}));
      const heard = throughUart(talk, serial, { ...serial, baudRate });
      const made = [...session.push(heard), ...session.end()].filter(isWeight);
      expect(made, `${serial.baudRate} heard at ${baudRate}`).toEqual([]);
    }
  });
});

describe("a 7-bit line heard as 8N1", () => {
  const texts = SCALES.filter(({ key }) => !BINARY.includes(key));

  it.each(texts)("is decoded right, or known by its top bits: $key", ({ dialect, frames }) => {
    for (const parity of ["even", "odd"] as const) {
      const heard = throughUart(talkOf(frames, 30), asSeven(parity), EIGHT);
      const session = new DecodingSession(dialect.open({}));
      const isRead = [...session.push(heard), ...session.end()].some(isWeight);
      expect(isRead ? parity : topBitOf(heard.subarray(-512), dialect.open({})), parity).toBe(parity);
    }
  });

  it("is not suspected where 8-bit noise or rightly read lines arrive", () => {
    const codec = dialectNamed("mt-sics").open({});
    const frames = talkOf(weights("mt-sics"), 10);
    expect(topBitOf(frames, codec)).toBeNull();
    expect(
      topBitOf(
        frames.map((byte, at) => (at % 3 === 0 ? byte | 0x80 : byte)),
        codec,
      ),
    ).toBeNull();
  });
});

function dialectNamed(key: string): Dialect {
  const found = DIALECTS.find((dialect) => dialect.key === key);
  if (found === undefined) throw new Error(`no dialect ${key}`);
  return found;
}

const hasPython = hasTool("python3");
let host: PtyHost | undefined;
beforeAll(async () => {
  if (hasPython) host = await PtyHost.start();
});
afterAll(() => host?.stop());

/** Lets a driver hear `talk` over a pty again and again, until it finds fault or reads a weight. */
async function heardOverPty(
  dialect: Dialect,
  chunk: Uint8Array,
): Promise<{ readonly readings: readonly ScaleReading[]; readonly state: ScaleState }> {
  if (host === undefined) throw new Error("no pty host");
  const bay = host.bay();
  await bay.plug();
  const scale = new ScaleDriver({
    transport: transportTo(bay.address, EIGHT),
    dialect,
    clock: systemBridgeClock,
    entropy: systemBridgeEntropy,
    silenceMsMax: 200,
  });
  const readings: ScaleReading[] = [];
  const judged = new Promise<ScaleState>((resolve) => {
    // On a busy machine a silence time may pass before the first byte; what counts is the judgement of the bytes.
    scale.onState((state) => {
      if (state.kind === "faulty" && state.fault.code !== "device-silent") resolve(state);
    });
    scale.onReading((reading) => {
      readings.push(reading);
      resolve(scale.state());
    });
  });
  const sending = setInterval(() => bay.socket.send(chunk), EVERY_MS);
  scale.open({ signal: new AbortController().signal });
  try {
    return { state: await judged, readings };
  } finally {
    clearInterval(sending);
    await scale.close();
    await bay.close();
  }
}

/** The first judgement of a device that hears `chunk` over a pty again and again. */
async function judgedOverPty(device: BridgeDevice, bay: DeviceBay, chunk: Uint8Array): Promise<DeviceState> {
  const judged = new Promise<DeviceState>((resolve) => {
    device.onState((state) => {
      if (state.kind === "faulty" && state.fault.code !== "device-silent") resolve(state);
    });
  });
  const sending = setInterval(() => bay.socket.send(chunk), EVERY_MS);
  device.open({ signal: new AbortController().signal });
  try {
    return await judged;
  } finally {
    clearInterval(sending);
    await device.close();
    await bay.close();
  }
}

const bytesOf = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));

/** What others than scales say, and the driver that hears it; all of text, since 7 bits carry nothing else. */
const OTHERS = [
  ["probe-text", "4.54pH 24.7 C ATC\r\n"],
  ["scanner-serial", "6901234567892\r\n"],
  ["scanner-gm65", "6901234567892\r\n"],
  ["ean", "6901234567892\r\n"],
  ["rfid-em4100", "\x0262E3086CED08\x03"],
  ["card-uid-format", "0652147431\r\n"],
] as const;

function driverOf(key: string, transport: Transport, heard: string[]): BridgeDevice {
  const dialect = dialectNamed(key);
  const known = { transport, dialect, clock: systemBridgeClock, entropy: systemBridgeEntropy };
  if (dialect.device === "thermometer") {
    const thermometer = new ListeningThermometer({ ...known, probe: "core", silenceMsMax: 200 });
    thermometer.onReading(({ celsius }) => celsius !== null && heard.push(celsius));
    return thermometer;
  }
  if (dialect.device === "scanner") {
    const scanner = new ScannerDriver({ ...known, unreadMsMax: 200, codeEndMs: 10 });
    scanner.onScan((scan) => heard.push(scan.text));
    return scanner;
  }
  const dialectOptions = key === "card-uid-format" ? { format: "decimal" } : {};
  const reader = new CardReaderDriver({ ...known, dialectOptions, unreadMsMax: 200 });
  reader.onCard((card) => heard.push(card.uid));
  return reader;
}

// Each has a line of its own and mostly waits for the driver's judgement.
const SIDE_BY_SIDE = { concurrent: true } as const;

describe.runIf(hasPython)("a thermometer, a scanner, a card reader on a pty", SIDE_BY_SIDE, () => {
  it.each(OTHERS)(
    "hears %s at half the baud rate, reads nothing, and says to check it",
    async (key, said) => {
      if (host === undefined) throw new Error("no pty host");
      const bay = host.bay();
      await bay.plug();
      const heard: string[] = [];
      const chunk = throughUart(bytesOf(said.repeat(4)), EIGHT, { ...EIGHT, baudRate: 4800 });
      const state = await judgedOverPty(driverOf(key, transportTo(bay.address, EIGHT), heard), bay, chunk);
      expect(heard).toEqual([]);
      expect(state).toMatchObject({
        kind: "faulty",
        fault: { code: "device-unreadable", hint: { zh: expect.stringContaining("波特率") } },
      });
    },
  );

  it.each(
    OTHERS.flatMap(([key, said]) => [
      [key, "even", "7E1", said] as const,
      [key, "odd", "7O1", said] as const,
    ]),
  )("names the character format of %s that it hears as 8N1: %s, %s", async (key, parity, format, said) => {
    if (host === undefined) throw new Error("no pty host");
    const bay = host.bay();
    await bay.plug();
    const heard: string[] = [];
    const chunk = throughUart(bytesOf(said.repeat(4)), asSeven(parity), EIGHT);
    const state = await judgedOverPty(driverOf(key, transportTo(bay.address, EIGHT), heard), bay, chunk);
    expect(heard).toEqual([]);
    if (state.kind !== "faulty") throw new Error(state.kind);
    expect(state.fault.hint.zh).toContain(`串口格式改为 ${format}`);
    expect(state.fault.hint.en).toContain(`Set ${format}.`);
  });
});

describe.runIf(hasPython)("a scale driver on a pty", SIDE_BY_SIDE, () => {
  it.each(SCALES)(
    "says that $key is unreadable at half and at twice the baud rate, and to check it",
    async ({ dialect, serial, frames }) => {
      for (const baudRate of [serial.baudRate / 2, serial.baudRate * 2]) {
        const chunk = throughUart(talkOf(frames, 4), serial, { ...serial, baudRate });
        const { state, readings } = await heardOverPty(dialect, chunk);
        expect(readings).toEqual([]);
        expect(state).toMatchObject({
          kind: "faulty",
          fault: {
            code: "device-unreadable",
            hint: { zh: expect.stringContaining("波特率"), en: expect.stringContaining("baud rate") },
          },
        });
      }
    },
  );

  it.each([
    ["mt-sics", "even", "7E1", "make sense."],
    ["cas-22", "odd", "7O1", "make sense."],
    ["toledo-continuous", "even", "7E1", "checksums are right"],
    ["yaohua-tf0", "odd", "7O1", "checksums are right"],
  ] as const)(
    "names the character format of a 7-bit line that it hears as 8N1: %s, %s",
    async (key, parity, format, why) => {
      const dialect = dialectNamed(key);
      const chunk = throughUart(talkOf(weights(key), 4), asSeven(parity), EIGHT);
      const { state, readings } = await heardOverPty(dialect, chunk);
      expect(readings).toEqual([]);
      if (state.kind !== "faulty") throw new Error(state.kind);
      expect(state.fault.code).toBe("device-unreadable");
      expect(state.fault.hint.zh).toContain(`串口格式改为 ${format}`);
      expect(state.fault.hint.en).toContain(`Set ${format}.`);
      expect(`${state.fault.hint.en}`).toContain(why.replace(".", ""));
    },
  );
});
