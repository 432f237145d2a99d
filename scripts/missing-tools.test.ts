import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../device/journal/journal-fixture.ts";
import { CHROMIUM, hasTool } from "../test/require-tool.ts";
import { MISSING_TOOLS_VARIABLE, packagesIn, skippedSummary } from "./missing-tools.mjs";
import { INITDB } from "./reference-cloud/testing/postgres-server.ts";

const ROOT = join(import.meta.dirname, "..");
const CI_RUN = readFileSync(join(ROOT, ".ci", "run"), "utf8");

afterEach(() => vi.unstubAllEnvs());

describe("the summary of skipped tests", () => {
  it("names each missing tool once, and the packages that bring them", () => {
    const said = skippedSummary(7, `mosquitto\n${INITDB}\nmosquitto\nudevadm\n`, CI_RUN);
    expect(said).toContain(
      "7 tests were skipped; missing tools: /usr/lib/postgresql/*/bin/initdb, mosquitto, udevadm;",
    );
    expect(said).toContain("install with: sudo apt-get install mosquitto postgresql udev");
    expect(said).toContain("跳过了 7 个测试");
  });

  it("says nothing where nothing was skipped, and names no package for what none brings", () => {
    expect(skippedSummary(0, "mosquitto\n", CI_RUN)).toBeNull();
    expect(skippedSummary(1, "", CI_RUN)).toContain("no tool was missing");
    const said = skippedSummary(2, "the right to mount\n", CI_RUN);
    expect(said).toContain("missing tools: the right to mount");
    expect(said).not.toContain("apt-get");
  });

  it("is told by each look for a tool that is not there", () => {
    const file = join(temporaryFolder(), "missing");
    vi.stubEnv("CI", undefined);
    vi.stubEnv(MISSING_TOOLS_VARIABLE, file);
    expect(hasTool("sh")).toBe(true);
    expect(hasTool("no-such-program")).toBe(false);
    expect(hasTool(["no-such-browser", "nor-such-another"])).toBe(false);
    expect(readFileSync(file, "utf8")).toBe("no-such-program\nno-such-browser\n");
  });

  it("knows a package for every tool that a test asks for", () => {
    const packages = packagesIn(CI_RUN);
    const named = globSync("{device,firmware-bridge,models,scripts,test}/**/*.ts", {
      cwd: ROOT,
      exclude: (path) => path.includes("node_modules"),
    }).flatMap((file) =>
      Array.from(
        readFileSync(join(ROOT, file), "utf8").matchAll(/hasTool\("([a-z][\w.-]+)"\)/g),
        ([, tool]) => tool ?? "",
      ),
    );
    expect(named.length).toBeGreaterThan(20);
    const asked = new Set([
      ...named.filter((tool) => !tool.startsWith("no-such") && tool !== "sh"),
      CHROMIUM[0],
      INITDB,
    ]);
    expect([...asked].filter((tool) => !packages.has(tool))).toEqual([]);
  });
});
