import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { manifestFileDefault, packOf, readManifest } from "./manifest.ts";
import { embedderFiles } from "./pipeline/sessions.ts";

const manifestSchema = z.strictObject({
  defaultPack: z.string(),
  packages: z.array(
    z.strictObject({
      name: z.string(),
      version: z.string().regex(/^\d+\.\d+\.\d+$/),
      integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/),
    }),
  ),
  artifacts: z.array(
    z.strictObject({
      file: z.string().regex(/^[a-z0-9-]+\.onnx$/),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      package: z.string(),
      members: z.array(z.string()).min(1),
      conversion: z.enum(["onnx", "tflite", "tfjs-graph", "face-api-recognition"]),
      outputs: z.array(z.string()).min(1).optional(),
    }),
  ),
  packs: z.array(
    z.strictObject({
      id: z.string(),
      embeddingLength: z.int().positive(),
      embedders: z.array(z.enum(["fr-feature", "mobile-face-net", "face-api-descriptor"])).min(1),
      flip: z.boolean(),
      landmarkLooks: z.literal([1, 2]),
    }),
  ),
});

/** Models that are measured and not shipped. */
const candidatesFile = path.join(import.meta.dirname, "liveness", "candidates.json");

describe("the model manifest", () => {
  test("has the form that the code trusts, and every name in it leads somewhere", async () => {
    const manifest = manifestSchema.parse(JSON.parse(await readFile(manifestFileDefault, "utf8")));
    const files = manifest.artifacts.map(({ file }) => file);
    const packages = manifest.packages.map(({ name }) => name);
    for (const artifact of manifest.artifacts) expect(packages).toContain(artifact.package);
    for (const pack of manifest.packs)
      for (const name of pack.embedders) expect(files).toContain(embedderFiles[name]);
    expect(packOf(await readManifest()).id).toBe(manifest.defaultPack);
  });

  test("has a card for every artifact", async () => {
    const candidates = await readManifest(candidatesFile);
    const artifacts = [...(await readManifest()).artifacts, ...candidates.artifacts];
    for (const { file } of artifacts) {
      const card = await readFile(
        path.join(import.meta.dirname, "cards", file.replace(/\.onnx$/, ".md")),
        "utf8",
      );
      for (const heading of ["Source", "Licence", "Input", "Output", "Measured"])
        expect(card).toContain(`## ${heading}`);
    }
  });

  test("that can't be read is a fault with a hint", async () => {
    await expect(readManifest("/nowhere/manifest.json")).rejects.toMatchObject({
      code: "manifest-unreadable",
      retry: "after-operator",
    });
  });
});
