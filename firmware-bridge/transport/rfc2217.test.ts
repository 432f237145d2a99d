import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SerialSettings } from "../ports/dialect.ts";
import { rfc2217Opening, TelnetFilter, telnetEscaped } from "./rfc2217.ts";

const SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };

describe("RFC 2217", () => {
  it("asks for the serial settings, with 255 doubled in numbers", () => {
    const opening = Buffer.from(rfc2217Opening({ ...SETTINGS, baudRate: 0xff00 })).toString("hex");
    expect(opening).toContain("fffa2c010000ffff00fff0");
    expect(opening).toContain("fffa2c0208fff0fffa2c0301fff0fffa2c0401fff0");
  });

  it("gives back the bytes of the line however telnet commands are mixed in and cut", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc
              .uint8Array({ maxLength: 20 })
              .map((bytes) => ({ data: bytes, wire: [...telnetEscaped(bytes)] })),
            fc
              .constantFrom([255, 251, 44], [255, 250, 44, 101, 0, 255, 255, 1, 255, 240], [255, 241])
              .map((wire) => ({ data: new Uint8Array(), wire })),
          ),
          { maxLength: 10 },
        ),
        fc.integer({ min: 1, max: 7 }),
        (parts, step) => {
          const wire = Uint8Array.from(parts.flatMap((part) => part.wire));
          const filter = new TelnetFilter();
          const out: number[] = [];
          for (let from = 0; from < wire.length; from += step)
            out.push(...filter.push(wire.subarray(from, from + step)));
          expect(out).toEqual(parts.flatMap((part) => [...part.data]));
        },
      ),
    );
  });
});
