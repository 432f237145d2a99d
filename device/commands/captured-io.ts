import { PassThrough, Writable } from "node:stream";
import { runCli } from "../cli.ts";
import type { CommandIo } from "./command-context.ts";

export interface CommandOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** For tests: runs one command in this process with its input given and its output kept. */
export async function runCaptured(
  argv: readonly string[],
  options: { readonly folder: string; readonly stdin?: string },
): Promise<CommandOutcome> {
  const stdout = new KeptText();
  const stderr = new KeptText();
  const stdin = new PassThrough();
  stdin.end(options.stdin ?? "");
  const io: CommandIo = { stdin, stdout, stderr, folder: options.folder };
  const exitCode = await runCli(argv, io);
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

class KeptText extends Writable {
  text = "";

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
