import { describe, expect, it } from "vitest";
import { IMPORT_TABLE, importViolations } from "./import-table.ts";
import { plantedTree, report, repositoryTree } from "./source-tree.ts";

/** Violations of one invented file. */
function violationsOf(path: string, text: string): string[] {
  return report(importViolations(plantedTree({ [path]: text })));
}

describe("import table", () => {
  it("is kept by the repository", () => {
    expect(report(importViolations(repositoryTree()))).toEqual([]);
  });

  it("has one row per folder", () => {
    const folders = IMPORT_TABLE.map(({ folder }) => folder);
    expect(new Set(folders).size).toBe(folders.length);
  });

  it.each([
    ["device/serving-line/a.ts", 'import { b } from "../receiving/b.ts";', "device/receiving/b.ts"],
    ["device/receiving/a.ts", 'export { b } from "../sample-cabinet/b.ts";', "device/sample-cabinet/b.ts"],
    ["device/journal/a.ts", 'const b = await import("../roster/b.ts");', "device/roster/b.ts"],
    ["device/config/a.ts", 'import type { B } from "../journal/b.ts";', "device/journal/b.ts"],
    ["device/security/a.ts", 'type B = import("../roster/b.ts").B;', "device/roster/b.ts"],
    ["device/sync/a.ts", 'new Worker(new URL("../kiosk/b.ts", import.meta.url));', "device/kiosk/b.ts"],
    [
      "models/a.ts",
      'import { CanteenError } from "../device/platform/errors.ts";',
      "device/platform/errors.ts",
    ],
    [
      "firmware-bridge/simulators/a.ts",
      'import { crc } from "../protocol/crc.ts";',
      "firmware-bridge/protocol/crc.ts",
    ],
    ["device/journal/a.ts", 'import { b } from "../../scripts/b.ts";', "scripts/b.ts"],
    ["device/commands/a.ts", 'import { b } from "../../test/b.ts";', "test/b.ts"],
    ["device/kiosk/server.ts", 'import { b } from "./ui/b.ts";', "device/kiosk/ui/b.ts"],
    [
      "device/kiosk/ui/App.vue",
      '<script setup lang="ts">\nimport { a } from "../../roster/a.ts";\n</script>',
      "device/roster/a.ts",
    ],
  ])("catches %s: %s", (path, text, target) => {
    expect(violationsOf(path, text)).toEqual([expect.stringContaining(`may not import ${target}`)]);
  });

  it("lets the kiosk import ports of the runtime, of models types only, and nothing else of them", () => {
    const path = "device/kiosk/routes.ts";
    expect(violationsOf(path, 'import { REASONS } from "../serving-line/serving-line-port.ts";')).toEqual([]);
    expect(violationsOf(path, 'import type { Store } from "../roster/template-store.ts";')).toHaveLength(1);
    expect(violationsOf(path, 'import type { Face } from "../../models/face-engine-port.ts";')).toEqual([]);
    expect(violationsOf(path, 'import { type Face } from "../../models/face-engine-port.ts";')).toEqual([
      expect.stringContaining("other than by import type"),
    ]);
  });

  it("lets a capability import ports of models and firmware-bridge and nothing else of them", () => {
    const path = "device/serving-line/machine.ts";
    expect(violationsOf(path, 'import type { Face } from "../../models/face-engine-port.ts";')).toEqual([]);
    expect(violationsOf(path, 'import { x } from "../../firmware-bridge/ports/scale.ts";')).toEqual([]);
    expect(violationsOf(path, 'import { x } from "../../models/face-engine.ts";')).toHaveLength(1);
  });

  it("lets only the commands reach the composition root", () => {
    expect(violationsOf("device/commands/run.ts", 'await import("../main.ts");')).toEqual([]);
    expect(violationsOf("device/kiosk/a.ts", 'await import("../main.ts");')).toHaveLength(1);
    expect(violationsOf("device/main.ts", 'import "./terminal-store.ts";')).toEqual([]);
    expect(violationsOf("device/terminal-store.ts", 'import "./journal/database.ts";')).toEqual([]);
    expect(violationsOf("device/sync/a.ts", 'import "../terminal-store.ts";')).toEqual([
      expect.stringContaining("imports the composition root"),
    ]);
  });

  it("keeps framing and protocol free of packages and of node's own modules", () => {
    expect(violationsOf("firmware-bridge/framing/a.ts", 'import { Buffer } from "node:buffer";')).toEqual([
      "firmware-bridge/framing/a.ts:1 is pure and may not import the package node:buffer",
    ]);
  });

  it("refuses an import whose path is computed", () => {
    expect(violationsOf("device/sync/a.ts", "await import(name);")).toEqual([
      expect.stringContaining("computed path"),
    ]);
    expect(violationsOf("scripts/a.ts", "await import(name);")).toEqual([]);
  });

  it("refuses code outside the folders of the table and imports of tests", () => {
    expect(violationsOf("tools/a.ts", 'import "./b.ts";')).toHaveLength(1);
    expect(violationsOf("scripts/a.ts", 'import "../device/sync/b.test.ts";')).toHaveLength(1);
  });

  it("ignores imports that are only written in comments and strings", () => {
    expect(
      violationsOf("models/a.ts", '// import "../device/x.ts"\nconst s = \'import "../device/x.ts"\';'),
    ).toEqual([]);
  });
});
