import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, CR, textOf } from "../ascii.ts";

/**
 * HID-POS scanners of Honeywell: report 2 of 64 bytes is `02 length AIM3 data56 … more`. A longer code comes in
 * several reports; the host's trigger is `FD 03 16 54 0D`. Source: USB-IF, HID Point of Sale Usage Tables 1.02.
 */
export const scannerHidpos: Dialect = {
  key: "scanner-hidpos",
  title: "HID-POS scanner",
  device: "scanner",
  serial: null,
  hidReportIds: [2],
  trust: { stability: "none", check: "none", evidence: "captured" },
  optionNames: [],
  open: () => ({
    framing: { kind: "measured", firstBytes: [REPORT_ID, 0xfd], frameBytesMax: REPORT_BYTES, measure },
    decoder: newDecoder,
    commands: { read: TRIGGER_ON, stop: TRIGGER_OFF },
    encode: encodeReading,
  }),
};

const REPORT_ID = 0x02;
const REPORT_BYTES = 64;
const DATA_BYTES_MAX = 56;
const DATA_FROM = 5;
const AIM_BEGUN = /^(?:\](?:[A-Za-z][0-9A-Za-z]?)?)?$/;
const TRIGGER_ON = Uint8Array.of(0xfd, 0x03, 0x16, 0x54, CR);
const TRIGGER_OFF = Uint8Array.of(0xfd, 0x03, 0x16, 0x55, CR);
const CODE_CHARACTERS_MAX = 8192;

const measure: Measure = (bytes, ended) => {
  const isReport = bytes[0] === REPORT_ID;
  const isWrong = isReport
    ? (bytes[1] ?? 0) > DATA_BYTES_MAX || !AIM_BEGUN.test(textOf(bytes.subarray(2, DATA_FROM)))
    : ![TRIGGER_ON, TRIGGER_OFF].some((command) =>
        bytes.subarray(0, command.length).every((byte, index) => byte === command[index]),
      );
  if (isWrong) return { kind: "noise" };
  const length = isReport ? REPORT_BYTES : TRIGGER_ON.length;
  if (bytes.length >= length) return { kind: "frame", length };
  return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
};

function newDecoder(): Decoder {
  let begun = "";
  return {
    decode: (report) => {
      if (report[0] !== REPORT_ID)
        return [{ type: "command", name: report[3] === 0x54 ? "trigger-on" : "trigger-off" }];
      const symbology = textOf(report.subarray(2, DATA_FROM));
      const data = textOf(report.subarray(DATA_FROM, DATA_FROM + (report[1] ?? 0)));
      const more = report[REPORT_BYTES - 1] === 1;
      const whole = begun.length < CODE_CHARACTERS_MAX ? begun + data : data;
      begun = more ? whole : "";
      if (more) return [{ type: "scan-part", symbology, data, more }];
      return [{ type: "scan", symbology, data: whole }];
    },
  };
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "scan" || reading.data === undefined || !/^\]..$/.test(reading.symbology)) return null;
  if (reading.data.length > DATA_BYTES_MAX) return null;
  const report = new Uint8Array(REPORT_BYTES);
  report.set([REPORT_ID, reading.data.length, ...bytesOf(reading.symbology + reading.data)]);
  return report;
}
