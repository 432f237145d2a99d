import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { configKeys } from "../device/config/key-paths.ts";
import { CONFIG_README, withKeyTable } from "./config-docs.ts";

describe("table of keys in device/config/README.md", () => {
  const readme = readFileSync(CONFIG_README, "utf8");

  it("is what the schema says today (else: node scripts/config-docs.ts)", () => {
    expect(withKeyTable(readme)).toBe(readme);
  });

  it("describes every key", () => {
    expect(configKeys().filter(({ description }) => description === "")).toEqual([]);
    expect(configKeys().length).toBeGreaterThan(50);
  });

  it("is not written into a file without its marks", () => {
    expect(() => withKeyTable("# no marks")).toThrow(/needs the marks/);
  });
});
