import type { Codec, Dialect } from "../ports/dialect.ts";
import type { FaultHint } from "../ports/fault.ts";
import { DecodingSession } from "../session.ts";

/** What the highest bit of each byte is, when the bytes are 7-bit characters read as 8-bit ones. */
export type TopBit = "even" | "odd" | "mark";

/** So many frames must come out right with the top bit cut off: one alone may be chance. */
const FRAMES_MIN = 3;
/** That so many bytes in a row follow one parity is no chance: then one frame is enough, as of a card held once. */
const BYTES_SURE = 12;
const READ = ["weight", "status", "count", "percent", "temperature", "probe", "card", "scan"];
const TOP_BIT = 0x80;

const FORMAT: Readonly<Record<TopBit, string>> = { even: "7E1", odd: "7O1", mark: "7N2" };

/**
 * Lines of 7 bits that are read as 8N1 are common in the field: every byte arrives, half of them with bit 7 set.
 * @param recent  the last bytes of a line of which nothing could be read.
 * @returns how the top bits were made, or null when the frames do not become right without them.
 */
export function topBitOf(recent: Uint8Array, codec: Codec): TopBit | null {
  const rule = ruleOf(recent);
  if (rule === null) return null;
  const session = new DecodingSession(codec);
  const frames = [...session.push(recent.map((byte) => byte & ~TOP_BIT)), ...session.end()];
  const right = frames.filter(({ reading }) => READ.includes(reading.type));
  return right.length >= (recent.length < BYTES_SURE ? FRAMES_MIN : 1) ? rule : null;
}

/** @returns the hint that names the format to set, or undefined when the bytes do not tell it. */
export function formatHint(recent: Uint8Array, codec: Codec, dialect: Dialect): FaultHint | undefined {
  const topBit = dialect.serial === null ? null : topBitOf(recent, codec);
  return topBit === null ? undefined : topBitHint(topBit, dialect.trust.check);
}

function topBitHint(topBit: TopBit, check: "none" | "weak" | "crc"): FaultHint {
  const format = FORMAT[topBit];
  const [zh, en] =
    check === "none"
      ? ["读得通", "make sense"]
      : ["读得通，校验也正确", "make sense and their checksums are right"];
  return {
    zh: `波特率对，但串口格式不对：去掉最高位后数据${zh}。请把串口格式改为 ${format}。`,
    en: `The baud rate is right, the character format is not: without the top bit the frames ${en}. Set ${format}.`,
  };
}

function ruleOf(bytes: Uint8Array): TopBit | null {
  // A line without any top bit was read rightly; nothing is gained by cutting it off.
  if (!bytes.some((byte) => byte >= TOP_BIT)) return null;
  if (bytes.every((byte) => byte >= TOP_BIT)) return "mark";
  if (bytes.every((byte) => onesOf(byte) % 2 === 0)) return "even";
  return bytes.every((byte) => onesOf(byte) % 2 === 1) ? "odd" : null;
}

function onesOf(byte: number): number {
  let ones = 0;
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1;
  return ones;
}
