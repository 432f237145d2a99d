import { describe, expect, test } from "vitest";
import type { Point } from "../face-engine-port.ts";
import { chooseFaces } from "./analyze.ts";
import type { Detection } from "./detect.ts";
import type { FaceLandmarks } from "./landmarks.ts";

const origin: Point = [0, 0];

/** Boxes whose width names them; the probability of each is looked up by it. */
async function chosenWidths(
  probabilityOf: Readonly<Record<number, number>>,
  faceCountMax: number,
): Promise<{ readonly widths: readonly number[]; readonly notFaces: number; readonly looks: number }> {
  const largestFirst = Object.keys(probabilityOf)
    .map(Number)
    .sort((a, b) => b - a)
    .map((width): Detection => ({ box: [0, 0, width, width], score: 0.9 }));
  let looks = 0;
  const { faces, notFaces } = await chooseFaces(largestFirst, faceCountMax, async (box) => {
    looks += 1;
    const landmarks: FaceLandmarks = {
      five: [origin, origin, origin, origin, origin],
      outline: [],
      faceProbability: probabilityOf[box[2]] ?? Number.NaN,
    };
    return landmarks;
  });
  return { widths: faces.map(({ box }) => box[2]), notFaces, looks };
}

describe("the faces that are embedded", () => {
  test("are the largest, and no landmarks are looked for beyond them", async () => {
    expect(await chosenWidths({ 90: 1, 80: 0.99, 70: 1 }, 2)).toEqual({
      widths: [90, 80],
      notFaces: 0,
      looks: 2,
    });
  });

  test("do not include a larger box that is no face", async () => {
    expect(await chosenWidths({ 120: 0.02, 80: 1 }, 1)).toEqual({ widths: [80], notFaces: 1, looks: 2 });
  });

  test("include a doubtful one that is alone, as a masked person may be", async () => {
    expect(await chosenWidths({ 120: 0.1 }, 1)).toEqual({ widths: [120], notFaces: 0, looks: 1 });
  });

  test("are looked for a bounded time in a picture full of false boxes", async () => {
    const { looks, widths } = await chosenWidths({ 90: 0, 80: 0, 70: 0, 60: 0, 50: 0, 40: 1 }, 1);
    expect(looks).toBe(4);
    expect(widths).toEqual([90]);
  });
});
