import { resolve } from "node:path";
import type { Command } from "commander";
import { loadConfig, requireConfig } from "../config/load.ts";
import { type CommandContext, type JsonOption, withJsonOption } from "./command-context.ts";
import { untilStopped } from "./until-stopped.ts";

interface RunOptions extends JsonOption {
  readonly config: string;
}

export function addRunCommand(program: Command, context: CommandContext): void {
  withJsonOption(
    program
      .command("run")
      .description("运行终端 / run the terminal")
      .option("--config <file>", "配置文件 / configuration", "canteen.yaml"),
  ).action((options: RunOptions) => run(options, context));
}

async function run(options: RunOptions, context: CommandContext): Promise<void> {
  const load = loadConfig(resolve(context.io.folder, options.config));
  const config = requireConfig(load);
  if (load.kind === "loaded" && load.migrated !== null) {
    const { fromVersion, backupFile } = load.migrated;
    context.note(
      `配置已从版本 ${fromVersion} 升级，原文件保存为 ${backupFile} / configuration migrated, the former file is ${backupFile}`,
    );
  }
  const { startTerminal } = await import("../main.ts");
  await untilStopped(() => startTerminal({ config }), options, context);
}
