import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { DeviceBay } from "./socket.ts";

interface HostEvent {
  readonly plugged?: string;
  readonly unplugged?: string;
  readonly from?: string;
  readonly hex?: string;
}

/** Serves ptys out of one child process; needs `python3`. */
export class PtyHost {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #listeners = new Set<(event: HostEvent) => void>();
  #bays = 0;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on("line", (line) => {
        const event: HostEvent = JSON.parse(line);
        for (const listener of [...this.#listeners]) listener(event);
      });
  }

  static async start(): Promise<PtyHost> {
    const folder = await mkdtemp(join(tmpdir(), "canteen-pty-"));
    const script = fileURLToPath(new URL("./pty-host.py", import.meta.url));
    const child = spawn("python3", [script], { stdio: ["pipe", "pipe", "inherit"] });
    await once(child, "spawn");
    return new PtyHost(child, folder);
  }

  bay(): DeviceBay {
    this.#bays += 1;
    const link = join(this.#folder, `tty${this.#bays}`);
    let isPlugged = false;
    const bay: DeviceBay = {
      address: link,
      socket: {
        send: (bytes) => this.#order({ do: "send", link, hex: Buffer.from(bytes).toString("hex") }),
        onReceived: (listener) =>
          this.#listen((event) => {
            if (event.from === link) listener(Uint8Array.from(Buffer.from(event.hex ?? "", "hex")));
          }),
      },
      plug: async () => {
        const done = this.#when((event) => event.plugged === link);
        this.#order({ do: "plug", link });
        await done;
        isPlugged = true;
      },
      unplug: async () => {
        const done = this.#when((event) => event.unplugged === link);
        this.#order({ do: "unplug", link });
        await done;
        isPlugged = false;
      },
      close: async () => {
        if (isPlugged) await bay.unplug();
      },
    };
    return bay;
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.stdin?.end();
    await exited;
    await rm(this.#folder, { recursive: true, force: true });
  }

  #order(order: object): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  #listen(listener: (event: HostEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #when(matches: (event: HostEvent) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#listen((event) => {
        if (!matches(event)) return;
        stop();
        resolve();
      });
    });
  }
}
