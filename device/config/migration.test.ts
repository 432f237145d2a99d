import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig, requireConfig } from "./load.ts";
import { MIGRATIONS, type Migration } from "./migration.ts";
import { CONFIG_VERSION } from "./schema.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-migration-"));
  file = join(folder, "canteen.yaml");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An invented layout: version 0 called the device "terminal". */
const OLD = `# 一号窗口
version: 0
site: demo
terminal: line-1 # left of the door
servingLine:
  mealPlan:
    periods:
      - { id: all-day, name: { zh: 全天, en: All day }, from: "00:00", to: "24:00", pricing: { kind: fixed, priceFen: 1 } }
`;
const FROM_ZERO: Migration = {
  from: 0,
  migrate: (document) => {
    document.set("device", document.get("terminal"));
    document.delete("terminal");
  },
};

describe("an older layout", () => {
  it("is migrated with its comments, and the former file stays beside it", () => {
    writeFileSync(file, OLD);
    const load = loadConfig(file, { migrations: [FROM_ZERO] });
    expect(requireConfig(load).device).toBe("line-1");
    const backupFile = load.kind === "loaded" ? load.migrated?.backupFile : undefined;
    expect(readFileSync(backupFile ?? "", "utf8")).toBe(OLD);
    const text = readFileSync(file, "utf8");
    expect(text).toContain("# 一号窗口");
    expect(text).toContain("version: 1");
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it("is migrated once: the second load finds the new layout", () => {
    writeFileSync(file, OLD);
    loadConfig(file, { migrations: [FROM_ZERO] });
    expect(loadConfig(file, { migrations: [FROM_ZERO] })).toMatchObject({ kind: "loaded", migrated: null });
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it("still reports what is wrong in it", () => {
    writeFileSync(file, OLD.replace("site: demo", "site: DEMO"));
    expect(loadConfig(file, { migrations: [FROM_ZERO] })).toMatchObject({
      kind: "invalid",
      problems: [{ path: "site" }],
    });
  });

  it("without a step for it is a fault, and the file is untouched", () => {
    writeFileSync(file, OLD);
    expect(() => loadConfig(file)).toThrow(expect.objectContaining({ code: "config-too-old" }));
    expect(readFileSync(file, "utf8")).toBe(OLD);
  });

  it("that cannot be replaced is a fault, and the file is untouched", () => {
    writeFileSync(file, OLD);
    // A folder in the partial file's place: unlike a mode bit, this stops root too.
    mkdirSync(`${file}.new`);
    expect(() => loadConfig(file, { migrations: [FROM_ZERO] })).toThrow(
      expect.objectContaining({ code: "config-not-writable" }),
    );
    expect(readFileSync(file, "utf8")).toBe(OLD);
  });
});

describe("a newer layout", () => {
  it("is refused: this program cannot know what it means", () => {
    writeFileSync(file, OLD.replace("version: 0", "version: 2"));
    expect(() => loadConfig(file)).toThrow(expect.objectContaining({ code: "config-too-new" }));
  });
});

describe("the released steps", () => {
  it("lead from every earlier version to today's", () => {
    expect(MIGRATIONS.map(({ from }) => from)).toEqual(
      Array.from({ length: CONFIG_VERSION - 1 }, (_, index) => index + 1),
    );
  });
});
