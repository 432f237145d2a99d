import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LanePace } from "./lane-pace.ts";

const IN_FLIGHT = 4;
const MESSAGE_BYTES_MAX = 128 * 1024;

/** A line of `bytesPerMs` and `roundTripMs`, with as many messages under way as it allows. @returns bytes ahead at each turn. */
function carried(bytesPerMs: number, roundTripMs: number, turns: number): number[] {
  const pace = new LanePace(MESSAGE_BYTES_MAX, { messagesMax: IN_FLIGHT });
  // The question that comes before the first batch.
  pace.answered(300, roundTripMs + 300 / bytesPerMs);
  const onTheWay: number[] = [];
  const ahead: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    onTheWay.push(pace.bytes);
    const bytes = onTheWay.reduce((sum, next) => sum + next, 0);
    ahead.push(bytes);
    while (onTheWay.length >= pace.messages) {
      const inLine = onTheWay.reduce((sum, next) => sum + next, 0);
      pace.answered(onTheWay.shift() ?? 0, roundTripMs + inLine / bytesPerMs);
    }
  }
  return ahead;
}

describe("the pace of a lane", () => {
  it("fills a quick line within a few messages", () => {
    const ahead = carried(10_000, 1, 60);
    expect(ahead.at(-1)).toBe(IN_FLIGHT * MESSAGE_BYTES_MAX);
  });

  it("never has more than a second of a line ahead of an alarm, from 16 kbit/s upwards", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 10_000 }),
        fc.integer({ min: 1, max: 700 }),
        (bytesPerMs, roundTripMs) => {
          for (const bytes of carried(bytesPerMs, roundTripMs, 200))
            expect(bytes / bytesPerMs).toBeLessThan(1000);
        },
      ),
    );
  });

  it("uses a slow line all the same: it is never empty for want of a message", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), (bytesPerMs) => {
        const settled = carried(bytesPerMs, 50, 200).slice(100);
        for (const bytes of settled) expect(bytes / bytesPerMs).toBeGreaterThan(50);
      }),
    );
  });

  it("begins small again on another connection", () => {
    const pace = new LanePace(MESSAGE_BYTES_MAX);
    for (let count = 0; count < 20; count++) pace.answered(pace.bytes, 1);
    pace.reset();
    expect(pace.bytes).toBe(1024);
  });
});
