import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A program on an emulated USB bus with a HID scale, and the JSON lines that the two print. */
export class UsbStage {
  readonly #child: ChildProcess;
  readonly #events: string[] = [];
  readonly #all: string[] = [];
  #isRunning = true;
  readonly #waiters = new Set<() => void>();

  /** @param program  a file beside this one. */
  constructor(program: string, ...programArguments: readonly string[]) {
    const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
    const host = path("../../firmware-bridge/simulators/usb-scale-host.py");
    const node = [process.execPath, "--force-node-api-uncaught-exceptions-policy=true"];
    this.#child = spawn(
      "umockdev-wrapper",
      ["/usr/bin/python3", host, ...node, path(program), ...programArguments],
      { stdio: ["pipe", "pipe", "inherit"], detached: true },
    );
    if (this.#child.stdout !== null)
      createInterface({ input: this.#child.stdout }).on("line", (line) => {
        this.#events.push(line);
        this.#all.push(line);
        for (const wake of [...this.#waiters]) wake();
      });
    // Not at "exit": what it said last may come after that.
    this.#child.once("close", () => {
      this.#isRunning = false;
      for (const wake of [...this.#waiters]) wake();
    });
  }

  order(text: string): void {
    this.#child.stdin?.write(`${text}\n`);
  }

  /** Waits for an event, and forgets those before it. Rejects when the program ends without it. */
  until(part: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        const index = this.#events.findIndex((event) => event.includes(part));
        if (index < 0 && this.#isRunning) return;
        this.#waiters.delete(wake);
        const [found] = this.#events.splice(0, index + 1).slice(-1);
        if (index < 0 || found === undefined) reject(new Error(`the program ended before it said ${part}`));
        else resolve(found);
      };
      this.#waiters.add(wake);
      wake();
    });
  }

  /** Everything with `part` in it since the start. */
  said(part: string): readonly string[] {
    return this.#all.filter((event) => event.includes(part));
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    const closed = once(this.#child, "close");
    // The wrapper and its children are one group, which this stage started.
    if (this.#child.pid !== undefined && this.#child.exitCode === null)
      process.kill(-this.#child.pid, "SIGTERM");
    await closed;
  }
}
