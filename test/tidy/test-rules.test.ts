import { describe, expect, it } from "vitest";
import { plantedTree, report, repositoryTree } from "./source-tree.ts";
import { testRuleViolations } from "./test-rules.ts";

function violationsOf(text: string): string[] {
  return report(testRuleViolations(plantedTree({ "device/a.test.ts": text })));
}

describe("tests", () => {
  it("all run and wait for events, not for time", () => {
    expect(report(testRuleViolations(repositoryTree()))).toEqual([]);
  });

  it.each(["only", "skip", "todo", "fails"])("may not use .%s", (name) => {
    expect(violationsOf(`it.${name}("a", () => {});`)).toEqual([
      expect.stringContaining(`narrows with .${name}`),
    ]);
    expect(violationsOf(`describe.concurrent.${name}("a", () => {});`)).toHaveLength(1);
  });

  it("may not use the short forms", () => {
    expect(violationsOf('fit("a", () => {});\nxdescribe("b", () => {});')).toHaveLength(2);
  });

  it("may skip for a missing system program alone", () => {
    expect(violationsOf('describe.skipIf(!hasTool("mosquitto"))("a", () => {});')).toEqual([]);
    expect(violationsOf('const has = hasTool("x");\nit.runIf(has)("a", () => {});')).toEqual([]);
    expect(violationsOf('it.skipIf(process.platform === "darwin")("a", () => {});')).toEqual([
      expect.stringContaining("without hasTool"),
    ]);
  });

  it("may not sleep", () => {
    expect(violationsOf("await new Promise((done) => setTimeout(done, 50));")).toHaveLength(1);
    expect(violationsOf("await new Promise((done) => {\n setTimeout(done, 50);\n});")).toHaveLength(1);
    expect(violationsOf('await new Promise((done) => socket.once("close", done));')).toEqual([]);
  });
});
