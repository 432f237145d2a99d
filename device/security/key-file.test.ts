import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import { seededEntropy } from "../platform/entropy.ts";
import { loadOrCreateDeviceKey, loadSiteKey } from "./key-file.ts";

const code = (expected: string) => expect.objectContaining({ code: expected, retry: "after-operator" });

describe("the device key", () => {
  it("is made once, with 32 bytes that only the owner may read, and loaded afterwards", () => {
    const file = join(temporaryFolder(), "keys", "device.key");
    const made = loadOrCreateDeviceKey(file, seededEntropy(1));
    expect(statSync(file)).toMatchObject({ size: 32 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(`${file}.new`)).toBe(false);
    const loaded = loadOrCreateDeviceKey(file, seededEntropy(2));
    expect(loaded.equals(made)).toBe(true);
    expect(inspect(loaded)).not.toContain(readFileSync(file).toString("hex").slice(0, 8));
  });

  it("survives a crash that left half a key beside its place", () => {
    const file = join(temporaryFolder(), "device.key");
    writeFileSync(`${file}.new`, "half");
    loadOrCreateDeviceKey(file, seededEntropy(1));
    expect(readFileSync(file)).toHaveLength(32);
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  it.each([0o640, 0o604, 0o660])("is refused when others may touch it (mode %o)", (mode) => {
    const file = join(temporaryFolder(), "device.key");
    loadOrCreateDeviceKey(file, seededEntropy(1));
    chmodSync(file, mode);
    expect(() => loadOrCreateDeviceKey(file, seededEntropy(1))).toThrow(code("key-file-exposed"));
  });

  it.each([0, 31, 33, 63, 5000])("is refused with %i bytes, and never replaced", (length) => {
    const file = join(temporaryFolder(), "device.key");
    writeFileSync(file, "k".repeat(length), { mode: 0o600 });
    expect(() => loadOrCreateDeviceKey(file, seededEntropy(1))).toThrow(code("key-file-damaged"));
    expect(statSync(file).size).toBe(length);
  });

  it("is refused where it cannot be made or read", () => {
    const folder = temporaryFolder();
    expect(() => loadOrCreateDeviceKey(folder, seededEntropy(1))).toThrow(code("key-file-unreadable"));
    writeFileSync(join(folder, "file"), "");
    expect(() => loadOrCreateDeviceKey(join(folder, "file", "device.key"), seededEntropy(1))).toThrow(
      code("key-file-unreadable"),
    );
  });
});

describe("the site key", () => {
  it("is read as 32 bytes or as 64 hex digits, and never made", () => {
    const folder = temporaryFolder();
    const raw = join(folder, "raw.key");
    const hex = join(folder, "hex.key");
    writeFileSync(raw, Buffer.alloc(32, 0xab), { mode: 0o600 });
    writeFileSync(hex, `${"AB".repeat(32)}\n`, { mode: 0o600 });
    expect(loadSiteKey(raw).equals(loadSiteKey(hex))).toBe(true);
    expect(() => loadSiteKey(join(folder, "none.key"))).toThrow(code("key-file-unreadable"));
    expect(existsSync(join(folder, "none.key"))).toBe(false);
  });
});
