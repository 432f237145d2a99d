import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ENDING = fileURLToPath(new URL("./end-with-test.ts", import.meta.url));
const CLI = fileURLToPath(new URL("../../device/canteen-edge.mjs", import.meta.url));
/** Ends one that hangs; a busy machine is no failure, and a kill would leave things undone. */
const CLOSE_WAIT_MS_MAX = 120_000;

export interface TerminalProcessOptions {
  /** A program that runs it, with its arguments: strace, for instance. */
  readonly under?: readonly string[];
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A terminal in a process of its own, started by the command that a school starts. */
export class TerminalProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<readonly [number | null, NodeJS.Signals | null]>;
  readonly #underOther: boolean;
  readonly url: string;

  private constructor(
    child: ChildProcess,
    exited: Promise<readonly [number | null, NodeJS.Signals | null]>,
    url: string,
    underOther: boolean,
  ) {
    this.#child = child;
    this.#exited = exited;
    this.url = url;
    this.#underOther = underOther;
  }

  /** Resolves when the terminal says that its page is up. @throws when it ends before. */
  static async start(configFile: string, options: TerminalProcessOptions = {}): Promise<TerminalProcess> {
    const { under = [], nodeFlags = [], env = {} } = options;
    const command = [
      ...under,
      ...[process.execPath, "--import", ENDING, ...nodeFlags, CLI, "run", "--json", "--config", configFile],
    ];
    const [program = process.execPath, ...args] = command;
    const child = spawn(program, args, {
      // Nothing is written to it: its end says that this process has ended.
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...env },
      // Its own group, so that what runs it ends with it.
      detached: under.length > 0,
    });
    const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    if (child.stdout === null) throw new Error("the terminal's output is a pipe");
    for await (const line of createInterface({ input: child.stdout })) {
      const message = parsed(line);
      if (message?.event === "started") {
        // The pipe must not fill up.
        child.stdout.resume();
        return new TerminalProcess(child, exited, message.urls[0]?.url ?? "", under.length > 0);
      }
    }
    throw new Error(`the terminal ended before it was up: ${(await exited).join(" ")}`);
  }

  /** As a power cut looks to the process: no handler runs. */
  async kill(): Promise<void> {
    const { pid } = this.#child;
    if (pid !== undefined && this.#underOther) process.kill(-pid, "SIGKILL");
    else this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** Resolves when it has ended, by itself or not. @returns the signal that ended it, null for an exit. */
  async ended(): Promise<NodeJS.Signals | null> {
    return (await this.#exited)[1];
  }

  /** As a service manager stops it. @returns the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    const late = AbortSignal.timeout(CLOSE_WAIT_MS_MAX);
    late.addEventListener("abort", () => this.#child.kill("SIGKILL"));
    return (await this.#exited)[0];
  }
}

function parsed(line: string): { event: string; urls: { url: string }[] } | null {
  try {
    return JSON.parse(line) as { event: string; urls: { url: string }[] };
  } catch {
    return null;
  }
}
