import { describe, expect, it } from "vitest";
import { throughUart, type UartSettings } from "./uart.ts";

const settings = (baudRate: number, format: "8N1" | "7E1" | "7O1" | "8O1" | "8N2"): UartSettings => ({
  baudRate,
  dataBits: format.startsWith("7") ? 7 : 8,
  parity: { N: "none", E: "even", O: "odd" }[format.charAt(1)] as UartSettings["parity"],
  stopBits: format.endsWith("2") ? 2 : 1,
});
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const ALL = Uint8Array.from({ length: 256 }, (_, value) => value);

describe("bytes through a UART", () => {
  it.each(["8N1", "8O1", "8N2"] as const)(
    "arrive as they were sent when both ends are set alike: %s",
    (format) => {
      expect(throughUart(ALL, settings(9600, format), settings(9600, format))).toEqual(ALL);
    },
  );

  it("survive the 2 % by which two crystals may differ", () => {
    expect(throughUart(ALL, settings(9600, "8N1"), settings(9790, "8N1"))).toEqual(ALL);
  });

  it("become other characters at another pace, as an oscilloscope shows it", () => {
    // 0x55 at 9600 is a square wave; read twice as fast each level counts twice: 0 01100110.
    expect(hex(throughUart(Uint8Array.of(0x55), settings(9600, "8N1"), settings(19200, "8N1")))).toMatch(
      /^66/,
    );
    // 0x00 is one long low level: nine bits at 9600 are a break at 19200.
    expect(hex(throughUart(Uint8Array.of(0x00), settings(9600, "8N1"), settings(19200, "8N1")))).toBe("00");
    // Two zeros read half as fast are one character; the fourth bit falls on the first one's stop bit.
    expect(hex(throughUart(Uint8Array.of(0, 0), settings(9600, "8N1"), settings(4800, "8N1")))).toBe("08");
  });

  it.each([
    ["7E1", "b1", "33"],
    ["7O1", "31", "b3"],
  ] as const)("show the parity bit of %s as their top bit when read as 8N1", (format, one, three) => {
    const heard = throughUart(
      Uint8Array.from(Buffer.from("13")),
      settings(9600, format),
      settings(9600, "8N1"),
    );
    expect(hex(heard)).toBe(one + three);
  });

  it("lose a top bit that is no parity when read as 7E1", () => {
    const heard = throughUart(Uint8Array.of(0xb1), settings(9600, "8N1"), settings(9600, "7E1"));
    expect(hex(heard)).toBe("31");
  });
});
