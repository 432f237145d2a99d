import type { Command } from "commander";
import { systemEntropy } from "../../platform/entropy.ts";
import { SystemClock } from "../../platform/system-clock.ts";
import { type CommandContext, EXIT, type JsonOption, withJsonOption } from "../command-context.ts";
import { type ConfigOption, whichConfig, withConfigOption } from "../which-config.ts";
import { type Check, type CheckResult, resultLines, runCheck } from "./check.ts";
import { backupsCheck } from "./check-backups.ts";
import { cameraCheck, captionFontCheck, goodsCameraCheck } from "./check-cameras.ts";
import { clockCheck } from "./check-clock.ts";
import { brokerCheck, configFinding, terminalCheck } from "./check-connections.ts";
import { databaseCheck, diskCheck, keyCheck } from "./check-data.ts";
import { deviceChecks } from "./check-devices.ts";
import { photosCheck } from "./check-photos.ts";
import { pageCheck, runtimeCheck, weightsCheck } from "./check-program.ts";
import { temperaturesCheck } from "./check-temperatures.ts";
import { udevChecks } from "./check-udev.ts";

/** In the order in which a person would look. */
const CHECKS: readonly Check[] = [
  runtimeCheck,
  weightsCheck,
  pageCheck,
  diskCheck,
  databaseCheck,
  backupsCheck,
  photosCheck,
  temperaturesCheck,
  keyCheck,
  clockCheck,
  cameraCheck,
  goodsCameraCheck,
  captionFontCheck,
  brokerCheck,
  terminalCheck,
];

export function addDoctorCommand(program: Command, context: CommandContext): void {
  withJsonOption(
    withConfigOption(
      program
        .command("doctor")
        .description(
          "逐项检查，终端运行与否都可用 / check everything, whether the terminal runs or not; ✓ well, ✗ failed, – nothing to check",
        ),
    ),
  ).action((options: ConfigOption & JsonOption) => doctor(options, context));
}

async function doctor(options: ConfigOption & JsonOption, context: CommandContext): Promise<void> {
  const { config, file } = whichConfig(options, context.io.folder);
  const subject = { config, demo: file === null, clock: new SystemClock(), entropy: systemEntropy };
  const results: CheckResult[] = [];
  const add = async (result: CheckResult): Promise<void> => {
    results.push(result);
    if (options.json === true) return;
    for (const line of resultLines(result)) await context.line(line);
  };
  await add({ id: "config", title: { zh: "配置", en: "configuration" }, ...configFinding(config, file) });
  // One after another: a disk that is being measured should have nothing else to do.
  for (const check of [...CHECKS, ...udevChecks(config.devices), ...deviceChecks(subject)])
    await add(await runCheck(check, subject));
  const failedCount = results.filter(({ status }) => status === "failed").length;
  if (options.json === true) await context.json({ ok: failedCount === 0, checks: results });
  context.end(failedCount === 0 ? EXIT.ok : EXIT.fault);
}
