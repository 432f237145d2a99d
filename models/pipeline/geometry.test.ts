import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FiveLandmarks, Point } from "../face-engine-port.ts";
import { alignFace, sampleUpright, similarityBetween, uprightMap } from "./align.ts";
import { suppressOverlaps, tilesOf } from "./detect.ts";
import { livenessRegion } from "./liveness.ts";
import { estimatePose } from "./quality.ts";
import { type RgbImage, resampleRegion } from "./rgb-image.ts";

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });

function imageOf(widthPx: number, heightPx: number, pixel: (x: number, y: number) => number): RgbImage {
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let i = 0; i < data.length; i += 1) {
    const at = Math.floor(i / 3);
    data[i] = pixel(at % widthPx, Math.floor(at / widthPx));
  }
  return { data, widthPx, heightPx };
}

describe("similarity", () => {
  test("is recovered from points that were moved by one", () => {
    fc.assert(
      fc.property(
        number(0.2, 5),
        number(-3, 3),
        number(-500, 500),
        number(-500, 500),
        (scale, angle, shiftX, shiftY) => {
          const from: Point[] = [
            [0, 0],
            [10, 1],
            [4, 9],
            [2, 14],
            [9, 13],
          ];
          const a = scale * Math.cos(angle);
          const b = scale * Math.sin(angle);
          const to = from.map(([x, y]): Point => [a * x - b * y + shiftX, b * x + a * y + shiftY]);
          const found = similarityBetween(from, to);
          expect(found.a).toBeCloseTo(a, 6);
          expect(found.b).toBeCloseTo(b, 6);
          expect(found.x0).toBeCloseTo(shiftX, 4);
          expect(found.y0).toBeCloseTo(shiftY, 4);
        },
      ),
    );
  });
});

describe("resampling", () => {
  test("keeps a flat picture flat at every size, inside and outside of it", () => {
    fc.assert(
      fc.property(number(-50, 50), number(-50, 50), number(1, 200), number(1, 200), (x, y, width, height) => {
        const out = resampleRegion(
          imageOf(40, 30, () => 77),
          { x, y, width, height },
          9,
          7,
        );
        for (const value of out) expect(value).toBeCloseTo(77, 3);
      }),
      { numRuns: 50 },
    );
  });

  test("shrinks a checkerboard to its mean instead of aliasing", () => {
    const board = imageOf(128, 128, (x, y) => ((x + y) % 2) * 200);
    const inner = resampleRegion(board, { x: 16, y: 16, width: 96, height: 96 }, 24, 24);
    for (const value of inner) expect(Math.abs(value - 100)).toBeLessThan(8);
  });

  test("gives the pixels themselves at the picture's own size", () => {
    const image = imageOf(12, 8, (x, y) => x * 10 + y);
    const out = resampleRegion(image, { x: 0, y: 0, width: 12, height: 8 }, 12, 8);
    expect(Array.from(out, Math.round)).toEqual(Array.from(image.data));
  });
});

const template: FiveLandmarks = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
];

describe("alignment", () => {
  test("of a face that already lies on the template copies the picture", () => {
    const image = imageOf(112, 112, (x, y) => (x * 3 + y * 5) % 256);
    const aligned = alignFace(image, template);
    // Float rounding moves a sample by less than a thousandth of a pixel.
    for (const [i, value] of aligned.entries())
      expect(Math.abs(value - (image.data[i] ?? 0))).toBeLessThan(0.5);
  });

  test("of a face four times as large averages instead of aliasing", () => {
    const board = imageOf(448, 448, (x, y) => ((x + y) % 2) * 200);
    const large = template.map(([x, y]): Point => [x * 4, y * 4]) as unknown as FiveLandmarks;
    for (const value of alignFace(board, large)) expect(Math.abs(value - 100)).toBeLessThan(30);
  });
});

describe("the upright square of the second look", () => {
  test("shows what a turned, moved and enlarged picture showed before", () => {
    const centre = { x: 150, y: 130 };
    const angle = 0.5;
    const [a, b] = [1.5 * Math.cos(angle), 1.5 * Math.sin(angle)];
    const turned = template.map(
      ([x, y]): Point => [centre.x + a * (x - 56) - b * (y - 56), centre.y + b * (x - 56) + a * (y - 56)],
    ) as unknown as FiveLandmarks;
    const map = uprightMap(turned, { centreY: 56, side: 112 });
    const place = (x: number, y: number) => [map.a * x - map.b * y + map.x0, map.b * x + map.a * y + map.y0];
    expect(place(0.5, 0.5)[0]).toBeCloseTo(centre.x, 6);
    expect(place(0.5, 0.5)[1]).toBeCloseTo(centre.y, 6);
    expect(place(38.2946 / 112, 51.6963 / 112)[0]).toBeCloseTo(turned[0][0], 6);
    // A ramp along the face's own axis: across the crop it rises, down the crop it stays.
    const ramp = imageOf(300, 260, (x, y) => {
      const across = ((x + 0.5 - centre.x) * a + (y + 0.5 - centre.y) * b) / 1.5 ** 2 + 56;
      return Math.min(Math.max(across * 2, 0), 255);
    });
    const crop = sampleUpright(ramp, map, 16);
    for (let v = 4; v < 12; v += 1)
      for (let u = 4; u < 12; u += 1)
        expect(Math.abs((crop[(v * 16 + u) * 3] ?? 0) - (u + 0.5) * 14)).toBeLessThan(1.5);
  });
});

describe("pose", () => {
  /** The template's proportions in millimetres with depth, turned and projected without perspective. */
  const points = [
    [-31.5, 0, 0],
    [31.5, 0, 0],
    [0.2, 36, 27],
    [-25.7, 72.6, 5],
    [26.4, 72.4, 5],
  ] as const;

  test("of a turned face is found again to a degree", () => {
    fc.assert(
      fc.property(number(-40, 40), number(-30, 30), (yawDeg, rollDeg) => {
        const yaw = (yawDeg * Math.PI) / 180;
        const roll = (rollDeg * Math.PI) / 180;
        const landmarks = points.map(([x, y, z]): Point => {
          const turned = x * Math.cos(yaw) + z * Math.sin(yaw);
          return [
            300 + turned * Math.cos(roll) - y * Math.sin(roll),
            200 + turned * Math.sin(roll) + y * Math.cos(roll),
          ];
        }) as unknown as FiveLandmarks;
        const pose = estimatePose(landmarks);
        expect(Math.abs(pose.rollDeg - rollDeg)).toBeLessThan(6);
        expect(Math.abs(pose.yawDeg - yawDeg)).toBeLessThan(6);
      }),
    );
  });

  test("of a face straight at the camera is nearly nothing", () => {
    const front = points.map(([x, y]): Point => [x + 100, y + 100]) as unknown as FiveLandmarks;
    const { yawDeg, pitchDeg, rollDeg } = estimatePose(front);
    expect([yawDeg, pitchDeg, rollDeg].map(Math.round).map(Math.abs)).toEqual([0, 0, 0]);
  });
});

describe("detection's geometry", () => {
  test("tiles cover every pixel, stay few, and a camera frame needs none", () => {
    expect(tilesOf({ widthPx: 640, heightPx: 480 })).toEqual([]);
    fc.assert(
      fc.property(
        fc.integer({ min: 801, max: 9000 }),
        fc.integer({ min: 1, max: 2777 }),
        (widthPx, heightPx) => {
          const tiles = tilesOf({ widthPx, heightPx });
          expect(tiles.length).toBeGreaterThan(0);
          expect(tiles.length).toBeLessThanOrEqual(24);
          for (const [x, y] of [
            [0, 0],
            [widthPx - 1, heightPx - 1],
            [widthPx / 2, heightPx / 2],
            [widthPx - 1, 0],
          ] as const) {
            expect(tiles.some((t) => x >= t.x && y >= t.y && x <= t.x + t.width && y <= t.y + t.height)).toBe(
              true,
            );
          }
        },
      ),
    );
  });

  test("of overlapping boxes the most certain stays, and a part of a face goes with the whole", () => {
    const whole = { box: [100, 100, 100, 120], score: 0.9 } as const;
    const kept = suppressOverlaps([
      { box: [104, 102, 98, 118], score: 0.8 },
      whole,
      { box: [110, 160, 60, 50], score: 0.7 },
      { box: [400, 100, 90, 110], score: 0.65 },
    ]);
    expect(kept.map(({ score }) => score)).toEqual([0.9, 0.65]);
  });

  test("the liveness crop always lies inside the picture", () => {
    fc.assert(
      fc.property(
        number(-30, 640),
        number(-30, 480),
        number(5, 600),
        number(5, 450),
        (x, y, width, height) => {
          const region = livenessRegion({ widthPx: 640, heightPx: 480 }, [x, y, width, height]);
          expect(region.x).toBeGreaterThanOrEqual(-1e-9);
          expect(region.y).toBeGreaterThanOrEqual(-1e-9);
          expect(region.x + region.width).toBeLessThanOrEqual(640.001);
          expect(region.y + region.height).toBeLessThanOrEqual(480.001);
        },
      ),
    );
  });
});
