import { describe, expect, it } from "vitest";
import {
  fileLengthViolations,
  fileNameViolations,
  foreignPathViolations,
  topLevelViolations,
} from "./file-rules.ts";
import { plantedTree, report, repositoryTree } from "./source-tree.ts";

const repository = repositoryTree();

function lines(count: number): string {
  return "export {};\n".repeat(count);
}

describe("top level", () => {
  it("holds the agreed folders and files alone", () => {
    expect(report(topLevelViolations(repository))).toEqual([]);
  });

  it("accepts no further file or folder, but dotfiles", () => {
    const tree = plantedTree({ "src/a.ts": "", "canteen.yaml": "", ".npmrc": "", "device/a.ts": "" });
    expect(topLevelViolations(tree).map(({ path }) => path)).toEqual(["src", "canteen.yaml"]);
  });
});

describe("file names", () => {
  it("are kebab-case and say what the file holds", () => {
    expect(report(fileNameViolations(repository))).toEqual([]);
  });

  it.each([
    "device/journal/utils.ts",
    "device/journal/test-helpers.ts",
    "device/sync/sync-manager.ts",
    "models/util/a.ts",
  ])("refuse the empty name %s", (path) => {
    expect(report(fileNameViolations(plantedTree({ [path]: "" })))).toEqual([
      expect.stringContaining("says nothing"),
    ]);
  });

  it.each(["device/serving-line/checkoutMachine.ts", "device/Journal/a.ts", "models/face_engine.ts"])(
    "refuse %s",
    (path) => {
      expect(report(fileNameViolations(plantedTree({ [path]: "" })))).toEqual([
        expect.stringContaining("is not kebab-case"),
      ]);
    },
  );

  it("let a Vue component bear its own name, and nothing else", () => {
    const tree = plantedTree({ "device/kiosk/ui/src/PayPage.vue": "", "device/kiosk/PayPage.ts": "" });
    expect(fileNameViolations(tree).map(({ path }) => path)).toEqual(["device/kiosk/PayPage.ts"]);
  });

  it("let an operator's role keep its name inside a word", () => {
    const tree = plantedTree({ "device/security/management-log.ts": "", "test/README.md": "" });
    expect(fileNameViolations(tree)).toEqual([]);
  });
});

describe("file length", () => {
  it("is at most 400 lines, or the file says why", () => {
    expect(report(fileLengthViolations(repository))).toEqual([]);
  });

  it("counts lines as an editor does", () => {
    expect(fileLengthViolations(plantedTree({ "models/a.ts": lines(400) }))).toEqual([]);
    expect(report(fileLengthViolations(plantedTree({ "models/a.ts": lines(401) })))).toEqual([
      "models/a.ts:1 has 401 lines: split it, or say why at its top",
    ]);
  });

  it("takes a reason in the first comment and nowhere else", () => {
    const reason = "/**\n * Over 400\n * lines because the table is one piece.\n */\n";
    expect(fileLengthViolations(plantedTree({ "models/a.ts": reason + lines(500) }))).toEqual([]);
    const late = plantedTree({ "models/a.ts": `${lines(500)}// Over 400 lines because I can.\n` });
    expect(fileLengthViolations(late)).toHaveLength(1);
  });
});

describe("tracked files", () => {
  it("name no path of one machine and no registry", () => {
    expect(report(foreignPathViolations(repository))).toEqual([]);
  });

  it.each([
    ["a path of one machine", `see ${["", "work", "shared"].join("/")}`],
    ["a path of one machine", `cd ${["", "home", "someone", "x"].join("/")}`],
    ["a path of one machine", `"${["", "root", ".npm"].join("/")}"`],
    ["a package registry", `https://${"registry"}.example.org/x.tgz`],
    ["where a package was downloaded", `  "resolved": "${"https"}://example.org/x.tgz",`],
  ])("are caught with %s", (what, text) => {
    expect(report(foreignPathViolations(plantedTree({ "README.md": `a\n${text}\n` })))).toEqual([
      expect.stringContaining(`README.md:2 names ${what}`),
    ]);
  });

  it("may speak of relative paths and of URLs that contain such words", () => {
    const tree = plantedTree({
      "README.md": "https://example.org/work/x, ./work/x, device/work/x, $HOME/root/x",
    });
    expect(foreignPathViolations(tree)).toEqual([]);
  });
});
