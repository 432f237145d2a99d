import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameRing } from "./frame-ring.ts";

const limits = { framesMax: 4, bytesMax: 1000, spacingMsMin: 40 };
const frame = (capturedMonoMs: number, bytes = 10) => ({ jpeg: new Uint8Array(bytes), capturedMonoMs });

function ringOf(...times: readonly number[]): FrameRing {
  const ring = new FrameRing(limits);
  for (const time of times) ring.push(frame(time));
  return ring;
}

describe("the newest frames", () => {
  it("give the one nearest to a moment, of two alike the later", () => {
    const ring = ringOf(100, 200, 300);
    expect([0, 149, 150, 999].map((at) => ring.nearest(at)?.capturedMonoMs)).toEqual([100, 100, 200, 300]);
    expect(ringOf().nearest(5)).toBeNull();
  });

  it("pass over a frame that comes too soon, and begin anew when the camera's clock went back", () => {
    expect(ringOf(100, 139, 140).nearest(139)?.capturedMonoMs).toBe(140);
    expect(ringOf(100, 200, 50).nearest(200)?.capturedMonoMs).toBe(50);
  });

  it("never are more frames or bytes than allowed, and the last one that fits is always there", () => {
    const frames = fc.array(fc.record({ afterMs: fc.nat(100), bytes: fc.nat(1200) }), { maxLength: 60 });
    fc.assert(
      fc.property(frames, (pushed) => {
        const ring = new FrameRing(limits);
        const kept: { at: number; bytes: number }[] = [];
        let at = 0;
        for (const { afterMs, bytes } of pushed) {
          at += afterMs;
          const newest = kept.at(-1);
          ring.push(frame(at, bytes));
          if (newest !== undefined && at - newest.at < limits.spacingMsMin) continue;
          kept.push({ at, bytes });
          while (kept.length > 4 || kept.reduce((sum, each) => sum + each.bytes, 0) > 1000) kept.shift();
          for (let look = 0; look <= at; look += 25) {
            const best = kept.reduce<number | null>(
              (found, each) =>
                found === null || Math.abs(each.at - look) <= Math.abs(found - look) ? each.at : found,
              null,
            );
            expect(ring.nearest(look)?.capturedMonoMs ?? null).toBe(best);
          }
        }
      }),
    );
  });
});
