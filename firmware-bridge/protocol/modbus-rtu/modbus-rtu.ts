import type { Decoder, Dialect } from "../../ports/dialect.ts";
import type { Reading } from "../../ports/reading.ts";
import { hasModbusCrc, MODBUS_BYTES_MAX, measureModbus, readModbus, withModbusCrc } from "./modbus-frame.ts";

/**
 * Modbus RTU, questions and answers alike, as a listener on the line sees them.
 * Source: Modbus application protocol, V1.1b3; Modbus over serial line, V1.02.
 */
export const modbusRtu: Dialect = {
  key: "modbus-rtu",
  title: "Modbus RTU",
  device: "bus",
  serial: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
  trust: { stability: "none", check: "crc", evidence: "captured" },
  optionNames: [],
  open: () => ({
    framing: {
      kind: "measured",
      frameBytesMax: MODBUS_BYTES_MAX,
      measure: measureModbus,
      // An unknown function has no length but the silence behind it.
      acceptsBurst: (burst) => burst.length > 3 && hasModbusCrc(burst),
    },
    decoder: () => decoder,
    commands: {},
    encode: encodeReading,
  }),
};

const KNOWN_FUNCTIONS = [1, 2, 3, 4, 5, 6, 15, 16];

const decoder: Decoder = {
  decode: (frame) => {
    const fc = frame[1] ?? 0;
    const isKnown = KNOWN_FUNCTIONS.includes(fc) || (fc & 0x80) !== 0;
    if (!isKnown || measureModbus(frame, true).kind !== "frame") return [{ type: "crc", ok: true }];
    return [readModbus(frame)];
  },
};

const bytesOfWord = (word: number): number[] => [word >> 8, word & 0xff];

function encodeReading(message: Reading): Uint8Array<ArrayBuffer> | null {
  if (message.type !== "modbus") return null;
  const { unit, fc, kind, address = 0, quantity = 0, registers = [], bytes = [] } = message;
  const head = [unit, fc];
  switch (kind) {
    case "request":
      return withModbusCrc([...head, ...bytesOfWord(address), ...bytesOfWord(quantity)]);
    case "response":
      return withModbusCrc([...head, 2 * registers.length, ...registers.flatMap(bytesOfWord)]);
    case "bits":
      return withModbusCrc([...head, bytes.length, ...bytes]);
    case "exception":
      return withModbusCrc([unit, fc | 0x80, message.code ?? 0]);
    case "write-coil":
    case "write-register":
      return withModbusCrc([...head, ...bytesOfWord(address), ...bytesOfWord(message.value ?? 0)]);
    case "write-coils":
      return withModbusCrc([
        ...head,
        ...bytesOfWord(address),
        ...bytesOfWord(message.count ?? 0),
        bytes.length,
        ...bytes,
      ]);
    case "write-registers":
      return withModbusCrc([
        ...head,
        ...bytesOfWord(address),
        ...bytesOfWord(registers.length),
        2 * registers.length,
        ...registers.flatMap(bytesOfWord),
      ]);
    case "write-reply":
      return withModbusCrc([...head, ...bytesOfWord(address), ...bytesOfWord(quantity)]);
  }
}
