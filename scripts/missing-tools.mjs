// What `npm test` says at its end about tests that were skipped: which programs they would have needed.
// Old syntax: see test.mjs.

/** Programs that tests looked for in vain, a line each; written by test/require-tool.ts when it is set. */
export const MISSING_TOOLS_VARIABLE = "CANTEEN_MISSING_TOOLS";

/**
 * Debian's package of each program or file, as `.ci/run` lists them.
 * @param {string} ciRun its text
 * @returns {Map<string, string>}
 */
export function packagesIn(ciRun) {
  return new Map(Array.from(ciRun.matchAll(/^ {2}(\S+):(\S+)/gm), ([, tool, name]) => [tool, name]));
}

/**
 * @param {number} skippedCount
 * @param {string} missing lines of what was looked for in vain, some more than once
 * @param {string} ciRun text of `.ci/run`
 * @returns {string | null} null when no test was skipped
 */
export function skippedSummary(skippedCount, missing, ciRun) {
  if (skippedCount === 0) return null;
  const tools = [...new Set(missing.split("\n").filter((tool) => tool !== ""))].sort();
  if (tools.length === 0)
    return `跳过了 ${skippedCount} 个测试。 / ${skippedCount} tests were skipped; no tool was missing.`;
  const packages = packagesIn(ciRun);
  const names = [...new Set(tools.flatMap((tool) => packages.get(tool) || []))].sort();
  const install = names.length === 0 ? "" : `sudo apt-get install ${names.join(" ")}`;
  const zh = `跳过了 ${skippedCount} 个测试；缺少：${tools.join("、")}`;
  const en = `${skippedCount} tests were skipped; missing tools: ${tools.join(", ")}`;
  return install === "" ? `${zh}\n${en}` : `${zh}；安装：${install}\n${en}; install with: ${install}`;
}
