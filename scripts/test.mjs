// `npm test`: sets everything up, then types, style and tests. Arguments go on to vitest, and then only it runs.
// Ends with "N passed, N failed" alone on a line; a type or style check counts as one.
// Old syntax here and in runtime.mjs: an old Node must get as far as its own message.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runInPlace, setUpProblem } from "../device/runtime.mjs";
import { MISSING_TOOLS_VARIABLE, skippedSummary } from "./missing-tools.mjs";

const filters = process.argv.slice(2);
const tally = { passed: 0, failed: 0, skipped: 0 };

// As in device/canteen-edge.mjs: onnxruntime's telemetry stays off in everything that is started from here.
process.env.ORT_DISABLE_TELEMETRY = "1";

async function main() {
  const problem = setUpProblem(process.versions.node, `${process.platform}-${process.arch}`);
  if (problem !== null) {
    console.error(problem);
    return close(1);
  }
  const { ROOT, setUp, setUpExitCode } = await import("./set-up.mjs");
  try {
    const { command, flags } = await setUp({ demoPeople: true });
    const run = (program, args) =>
      runInPlace(command, [...flags, join(ROOT, "node_modules", program), ...args], {
        cwd: ROOT,
        endWithParent: true,
      });
    return close(await runAll(ROOT, run));
  } catch (error) {
    const code = setUpExitCode(error);
    tally.failed += 1;
    return close(code);
  }
}

async function runAll(root, run) {
  const page = join(root, "device", "kiosk", "ui", "tsconfig.json");
  const checks = [
    ["types", "typescript/bin/tsc", []],
    ["types of the page", "vue-tsc/bin/vue-tsc.js", ["--noEmit", "-p", page]],
    ["style", "@biomejs/biome/bin/biome", ["check", "."]],
  ].filter(([name]) => name !== "types of the page" || existsSync(page));
  for (const [name, program, args] of filters.length === 0 ? checks : []) {
    const code = await run(program, args);
    // Ctrl-C: what was not run has neither passed nor failed.
    if (code > 128) return code;
    tally[code === 0 ? "passed" : "failed"] += 1;
    console.log(`${code === 0 ? "✓" : "✗"} ${name}`);
  }
  return await runTests(root, run);
}

async function runTests(root, run) {
  const results = join(root, ".canteen", "test-results.json");
  mkdirSync(join(root, ".canteen"), { recursive: true });
  const missing = join(root, ".canteen", "missing-tools.txt");
  for (const file of [results, missing]) rmSync(file, { force: true });
  process.env[MISSING_TOOLS_VARIABLE] = missing;
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  const args = ["run", "--config", "test/vitest.config.ts", ...reporters, ...filters];
  const code = await run("vitest/vitest.mjs", args);
  if (!existsSync(results)) {
    // Vitest itself broke down, and every test with it.
    tally.failed += 1;
    return code;
  }
  const counts = JSON.parse(readFileSync(results, "utf8"));
  tally.passed += counts.numPassedTests;
  tally.failed += counts.numFailedTests;
  tally.skipped += counts.numPendingTests + counts.numTodoTests;
  // A file that could not be loaded or an unhandled rejection fails no single test, but fails the run.
  if (code !== 0 && counts.numFailedTests === 0) tally.failed += 1;
  const ciRun = readFileSync(join(root, ".ci", "run"), "utf8");
  const missed = existsSync(missing) ? readFileSync(missing, "utf8") : "";
  const summary = skippedSummary(counts.numPendingTests, missed, ciRun);
  if (summary !== null) console.log(`\n${summary}`);
  return code;
}

/** The line that CI reads, and the exit code that agrees with it. */
function close(code) {
  const failed = code !== 0 && tally.failed === 0 ? 1 : tally.failed;
  const skipped = tally.skipped === 0 ? "" : `, ${tally.skipped} skipped`;
  console.log(`\n${tally.passed} passed, ${failed} failed${skipped}`);
  return code === 0 && failed > 0 ? 1 : code;
}

main().then((code) => {
  process.exitCode = code;
});
