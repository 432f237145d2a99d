import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { hasTool } from "../require-tool.ts";

const REPLUGS = 5;

/** The scale program on an emulated USB bus. */
class UsbStage {
  readonly #child: ChildProcess;
  readonly #events: string[] = [];
  readonly #waiters = new Set<() => void>();

  constructor() {
    const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
    const command = [
      "/usr/bin/python3",
      path("../../firmware-bridge/simulators/usb-scale-host.py"),
      process.execPath,
    ];
    this.#child = spawn(
      "umockdev-wrapper",
      [...command, "--force-node-api-uncaught-exceptions-policy=true", path("./usb-scale-program.ts")],
      {
        stdio: ["pipe", "pipe", "inherit"],
        detached: true,
      },
    );
    if (this.#child.stdout !== null)
      createInterface({ input: this.#child.stdout }).on("line", (line) => {
        this.#events.push(line);
        for (const wake of [...this.#waiters]) wake();
      });
  }

  order(text: string): void {
    this.#child.stdin?.write(`${text}\n`);
  }

  /** Waits for an event, and forgets those before it. */
  until(part: string): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        const index = this.#events.findIndex((event) => event.includes(part));
        if (index < 0) return;
        this.#events.splice(0, index + 1);
        this.#waiters.delete(wake);
        resolve();
      };
      this.#waiters.add(wake);
      wake();
    });
  }

  isRunning(): boolean {
    return this.#child.exitCode === null;
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, "exit");
    // The wrapper and its children are one group, which this test started.
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, "SIGTERM");
    await exited;
  }
}

describe.skipIf(!hasTool("umockdev-wrapper"))("a USB HID scale", () => {
  it(`is read, and is back after each of ${REPLUGS} replugs`, async () => {
    const stage = new UsbStage();
    try {
      await stage.until('"value":"100.0"');
      for (let turn = 0; turn < REPLUGS; turn++) {
        stage.order("unplug");
        await stage.until('"code":"port-lost"');
        await stage.until('"code":"port-missing"');
        stage.order(`weight ${2000 + turn}`);
        stage.order("plug");
        await stage.until(`"value":"200.${turn}","unit":"g","stable":true`);
      }
      expect(stage.isRunning()).toBe(true);
    } finally {
      await stage.stop();
    }
  });
});
