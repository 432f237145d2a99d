import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../device/canteen-edge.mjs", import.meta.url));
const CLOSE_WAIT_MS_MAX = 15_000;

/** A terminal in a process of its own, started by the command that a school starts. */
export class TerminalProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<readonly [number | null, NodeJS.Signals | null]>;
  readonly url: string;

  private constructor(
    child: ChildProcess,
    exited: Promise<readonly [number | null, NodeJS.Signals | null]>,
    url: string,
  ) {
    this.#child = child;
    this.#exited = exited;
    this.url = url;
  }

  /** Resolves when the terminal says that its page is up. @throws when it ends before. */
  static async start(configFile: string): Promise<TerminalProcess> {
    const child = spawn(process.execPath, [CLI, "run", "--json", "--config", configFile], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    if (child.stdout === null) throw new Error("the terminal's output is a pipe");
    for await (const line of createInterface({ input: child.stdout })) {
      const message = parsed(line);
      if (message?.event === "started") return new TerminalProcess(child, exited, message.urls[0]?.url ?? "");
    }
    throw new Error(`the terminal ended before it was up: ${(await exited).join(" ")}`);
  }

  /** As a power cut looks to the process: no handler runs. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
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
