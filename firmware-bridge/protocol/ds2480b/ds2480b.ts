import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Measure } from "../../ports/framing.ts";
import type { Reading } from "../../ports/reading.ts";
import { hexOf } from "../ascii.ts";

/**
 * DS2480B serial 1-Wire master: single-byte commands in command mode, and its answers to resets and to the
 * configuration at start-up. Source: DS2480B data sheet; Maxim application note 192.
 */
export const ds2480b: Dialect = {
  key: "ds2480b",
  title: "DS2480B 1-Wire master",
  device: "bus",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "none", evidence: "documentation" },
  optionNames: [],
  open: () => ({
    framing: { kind: "measured", firstBytes: FIRST_BYTES, frameBytesMax: MESSAGE_BYTES_MAX, measure },
    decoder: () => decoder,
    commands: {},
  }),
};

const command = (name: string): Reading => ({ type: "command", name });
const reset = (result: "short" | "presence" | "alarm" | "no-presence"): Reading => ({
  type: "reset",
  result,
});

/** Low two bits of a reset answer: what is on the bus; above them the chip (DS2480 or DS2480B). */
const MEANING_OF_BYTES: Readonly<Record<string, Reading>> = {
  C8: reset("short"),
  C9: reset("presence"),
  CA: reset("alarm"),
  CB: reset("no-presence"),
  CC: reset("short"),
  CD: reset("presence"),
  CE: reset("alarm"),
  CF: reset("no-presence"),
  C1: command("reset-regular"),
  C5: command("reset-flex"),
  E1: command("data-mode"),
  E3: command("command-mode"),
  "39": command("strong-pullup-524ms"),
  "3B": command("strong-pullup-1048ms"),
  EFF1E144: command("convert-t-strong-pullup"),
  "17455B0F91": command("configure"),
  "16445A0093": { type: "reply", command: "configure", data: "16445A0093" },
};

const MESSAGES = Object.keys(MEANING_OF_BYTES);
const MESSAGE_BYTES_MAX = 5;
const FIRST_BYTES = MESSAGES.map((hex) => Number.parseInt(hex.slice(0, 2), 16));

const measure: Measure = (bytes, ended) => {
  const hex = hexOf(bytes.subarray(0, MESSAGE_BYTES_MAX));
  const whole = MESSAGES.find((message) => hex.startsWith(message));
  if (whole !== undefined) return { kind: "frame", length: whole.length / 2 };
  const isBegun = MESSAGES.some((message) => message.startsWith(hex));
  if (!isBegun) return { kind: "noise" };
  return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
};

const decoder: Decoder = {
  decode: (frame) => {
    const meaning = MEANING_OF_BYTES[hexOf(frame)];
    return meaning === undefined ? [] : [meaning];
  },
};
