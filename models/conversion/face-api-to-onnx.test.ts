import { expect, test } from "vitest";
import { cosineDistance, openFaceApiPair } from "./face-api-for-tests.ts";

const side = 150;

test("the converted descriptor is that of face-api itself, to 1e-5 of the cosine", async () => {
  const { faceApi, convertedOf } = await openFaceApiPair();
  for (const phase of [0, 1, 2]) {
    const pixels = Int32Array.from({ length: side * side * 3 }, (_, i) =>
      Math.round(127 + 120 * Math.sin(i * 0.0007 * (phase + 1)) * Math.cos((i % (side * 3)) * 0.02 + phase)),
    );
    const expected = await faceApi.nets.faceRecognitionNet.computeFaceDescriptor(
      faceApi.tf.tensor3d(pixels, [side, side, 3], "int32"),
    );
    if (!(expected instanceof Float32Array)) throw new Error("one image gives one descriptor");
    const mean = [122.782, 117.001, 104.298];
    const planes = Float32Array.from({ length: pixels.length }, (_, i) => {
      const channel = Math.floor(i / (side * side));
      return ((pixels[(i % (side * side)) * 3 + channel] ?? 0) - (mean[channel] ?? 0)) / 255;
    });
    const found = await convertedOf(planes);
    expect(found).toHaveLength(128);
    expect(cosineDistance(found, expected)).toBeLessThan(1e-5);
  }
});
