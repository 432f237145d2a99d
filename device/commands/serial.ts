import { once } from "node:events";
import type { Command } from "commander";
import { decodeLines } from "../../firmware-bridge/decode-stream.ts";

/** Adds `serial …` to the command line. */
export function registerSerialCommands(program: Command): void {
  const serial = program
    .command("serial")
    .description("串口设备 / scales, probes, scanners and card readers");
  serial
    .command("decode")
    .description(
      "逐行解码 JSON：标准输入到标准输出 / decode JSON lines from standard input to standard output",
    )
    .addHelpText(
      "after",
      '\n输入 / in:  {"id":1,"protocol":"mt-sics","options":{},"hex":"5320532…"}\n输出 / out: {"id":1,"readings":[…],"counters":{…}}',
    )
    .action(() => decodeStandardInput());
}

async function decodeStandardInput(): Promise<void> {
  for await (const line of decodeLines(process.stdin))
    if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
}
