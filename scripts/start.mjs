// `npm start`: sets everything up, then runs the whole system with sample people. Arguments go on to `demo`.
// Old syntax here and in runtime.mjs: an old Node must get as far as its own message.
import { join } from "node:path";
import { runInPlace, setUpProblem } from "../device/runtime.mjs";

// As in device/canteen-edge.mjs: onnxruntime's telemetry stays off in everything that is started from here.
process.env.ORT_DISABLE_TELEMETRY = "1";

async function main() {
  const problem = setUpProblem(process.versions.node, `${process.platform}-${process.arch}`);
  if (problem !== null) {
    console.error(problem);
    return 1;
  }
  const { ROOT, setUp, setUpExitCode } = await import("./set-up.mjs");
  try {
    const { command, flags } = await setUp({ demoPeople: true });
    const program = join(ROOT, "device", "canteen-edge.mjs");
    return await runInPlace(command, [...flags, program, "demo", ...process.argv.slice(2)]);
  } catch (error) {
    return setUpExitCode(error);
  }
}

main().then((code) => {
  process.exitCode = code;
});
