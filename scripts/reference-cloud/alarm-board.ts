import type { AlarmStateMessage } from "../../device/sync/alarm-messages.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";

export interface CabinetState extends TerminalAddress {
  readonly cabinetId: string;
  readonly receivedAtMs: number;
  readonly state: AlarmStateMessage;
}

/** More cabinets than any broker of this cloud has. */
const CABINETS_MAX = 10_000;

/** The newest state of every sample cabinet. In memory: the broker keeps it, and tells it again after a start. */
export class AlarmBoard {
  readonly #states = new Map<string, CabinetState>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  take({ site, device }: TerminalAddress, cabinetId: string, state: AlarmStateMessage): void {
    const key = `${site}/${device}/${cabinetId}`;
    if (!this.#states.has(key) && this.#states.size >= CABINETS_MAX) return;
    this.#states.set(key, { site, device, cabinetId, receivedAtMs: this.#now(), state });
  }

  all(): readonly CabinetState[] {
    return [...this.#states.values()];
  }
}
