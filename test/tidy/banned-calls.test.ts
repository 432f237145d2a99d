import { describe, expect, it } from "vitest";
import { bannedCallViolations } from "./banned-calls.ts";
import { plantedTree, report, repositoryTree } from "./source-tree.ts";

function violationsOf(path: string, text: string): string[] {
  return report(bannedCallViolations(plantedTree({ [path]: text })));
}

describe("banned calls", () => {
  it("are not made in the repository", () => {
    expect(report(bannedCallViolations(repositoryTree()))).toEqual([]);
  });

  it.each([
    ["const a = Date.now();", "Date.now"],
    ["const clock = { now: Date.now };", "Date.now"],
    ["const a = new Date();", "new Date()"],
    ["const a = new Date;", "new Date()"],
    ["const a = performance.now();", "performance.now"],
    ["setTimeout(() => {}, 5);", "setTimeout"],
    ["const wait = setTimeout;", "setTimeout"],
    ["globalThis.setTimeout(() => {}, 5);", "globalThis.setTimeout"],
    ["setInterval(f, 5);", "setInterval"],
    ["setImmediate(f);", "setImmediate"],
    ["fetch(u, { signal: AbortSignal.timeout(5) });", "AbortSignal.timeout"],
    ["const a = Math.random();", "Math.random"],
    ['const a = parseFloat("1");', "parseFloat"],
    ['const a = Number.parseFloat("1");', "Number.parseFloat"],
    ["const a = (1.5).toFixed(2);", ".toFixed"],
    ['console.log("a");', "console"],
  ])("catches in device/: %s", (text, name) => {
    expect(violationsOf("device/sync/pump.ts", text)).toEqual([
      expect.stringContaining(`device/sync/pump.ts:1 uses ${name}:`),
    ]);
  });

  it("catches timers that come by import", () => {
    expect(
      violationsOf("device/sync/pump.ts", 'import { setTimeout as wait } from "node:timers/promises";'),
    ).toEqual([expect.stringContaining("imports node:timers/promises")]);
  });

  it("catches console in models and firmware-bridge and a float parser in a driver", () => {
    expect(violationsOf("models/face-engine.ts", "console.warn(1);")).toHaveLength(1);
    expect(violationsOf("firmware-bridge/drivers/scale.ts", "parseFloat(s);")).toHaveLength(1);
  });

  it("lets the one clock file, the commands and the browser's page do what only they may", () => {
    expect(violationsOf("device/platform/system-clock.ts", "Date.now(); setTimeout(f, 1);")).toEqual([]);
    expect(violationsOf("device/commands/doctor.ts", 'console.log("a");')).toEqual([]);
    expect(violationsOf("device/kiosk/ui/app.ts", "setTimeout(f, 1);")).toEqual([]);
    expect(violationsOf("scripts/bench.ts", "(1.5).toFixed(1); Date.now();")).toEqual([]);
  });

  it("takes neither members nor comments nor dates with a value for a banned call", () => {
    const text = [
      "// setTimeout and Date.now and console.log are written about here",
      'const s = "Math.random()";',
      "socket.setTimeout(5);",
      "const d = new Date(atMs);",
      "interface T { setTimeout(): void }",
      "const o = { setInterval: 1 };",
    ].join("\n");
    expect(violationsOf("device/sync/pump.ts", text)).toEqual([]);
  });
});
