import type { Readable, Writable } from "node:stream";
import type { Command } from "commander";
import { CanteenError, isFault } from "../platform/errors.ts";

/** Exit codes, the same for every command; `canteen-edge --help` lists them. */
export const EXIT = {
  ok: 0,
  /** The world failed: disk, broker, camera, a check of `doctor`. */
  fault: 1,
  /** The command or the configuration is wrong. */
  usage: 2,
  /** `journal verify` found that the journal is not what was written. */
  verificationFailed: 3,
} as const;

export interface CommandIo {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Relative paths on the command line start here. */
  readonly folder: string;
}

/** What a command gets: where to read and write, and how to say how it ended. */
export interface CommandContext {
  readonly io: CommandIo;
  /** Waits until the reader keeps up; rejects with `output-closed` when it has gone. */
  write(text: string): Promise<void>;
  /** One line for a person. */
  line(text: string): Promise<void>;
  /** One JSON document on one line. */
  json(document: unknown): Promise<void>;
  note(text: string): void;
  end(exitCode: number): void;
}

export interface JsonOption {
  readonly json?: boolean;
}

export function withJsonOption(command: Command): Command {
  return command.option("--json", "以 JSON 输出 / print JSON, errors too");
}

export class CommandRun implements CommandContext {
  readonly io: CommandIo;
  exitCode: number = EXIT.ok;

  constructor(io: CommandIo) {
    this.io = io;
  }

  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.io.stdout.write(text, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(outputClosed(error));
      });
    });
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  json(document: unknown): Promise<void> {
    return this.write(`${JSON.stringify(document)}\n`);
  }

  note(text: string): void {
    this.io.stderr.write(`${text}\n`);
  }

  end(exitCode: number): void {
    this.exitCode = exitCode;
  }
}

function outputClosed(cause: unknown): CanteenError {
  return new CanteenError("the output was closed before everything was written", {
    code: "output-closed",
    retry: "never",
    hint: { zh: "输出已被关闭", en: "The reader of the output has gone." },
    cause,
  });
}

/** A wrong command line, found by the command itself. */
export function usageError(zh: string, en: string): CanteenError {
  return new CanteenError(en, { code: "usage", retry: "never", hint: { zh, en } });
}

/** Says on stderr what went wrong. @returns the exit code. A bug is thrown on: its stack is for us. */
export function reportFailure(error: unknown, json: boolean, io: CommandIo): number {
  if (!isFault(error)) throw error;
  const { code, message, hint } = error;
  // `canteen-edge face embed … | head` has read enough: nothing went wrong that anyone should hear of.
  if (code === "output-closed") return EXIT.ok;
  const text = json
    ? JSON.stringify({ error: { code, message, hint } })
    : [message, ...(message === hint.en ? [] : [hint.en]), hint.zh].reverse().join("\n");
  io.stderr.write(`${text}\n`);
  return code === "usage" || code.startsWith("config-") ? EXIT.usage : EXIT.fault;
}
