import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { characterOf, USAGE_ENTER, USAGE_KEYPAD_ENTER, USAGE_TAB } from "./us-keyboard.ts";

/**
 * Scanners that type: boot keyboard reports of 8 bytes, modifiers, a zero, six keys. A key types when it is pressed,
 * so a report says only what is new against the one before. Enter or Tab closes the code.
 * Source: USB HID 1.11, appendix B.1.
 */
export const scannerHidkbd: Dialect = {
  key: "scanner-hidkbd",
  title: "HID keyboard scanner",
  device: "scanner",
  serial: null,
  trust: {
    stability: "none",
    check: "none",
    evidence: "documentation",
    caution: "a person's typing looks the same; prefer HID-POS or CDC",
  },
  optionNames: [],
  open: () => ({
    framing: {
      kind: "measured",
      frameBytesMax: REPORT_BYTES,
      measure: (bytes, ended) => {
        // The second byte of a boot report is reserved and zero: the only sign of the boundary in a byte stream.
        if ((bytes[1] ?? 0) !== 0) return { kind: "noise" };
        if (bytes.length >= REPORT_BYTES) return { kind: "frame", length: REPORT_BYTES };
        return ended ? { kind: "rejected", reason: "truncated", length: bytes.length } : { kind: "wait" };
      },
    },
    decoder: newDecoder,
    commands: {},
  }),
};

const REPORT_BYTES = 8;
const SHIFT_KEYS = 0x22;
const CODE_CHARACTERS_MAX = 4096;

function newDecoder(): Decoder {
  let typed = "";
  let pressedBefore: readonly number[] = [];
  return {
    decode: (report) => {
      const pressed = [...report.subarray(2)].filter((usage) => usage !== 0);
      const fresh = pressed.filter((usage) => !pressedBefore.includes(usage));
      const shift = ((report[0] ?? 0) & SHIFT_KEYS) !== 0;
      pressedBefore = pressed;
      const readings: Reading[] = [];
      for (const usage of fresh) {
        if (usage === USAGE_ENTER || usage === USAGE_KEYPAD_ENTER || usage === USAGE_TAB) {
          if (typed !== "") readings.push({ type: "scan", symbology: "keyboard", data: typed });
          typed = "";
        } else if (typed.length < CODE_CHARACTERS_MAX) typed += characterOf(usage, shift) ?? "";
      }
      return readings;
    },
  };
}
