import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { bytesOf, CR, STX, textOf } from "../ascii.ts";
import { invalid } from "../message.ts";
import { headerOf, modeOf, readStatusLine } from "../status-line.ts";

/** `STX ST,GS,+  0.00 lb CR`. Seen only in another project's tests, in no CAS manual that was read. */
export const casPdii18: Dialect = {
  key: "cas-pdii-18",
  title: "CAS PD-II, 18 bytes",
  device: "scale",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: {
    stability: "wire",
    check: "none",
    evidence: "documentation",
    caution: "in no manual: compare with the display before relying on it",
  },
  optionNames: [],
  open: () => ({
    framing: { kind: "enclosed", starts: [STX], ends: [CR], frameBytesMax: 32 },
    decoder: () => decoder,
    commands: {},
    encode: encodeReading,
  }),
};

const FRAME = /^(ST|US|OL|UL),(GS|NT),([+-])([ \d.-]{6}) ?([A-Za-z ]{2})$/;

const decoder: Decoder = {
  decode: (frame) => {
    const match = FRAME.exec(textOf(frame.subarray(1, -1)));
    if (match === null) return [invalid("format")];
    const [, header = "", mode, sign = "", digits = "", unit = ""] = match;
    return [readStatusLine({ header, mode: modeOf(mode), number: sign + digits, unit })];
  },
};

function encodeReading(reading: Reading): Uint8Array<ArrayBuffer> | null {
  if (reading.type !== "weight" || reading.unit === null || reading.mode === "tare") return null;
  const header = reading.overload === true ? "OL" : headerOf(reading.stable);
  const digits = reading.overload === true ? "------" : reading.value?.replace("-", "").padStart(6);
  if (header === null || digits === undefined || digits.length > 6 || reading.unit.length !== 2) return null;
  const sign = reading.value?.startsWith("-") ? "-" : "+";
  return bytesOf(`\x02${header},${reading.mode === "net" ? "NT" : "GS"},${sign}${digits} ${reading.unit}\r`);
}
