import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { DeviceBay } from "../../firmware-bridge/simulators/socket.ts";
import type { LineState } from "../../firmware-bridge/transport/line.ts";

const WAIT_MS_MAX = 60_000;

/** What a line did, and promises of what it will do. */
export class LineWatch {
  readonly states: LineState[] = [];
  received = "";
  readonly epochs = new Set<number>();
  readonly #waiters = new Set<() => void>();

  readonly listener = {
    data: (bytes: Uint8Array, epoch: number): void => {
      this.received += Buffer.from(bytes).toString("latin1");
      this.epochs.add(epoch);
      this.#wake();
    },
    state: (state: LineState): void => {
      this.states.push(state);
      this.#wake();
    },
  };

  /** Rejects after a minute with what was seen until then: a hung test tells where it hangs. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => {
        this.#waiters.delete(check);
        reject(new Error(`waited a minute for ${holds}: ${this.#seen()}`));
      }, WAIT_MS_MAX);
      const check = (): void => {
        if (!holds()) return;
        clearTimeout(giveUp);
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
      check();
    });
  }

  #seen(): string {
    const states = this.states.slice(-5).map((state) => JSON.stringify(state));
    return `${this.received.length} bytes in ${this.epochs.size} epochs; last states ${states.join(", ")}`;
  }

  /** Waits for a state with this fault, and forgets those before it. */
  async untilFault(code: string): Promise<LineState> {
    const isIt = (state: LineState): boolean => state.kind === "waiting" && state.fault.code === code;
    await this.until(() => this.states.some(isIt));
    const index = this.states.findIndex(isIt);
    const [found] = this.states.splice(0, index + 1).slice(-1);
    if (found === undefined) throw new Error("unreachable: a state was found and is gone");
    return found;
  }

  #wake(): void {
    for (const check of [...this.#waiters]) check();
  }
}

/** Resolves when the device has received exactly `wanted`. */
export function deviceReceived(bay: DeviceBay, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    let soFar = "";
    const stop = bay.socket.onReceived((bytes) => {
      soFar += Buffer.from(bytes).toString("latin1");
      if (soFar !== wanted) return;
      stop();
      resolve();
    });
  });
}

/** What a program holds that it could leak. */
export interface Holdings {
  readonly fileDescriptors: number;
  readonly timersAndHandles: number;
  readonly heapBytes: number;
}

export function holdings(): Holdings {
  collectGarbage();
  return {
    fileDescriptors: readdirSync("/proc/self/fd").length,
    timersAndHandles: process.getActiveResourcesInfo().length,
    heapBytes: process.memoryUsage().heapUsed,
  };
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
}
