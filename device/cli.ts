import { Command, CommanderError } from "commander";
import { APP_VERSION } from "./app-version.ts";
import { addCabinetCommand } from "./commands/cabinet-command.ts";
import { type CommandIo, CommandRun, EXIT, reportFailure } from "./commands/command-context.ts";
import { addDemoCommand } from "./commands/demo-command.ts";
import { addDoctorCommand } from "./commands/doctor/doctor-command.ts";
import { addFaceCommand } from "./commands/face-command.ts";
import { addJournalCommand } from "./commands/journal-command.ts";
import { addOperatorCommand } from "./commands/operator-command.ts";
import { addReceivingCommand } from "./commands/receiving-command.ts";
import { addRunCommand } from "./commands/run-command.ts";
import { registerSerialCommands } from "./commands/serial.ts";

const EXIT_CODES = `
退出码 / exit codes:
  0  成功 / all well
  1  故障 / a fault, or a failed check of doctor
  2  命令或配置有误 / wrong command line or configuration
  3  校验不通过 / journal verify, receiving prove or cabinet found something wrong`;

/** Runs one command. @returns its exit code; rejects only with a bug. */
export async function runCli(argv: readonly string[], io: CommandIo = processIo()): Promise<number> {
  const run = new CommandRun(io);
  const json = argv.includes("--json");
  try {
    await createProgram(run, json).parseAsync(argv, { from: "user" });
    return run.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportFailure(error, json, io);
  }
}

function createProgram(run: CommandRun, json: boolean): Command {
  const program = new Command("canteen-edge")
    .description("学校食堂终端 / edge runtime of school-canteen terminals")
    .version(APP_VERSION, "--version")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void run.io.stdout.write(text),
      writeErr: (text) => void run.io.stderr.write(text),
      outputError: (text, write) => write(json ? usageJson(text) : `命令有误，用 --help 查看用法 / ${text}`),
    })
    .addHelpText("after", EXIT_CODES);
  addRunCommand(program, run);
  addDemoCommand(program, run);
  addDoctorCommand(program, run);
  addFaceCommand(program, run);
  addJournalCommand(program, run);
  addCabinetCommand(program, run);
  addOperatorCommand(program, run);
  addReceivingCommand(program, run);
  registerSerialCommands(program);
  return program;
}

function usageJson(text: string): string {
  const message = text.replace(/^error: /, "").trim();
  const hint = { zh: "命令有误，用 --help 查看用法", en: "Wrong command line: see --help." };
  return `${JSON.stringify({ error: { code: "usage", message, hint } })}\n`;
}

function processIo(): CommandIo {
  // A reader that has gone is told to whoever writes; as an event without a listener it would end the process.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, folder: process.cwd() };
}
