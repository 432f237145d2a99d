import { describe, expect, test } from "vitest";
import { fuseLiveness } from "./liveness.ts";
import { greyPictureOf, measureMotion } from "./motion.ts";
import type { RgbImage } from "./rgb-image.ts";

const widthPx = 640;
const heightPx = 480;
const box = [240, 150, 160, 200] as const;

/** A textured scene; what is inside `moves` is shifted by dx, dy. */
function scene(dx: number, dy: number, moves: (x: number, y: number) => boolean, light = 0): RgbImage {
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0; y < heightPx; y += 1) {
    for (let x = 0; x < widthPx; x += 1) {
      const [u, v] = moves(x, y) ? [x - dx, y - dy] : [x, y];
      const value = 120 + light + 40 * Math.sin(u / 11 + Math.sin(v / 23)) + 40 * Math.cos(v / 13 + u / 41);
      data.fill(value, (y * widthPx + x) * 3, (y * widthPx + x) * 3 + 3);
    }
  }
  return { data, widthPx, heightPx };
}

const all = () => true;
const faceOnly = (x: number, y: number) => x >= 235 && x <= 405 && y >= 145 && y <= 355;
const motionOf = (after: RgbImage) =>
  measureMotion(greyPictureOf(scene(0, 0, all)), greyPictureOf(after), box);

describe("motion of a face and of what is beside it", () => {
  test("a plane that moves takes its surroundings along, by the shift that it made", () => {
    const motion = motionOf(scene(6, -4, all));
    expect(motion?.together).toBeGreaterThan(0.9);
    expect((motion?.faceShare ?? 0) * box[2]).toBeCloseTo(Math.hypot(6, 4), 0);
  });

  test("a face that moves by itself leaves them behind", () => {
    expect(motionOf(scene(6, -4, faceOnly))?.together).toBeLessThan(0.1);
  });

  test("stillness, and light that changes, are no motion", () => {
    expect(motionOf(scene(0, 0, all))).toMatchObject({ together: null });
    expect(motionOf(scene(0, 0, all, 20))).toMatchObject({ together: null });
  });

  test("without texture, or with a frame of another size, nothing is said", () => {
    const plain: RgbImage = { data: new Uint8Array(widthPx * heightPx * 3).fill(90), widthPx, heightPx };
    expect(measureMotion(greyPictureOf(plain), greyPictureOf(plain), box)).toBeNull();
    const small: RgbImage = { data: new Uint8Array(300 * 200 * 3), widthPx: 300, heightPx: 200 };
    expect(measureMotion(greyPictureOf(small), greyPictureOf(plain), box)).toBeNull();
  });
});

describe("texture and motion together", () => {
  const still = { faceShare: 0, together: null };
  const plane = { faceShare: 0.03, together: 1 };

  test("stay within 0…1, whatever the model says", () => {
    for (const texture of [0, 1e-30, 0.5, 1])
      for (const motion of [null, still, plane]) {
        const live = fuseLiveness(texture, motion);
        expect(live >= 0 && live <= 1).toBe(true);
      }
  });

  test("a texture of 0.12 is the mark of assist; a plane is doubted whatever its texture", () => {
    expect(fuseLiveness(0.12, null)).toBeCloseTo(0.5, 1);
    expect(fuseLiveness(0.12, still)).toBe(fuseLiveness(0.12, null));
    expect(fuseLiveness(1, plane)).toBeLessThan(0.5);
  });

  test("a face that moves by itself gains nothing: a replayed video shows that too", () => {
    expect(fuseLiveness(0.3, { faceShare: 0.03, together: 0 })).toBe(fuseLiveness(0.3, null));
  });
});
