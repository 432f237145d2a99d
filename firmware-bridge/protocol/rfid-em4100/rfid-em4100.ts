import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, ETX, hexOf, STX, textOf } from "../ascii.ts";
import { sumOf, xorOf } from "../checks.ts";
import { invalid } from "../message.ts";
import { choice } from "../options.ts";

/**
 * 125 kHz readers (RDM6300 and kin): `STX`, ten hex digits, two of checksum, perhaps CR LF, `ETX`. The checksum is
 * the XOR of the five bytes; one reader sends their sum. Repeats while the card stays: the driver debounces.
 */
export const rfidEm4100: Dialect = {
  key: "rfid-em4100",
  title: "EM4100 card reader",
  device: "card-reader",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "none",
    check: "weak",
    evidence: "documentation",
    caution: "a card number can be copied: an identifier, not a secret",
  },
  optionNames: ["checksum"],
  open: (options) => {
    const checksum = choice(options, "checksum", ["xor", "sum"], "xor");
    const checkOf = checksum === "xor" ? xorOf : sumOf;
    return {
      framing: { kind: "enclosed", starts: [STX], ends: [ETX], frameBytesMax: 20 },
      decoder: () => decoderFor(checkOf),
      commands: {},
      encode: (reading) => encodeReading(reading, checkOf),
    };
  },
};

const FRAME = /^([0-9A-F]{10})([0-9A-F]{2})[\r\n]*$/i;

function decoderFor(checkOf: (bytes: Uint8Array) => number): Decoder {
  return {
    decode: (frame) => {
      const match = FRAME.exec(textOf(frame.subarray(1, -1)));
      if (match === null) return [invalid("format")];
      const [, uid = "", check = ""] = match;
      if (checkOf(Buffer.from(uid, "hex")) !== Number.parseInt(check, 16)) return [invalid("checksum")];
      return [{ type: "card", uid: uid.toUpperCase() }];
    },
  };
}

function encodeReading(
  reading: Reading,
  checkOf: (bytes: Uint8Array) => number,
): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "card" || typeof reading.uid !== "string" || reading.uid.length !== 10) return null;
  const check = hexOf(Uint8Array.of(checkOf(Buffer.from(reading.uid, "hex"))));
  return bytesOf(`\x02${reading.uid}${check}\x03`);
}
