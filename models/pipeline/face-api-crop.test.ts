import { expect, test } from "vitest";
import { cosineDistance, type FaceApiPair, openFaceApiPair } from "../conversion/face-api-for-tests.ts";
import type { Point } from "../face-engine-port.ts";
import { faceApiBox, faceApiInput } from "./face-api-crop.ts";
import type { RgbImage } from "./rgb-image.ts";

/** Opened once: the library takes seconds to start. */
let opened: Promise<FaceApiPair> | undefined;
const widthPx = 201;
const heightPx = 160;

/** Waves of several lengths: a crop that is off by a pixel or scaled otherwise shows. */
function pattern(): RgbImage {
  const data = Uint8Array.from({ length: widthPx * heightPx * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % widthPx;
    const y = Math.floor(i / 3 / widthPx);
    return 127 + 60 * Math.sin(x * 0.31 + (i % 3)) + 60 * Math.sin(y * 0.23 - x * 0.07 * (i % 3));
  });
  return { widthPx, heightPx, data };
}

/** 68 points: eyes and mouth where a face of `size` has them, turned by `turn`; the rest is not looked at. */
function outlineAt([x, y]: Point, size: number, turn: number): readonly Point[] {
  const place = (u: number, v: number): Point => [
    x + size * (u * Math.cos(turn) - v * Math.sin(turn)),
    y + size * (u * Math.sin(turn) + v * Math.cos(turn)),
  ];
  const ring = (count: number, u: number, v: number, radius: number) =>
    Array.from({ length: count }, (_, i) =>
      place(u + radius * Math.cos((i * 2 * Math.PI) / count), v + (radius / 2) * Math.sin(i)),
    );
  return [
    ...ring(36, 0, 0, 0.5),
    ...ring(6, -0.2, -0.15, 0.08),
    ...ring(6, 0.2, -0.15, 0.08),
    ...ring(20, 0, 0.28, 0.15),
  ];
}

test.each([
  ["in the middle", [100, 80], 90, 0],
  ["turned", [96.4, 77.7], 71.3, 0.4],
  ["enlarged", [50, 60], 33, -0.2],
  ["over the right edge by an odd number of pixels", [171, 80], 90, 0],
  ["over the lower edge", [100, 141], 80, 0.1],
  ["over the upper left corner", [12, 9], 77, 0],
] as const)(
  "a face %s is cropped and described as face-api does, to 1e-5 of the cosine",
  async (_, at, size, turn) => {
    opened ??= openFaceApiPair();
    const { faceApi, convertedOf } = await opened;
    const image = pattern();
    const outline = outlineAt(at, size, turn);
    const landmarks = new faceApi.FaceLandmarks68(
      outline.map(([x, y]) => new faceApi.Point(x / widthPx, y / heightPx)),
      { width: widthPx, height: heightPx },
    );
    const picture = faceApi.tf.tensor3d(Int32Array.from(image.data), [heightPx, widthPx, 3], "int32");
    const box = landmarks.align(null, { useDlibAlignment: true });
    const [crop] = await faceApi.extractFaceTensors(picture, [box]);
    if (crop === undefined) throw new Error("the face is in the picture");
    const expected = await faceApi.nets.faceRecognitionNet.computeFaceDescriptor(crop);
    if (!(expected instanceof Float32Array)) throw new Error("one image gives one descriptor");

    const ours = faceApiBox(outline, image);
    expect([ours.height, ours.width]).toEqual(crop.shape.slice(0, 2));
    expect(cosineDistance(await convertedOf(faceApiInput(image, ours)), expected)).toBeLessThan(1e-5);
  },
);
