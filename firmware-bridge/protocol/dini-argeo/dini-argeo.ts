import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading, WeightReading } from "../../ports/reading.ts";
import { bytesOf } from "../ascii.ts";
import { decimalOf } from "../decimal.ts";
import { ignored, invalid, textLines } from "../message.ts";
import { matchingText } from "../options.ts";
import { headerOf, modeOf, readStatusLine } from "../status-line.ts";
import { fromHead, printableTail } from "../text-line.ts";

/**
 * Dini Argeo: `[CC]HH,KK,PPPPPPPP,UM`, the extended string `SS,B,wwwwwwwwwwUM,PT ttttttttttUM`, and the answers to
 * commands. On RS-485 two digits of address stand in front; with option `address` other devices are left out.
 */
export const diniArgeo: Dialect = {
  key: "dini-argeo",
  title: "Dini Argeo",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "wire", check: "none", evidence: "documentation" },
  optionNames: ["address"],
  open: (options) => {
    const address = matchingText(options, "address", /^\d\d$/, null);
    const command = (name: string): Uint8Array => bytesOf(`${address ?? ""}${name}\r\n`);
    return {
      framing: textLines(64),
      decoder: () => decoderFor(address),
      commands: {
        read: command("READ"),
        tare: command("TARE"),
        zero: command("ZERO"),
        "clear-tare": command("CLEAR"),
      },
      encode: encodeReading,
    };
  },
};

/** Digits behind a point are the end of a number that was cut off, and no address. */
const HEAD = /(?:(?<!\.\d*)\d\d)?(?:ST|US|OL|UL),/g;
const STANDARD = /^(\d\d)?(ST|US|OL|UL),(GS|NT),([ \d.+-]{6,10}), *([A-Za-z%]+) *$/;
const EXTENDED =
  /^(\d\d)?(ST|US|OL|UL),(\d),([ \d.+-]{10})([A-Za-z]{1,2}),(?:PT|YY| {2}) *([ \d.]*?) *([A-Za-z]{1,2}) *$/;
const COMMAND = /^(\d\d)?(READ|REXT|TARE|T|ZERO|Z|CLEAR|C|TMAN.*|CMD\w*)$/;
const ERROR_LINE = /^(\d\d)?(ERR\d\d)$/;
const REPLY = /^(\d\d)(\w+)$/;

function decoderFor(own: string | null): Decoder {
  return {
    decode: (line) => {
      const text = printableTail(line).trimEnd();
      const address = /^\d\d(?=[A-Z])/.exec(text)?.[0];
      if (own !== null && address !== undefined && address !== own) return [ignored("other address")];
      const reading = fromHead(text, HEAD, parseWeighing) ?? parseAnswer(text);
      // A weighing that lost its address may be another device's.
      if (own !== null && reading?.type === "weight" && reading.address !== own)
        return [ignored("other address")];
      if (reading !== null) return [reading];
      return text.match(HEAD) === null ? [] : [invalid("format")];
    },
  };
}

function parseWeighing(text: string): Reading | null {
  const standard = STANDARD.exec(text);
  if (standard !== null) {
    const [, address, header = "", mode, number = "", unit = ""] = standard;
    return withAddress(readStatusLine({ header, mode: modeOf(mode), number, unit }), address);
  }
  const extended = EXTENDED.exec(text);
  if (extended === null) return null;
  const [, address, header = "", channel = "", number = "", unit = "", tareText = ""] = extended;
  const reading = withAddress(readStatusLine({ header, mode: "gross", number, unit }), address);
  if (reading.type !== "weight") return reading;
  const tare = decimalOf(tareText);
  return { ...reading, channel: Number(channel), ...(tare === null ? {} : { tare }) } satisfies WeightReading;
}

function withAddress(reading: Reading, address: string | undefined): Reading {
  return reading.type === "weight" && address !== undefined ? { ...reading, address } : reading;
}

function parseAnswer(text: string): Reading | null {
  if (/^(?:\d\d)?OK$/.test(text)) return { type: "ack", ok: true };
  const error = ERROR_LINE.exec(text)?.[2];
  if (error !== undefined) return { type: "error", code: error };
  const command = COMMAND.exec(text);
  if (command !== null) {
    const [, address, name = ""] = command;
    return { type: "command", name, ...(address === undefined ? {} : { address }) };
  }
  const reply = REPLY.exec(text);
  return reply === null ? null : { type: "reply", address: reply[1] ?? "", text: reply[2] ?? "" };
}

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.unit === null || reading.mode === null || reading.mode === "tare")
    return null;
  const header =
    reading.overload === true ? "OL" : reading.underload === true ? "UL" : headerOf(reading.stable);
  if (reading.address !== undefined && !/^\d\d$/.test(reading.address)) return null;
  const field = (reading.value ?? "").padStart(8);
  if (header === null || field.length > 8 || (reading.value === null && !header.endsWith("L"))) return null;
  const mode = reading.mode === "net" ? "NT" : "GS";
  return bytesOf(`${reading.address ?? ""}${header},${mode},${field},${reading.unit}\r\n`);
}
