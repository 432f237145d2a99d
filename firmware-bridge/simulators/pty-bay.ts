import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { BridgeClock } from "../ports/clock.ts";
import type { DeviceBay } from "./socket.ts";

interface HostEvent {
  readonly plugged?: string;
  readonly unplugged?: string;
  readonly from?: string;
  readonly hex?: string;
  readonly echo?: string;
}

/** There and back for a question, for its answer, and twice more for whoever reads it. */
const ROUND_TRIPS = 5;

/** Serves ptys out of one child process; needs `python3`. */
export class PtyHost {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #listeners = new Set<(event: HostEvent) => void>();
  /** What waits for an event; rejected when no event can come any more. */
  readonly #waiting = new Set<(reason: Error) => void>();
  readonly #ended: Promise<void>;
  #end: Error | null = null;
  #bays = 0;
  #echoes = 0;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on("line", (line) => {
        const event: HostEvent = JSON.parse(line);
        for (const listener of [...this.#listeners]) listener(event);
      });
    // An order that it does not read any more is rejected by its end.
    child.stdin?.on("error", () => {});
    this.#ended = once(child, "close").then(([code, signal]) => {
      this.#end = new Error(`the host of the ptys (python3) has ended: ${signal ?? `exit code ${code}`}`);
      for (const reject of [...this.#waiting]) reject(this.#end);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
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
        // With its host the pty is gone too.
        if (isPlugged && this.#end === null) await bay.unplug();
      },
    };
    return bay;
  }

  /** For whoever waits for a device's answer: a wait is over when the line, however slow, has carried what was said in it. */
  patientClock(clock: BridgeClock): BridgeClock {
    return {
      mono: () => clock.mono(),
      after: (waitMs, task) => {
        let isCancelled = false;
        const timer = clock.after(waitMs, async () => {
          // Where its host has ended there is nothing more to wait for.
          for (let trip = 0; trip < ROUND_TRIPS; trip++) await this.#roundTrip().catch(() => {});
          if (!isCancelled) task();
        });
        return {
          cancel: () => {
            isCancelled = true;
            timer.cancel();
          },
        };
      },
    };
  }

  #roundTrip(): Promise<void> {
    this.#echoes += 1;
    const link = `echo ${this.#echoes}`;
    const back = this.#when((event) => event.echo === link);
    this.#order({ do: "echo", link });
    return back;
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
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
    return new Promise((resolve, reject) => {
      if (this.#end !== null) return reject(this.#end);
      this.#waiting.add(reject);
      const stop = this.#listen((event) => {
        if (!matches(event)) return;
        stop();
        this.#waiting.delete(reject);
        resolve();
      });
    });
  }
}
