import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { checkWeights, packOf, readManifest } from "../../../models/manifest.ts";
import { PROGRAM_FOLDER } from "../which-config.ts";
import { type Check, failed, ok } from "./check.ts";

const NATIVE_PACKAGES: readonly (readonly [name: string, load: () => Promise<unknown>])[] = [
  ["better-sqlite3", () => import("better-sqlite3")],
  ["onnxruntime-node", () => import("onnxruntime-node")],
  ["sharp", () => import("sharp")],
];
const TESTED_ON = "24";

/** Node and the native packages, loaded for real: a package for another platform fails here and not at lunch. */
export const runtimeCheck: Check = {
  id: "runtime",
  title: { zh: "运行环境", en: "runtime" },
  async run() {
    const node = process.versions.node;
    const versions: string[] = [];
    for (const [name, load] of NATIVE_PACKAGES) {
      try {
        await load();
        versions.push(`${name} ${versionOf(name)}`);
      } catch (error) {
        const message = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
        return failed(
          { zh: `${name} 无法加载：${message}`, en: `${name} cannot be loaded: ${message}` },
          { zh: "删除 node_modules 后重新运行 npm ci", en: "Remove node_modules and run npm ci again." },
        );
      }
    }
    const tested = node.startsWith(`${TESTED_ON}.`) ? "" : ` (≠ ${TESTED_ON})`;
    const text = `Node ${node}${tested}, ${versions.join(", ")}, ${process.platform}-${process.arch}`;
    return ok(text, text);
  },
};

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  // Not every package exports its package.json: it lies in the folder that the package was found in.
  for (const folder of require.resolve.paths(name) ?? []) {
    const file = join(folder, name, "package.json");
    if (!existsSync(file)) continue;
    const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof manifest === "object" && manifest !== null && "version" in manifest)
      return String(manifest.version);
  }
  return "?";
}

/** Every weight of the manifest against its pinned SHA-256, as the engine does at start. */
export const weightsCheck: Check = {
  id: "weights",
  title: { zh: "人脸模型", en: "face models" },
  async run({ config }) {
    const manifest = await readManifest();
    const files = manifest.artifacts.map(({ file }) => file);
    await checkWeights(manifest, config.face.modelsFolder, files);
    const pack = packOf(manifest).id;
    return ok(`${files.length} 个文件校验一致，${pack}`, `${files.length} files as pinned, ${pack}`);
  },
};

export const pageCheck: Check = {
  id: "page",
  title: { zh: "界面", en: "page" },
  async run() {
    if (existsSync(join(PROGRAM_FOLDER, "device", "kiosk", "ui", "dist", "index.html"))) {
      return ok("已构建", "built");
    }
    return failed(
      { zh: "尚未构建", en: "not built" },
      {
        zh: "运行一次 npm start，或 npx vite build device/kiosk/ui",
        en: "Run npm start once, or npx vite build device/kiosk/ui.",
      },
    );
  },
};
