/** Frames through @vladmandic/human on its wasm backend, for comparison: mesh, embedding and its two liveness models. */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import sharp from "sharp";
import { type FaceApiRow, measurePipeline, wasmFolder } from "./bench-face-api.ts";

const require = createRequire(import.meta.url);
// Its package.json is not exported; the entry lies in dist/.
const humanFolder = path.join(path.dirname(require.resolve("@vladmandic/human")), "..");

/** The little of human's interface that is used here; its own types want a browser's. */
interface Human {
  readonly tf: { tensor(data: Uint8Array, shape: number[], type: "float32"): { dispose(): void } };
  load(): Promise<void>;
  detect(image: object): Promise<{ readonly face: readonly { readonly embedding?: readonly number[] }[] }>;
}

/** One face a frame, as our side of the comparison. */
export async function benchHuman(frames: readonly Buffer[], rounds: number): Promise<FaceApiRow> {
  const models = await serveModels();
  try {
    const human = openHuman(models.url);
    await human.load();
    return await measurePipeline(
      "human wasm, BlazeFace + mesh + descriptor + liveness",
      frames,
      rounds,
      async (jpeg) => {
        const { data, info } = await sharp(jpeg).removeAlpha().raw().toBuffer({ resolveWithObject: true });
        const image = human.tf.tensor(data, [1, info.height, info.width, 3], "float32");
        try {
          const { face } = await human.detect(image);
          return face.filter(({ embedding }) => embedding !== undefined).length;
        } finally {
          image.dispose();
        }
      },
    );
  } finally {
    models.server.close();
  }
}

function openHuman(modelUrl: string): Human {
  const { Human: HumanClass } = require(path.join(humanFolder, "dist", "human.node-wasm.js")) as {
    readonly Human: new (config: object) => Human;
  };
  const off = { enabled: false };
  const on = { enabled: true };
  return new HumanClass({
    debug: false,
    backend: "wasm",
    wasmPath: `${path.join(wasmFolder, "dist")}${path.sep}`,
    modelBasePath: modelUrl,
    // Results of the frame before are not taken for this one's: every frame is measured in full.
    cacheSensitivity: 0,
    cacheModels: false,
    filter: off,
    gesture: off,
    body: off,
    hand: off,
    object: off,
    segmentation: off,
    face: {
      enabled: true,
      detector: { maxDetected: 1, rotation: false },
      mesh: on,
      iris: off,
      emotion: off,
      attention: off,
      description: on,
      antispoof: on,
      liveness: on,
    },
  });
}

/** The wasm build of human reads its models over HTTP only. */
async function serveModels(): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((request, response) => {
    const file = path.join(humanFolder, "models", path.basename(request.url ?? ""));
    readFile(file).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { server, url: `http://127.0.0.1:${port}/` };
}
