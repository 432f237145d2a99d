import { describe, expect, it } from "vitest";
import { decodeBytes } from "../decode.ts";
import type { Reading } from "../ports/reading.ts";
import { bytesOf } from "./ascii.ts";
import { sumOf, xorOf } from "./checks.ts";
import { withModbusCrc } from "./modbus-rtu/modbus-frame.ts";
import { dialectOf } from "./registry.ts";

type Options = Readonly<Record<string, unknown>>;

/** A turned bit may make a command of the host out of a byte: that is no value. */
const SAYS_NO_VALUE: readonly string[] = ["invalid", "ignored", "command", "ack"];

function readingsOf(key: string, options: Options, bytes: Uint8Array): readonly Reading[] {
  const answer = decodeBytes({ id: 1, protocol: key, options }, [bytes]);
  if ("error" in answer) throw new Error(answer.error.message);
  return answer.readings.filter(({ type }) => !SAYS_NO_VALUE.includes(type));
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** One byte lost, one too many, one bit turned, the end or the beginning gone. */
function* damageTo(frame: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < frame.length; at++) {
    const [before, behind] = [frame.subarray(0, at), frame.subarray(at + 1)];
    yield joined(before, behind);
    yield before;
    yield behind;
    for (const byte of [0x00, 0x02, 0x0d, 0x20, 0x31, 0xff])
      yield joined(before, Uint8Array.of(byte), frame.subarray(at));
    for (let bit = 0; bit < 8; bit++)
      yield joined(before, Uint8Array.of((frame[at] ?? 0) ^ (1 << bit)), behind);
  }
}

const withSum = (...body: readonly number[]): Uint8Array =>
  Uint8Array.of(...body, sumOf(Uint8Array.from(body)));

/** Its check byte is that of the digits: the frame is whole, whatever the byte is. */
function toledoFrame(digits: string): Uint8Array {
  const body = bytesOf(`\x02-0 ${digits}\r`);
  return joined(body, Uint8Array.of((0x100 - sumOf(body)) & 0x7f));
}

function sohFrame(body: string): Uint8Array {
  const bytes = bytesOf(body);
  return joined(bytesOf("\x01\x02"), bytes, Uint8Array.of(xorOf(bytes), 0x03, 0x04));
}

const PROBE = { fields: [{ name: "temperature", scale: "0.1" }] };

/** Frames with a check. Of the second and third the check byte is 02 and 0D, as STX and CR are. */
const CHECKED: readonly (readonly [key: string, options: Options, frame: Uint8Array])[] = [
  ["toledo-continuous", {}, toledoFrame("012345000000")],
  ["toledo-continuous", {}, toledoFrame("599999000000")],
  ["toledo-continuous", { checksum: "on" }, toledoFrame("039999000000")],
  ["soh-stx-bcc", {}, sohFrame("S 00.488kg")],
  ["soh-stx-bcc", {}, sohFrame("S-01.234kg")],
  ["yaohua-tf0", {}, bytesOf("\x02+00200021B\x03")],
  ["yaohua-cmd", {}, bytesOf("\x02AB+00123421E\x03")],
  ["ir-gy-mcu90614", {}, withSum(0x5a, 0x5a, 0x45, 4, 0x0e, 0x42, 0x09, 0xe2)],
  ["rfid-em4100", {}, bytesOf("\x0201000734E0D2\x03")],
  ["rfid-abba", {}, Uint8Array.of(0xcd, 0xdc, 0x00, 0x81, 0x04, 0x26, 0xde, 0xfa, 0xe7, 0x60)],
  ["modbus-temp", PROBE, withModbusCrc([1, 3, 2, 0x00, 0xfa])],
  ["modbus-rtu", {}, withModbusCrc([0x11, 3, 4, 0x00, 0x8d, 0x00, 0x8e])],
];

describe.each(CHECKED)("a damaged frame of %s %j", (key, options, frame) => {
  it("says nothing else than the whole, and costs neither the frame before nor the one behind", () => {
    const [whole] = readingsOf(key, options, frame);
    expect(whole).toBeDefined();
    const facts = (reading: Reading): unknown => {
      const { skip: _skip, trailing: _trailing, ...rest } = { skip: 0, trailing: 0, ...reading };
      return rest;
    };
    for (const damaged of damageTo(frame)) {
      const readings = readingsOf(key, options, joined(frame, damaged, frame)).map(facts);
      const context = Buffer.from(damaged).toString("hex");
      expect(readings.length, context).toBeGreaterThanOrEqual(mayHideOne(key, damaged) ? 1 : 2);
      for (const reading of readings)
        expect(reading, context).toEqual(facts(whole ?? { type: "crc", ok: true }));
    }
  });
});

/** Without being told whether check bytes are sent, a byte alone behind CR may be one: the frame in front is not believed. */
const mayHideOne = (key: string, damaged: Uint8Array): boolean =>
  key === "toledo-continuous" && damaged.length <= 1;

const LINES: readonly (readonly [name: string, key: string, bytes: string, values: readonly string[]])[] = [
  ["a head that begins in the rest of another", "yaohua-ww", "wwn-0000.1kg\r\n", ["-0.1"]],
  ["a command's rest in front of an answer", "mt-sics", "SIS S     100.00 g\r\n", ["100.00"]],
  [
    "half an answer of gross, net and tare",
    "mt-sics",
    "SIX1 S SIX1 S 0 Z N R 0 0 0 1 N 3.250 2.750 0.500 kg\r\n",
    ["2.750"],
  ],
  [
    "a frame whose LF was lost",
    "digi-ds781",
    "@B\r000.190\r400.000\rU000.00\rT0@B\r000.250\r400.000\rU000.00\rT0000.00\r\n",
    ["0.250"],
  ],
  [
    "a lost digit where the unit is always sent",
    "yousheng-bcd",
    "\xffDE#\x01\0\xffD#\x01\0\xffDE#\x01\0",
    ["12.345", "12.345"],
  ],
  [
    "noise that looked like a unit",
    "yousheng-bcd",
    "\xffDE#\x01\0\xffDE#\x01\xffDE#\x01\xffDE#\x01\xffDE#\x01",
    ["12.345", "12.345", "12.345"],
  ],
];

describe("on a line without a check", () => {
  it.each(LINES)("%s costs no good frame and says no other weight (%s)", (_name, key, bytes, values) => {
    const readings = readingsOf(key, {}, bytesOf(bytes));
    expect(readings.map((reading) => ("value" in reading ? reading.value : null))).toEqual(values);
  });

  it("the end of a number that was cut off is no address", () => {
    const [reading] = readingsOf("dini-argeo", {}, bytesOf("ST,NT,   -1.50ST,NT,   -1.50,kg\r\n"));
    expect(reading).toEqual(expect.objectContaining({ type: "weight", value: "-1.50" }));
    expect(reading).not.toHaveProperty("address");
    const glued = bytesOf("01ST,NT,   -1.01ST,NT,   -1.50,kg\r\n");
    const [own] = readingsOf("dini-argeo", { address: "01" }, glued);
    expect(own).toEqual(expect.objectContaining({ type: "weight", value: "-1.50", address: "01" }));
  });
});

it("knows every dialect that it names", () => {
  for (const key of [...CHECKED, ...LINES.map(([, key]) => [key])].map(([key]) => key))
    expect(dialectOf(key ?? "")).not.toBeNull();
});
