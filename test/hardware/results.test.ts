import { expect, it } from "vitest";
import { readResults, tableOf } from "./results.ts";

const PASSED = '{"name":"carries bytes","status":"passed","seconds":1.25}\n';

it("a run that was stopped in the middle tells what passed, and counts as failed", () => {
  const outcomes = readResults(`${PASSED}{"name":"surv`);
  expect(outcomes.map(({ status }) => status)).toEqual(["passed", "failed"]);
  expect(tableOf(outcomes)).toContain("1.3 s  carries bytes\n");
});

it("a run that ended has the tests that ran, and no more", () => {
  expect(readResults(`${PASSED}{"ended":true}\n`)).toEqual([
    { name: "carries bytes", status: "passed", seconds: 1.25 },
  ]);
});
