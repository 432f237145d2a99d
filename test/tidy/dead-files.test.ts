import { describe, expect, it } from "vitest";
import { deadFileViolations } from "./dead-files.ts";
import { plantedTree, report, repositoryTree } from "./source-tree.ts";

describe("product files", () => {
  it("are all used", () => {
    expect(report(deadFileViolations(repositoryTree()))).toEqual([]);
  });

  it("are dead when only their own test imports them", () => {
    const tree = plantedTree({
      "device/sync/pump.ts": "",
      "device/sync/pump.test.ts": 'import { pump } from "./pump.ts";',
    });
    expect(deadFileViolations(tree).map(({ path }) => path)).toEqual(["device/sync/pump.ts"]);
  });

  it("are alive by an import, a type import, a worker's URL, a page, or as an entry point", () => {
    const tree = plantedTree({
      "device/main.ts": 'import "./sync/pump.ts";\nimport type { A } from "./sync/port.ts";',
      "device/sync/pump.ts": "",
      "device/sync/port.ts": "",
      "models/face-engine.ts": 'new Worker(new URL("./face-worker.ts", import.meta.url));',
      "models/face-worker.ts": "",
      "models/evaluate.test.ts": 'import "./face-engine.ts";',
      "device/kiosk/ui/index.html": '<script type="module" src="/page.ts"></script>',
      "device/kiosk/ui/page.ts": 'import App from "./app.vue";',
      "device/kiosk/ui/app.vue": "<script setup lang='ts'></script>",
      "device/kiosk/ui/vite.config.ts": "",
    });
    expect(deadFileViolations(tree)).toEqual([]);
  });
});
