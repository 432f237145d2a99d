import type { Clock, Timer } from "../platform/clock.ts";
import type { AlarmStateMessage } from "./alarm-messages.ts";
import type { PublishOutcome } from "./mqtt-connection.ts";

/** Where the states of the cabinets come from. */
export interface AlarmSource {
  cabinetIds(): readonly string[];
  state(cabinetId: string): Omit<AlarmStateMessage, "v" | "atMs">;
  /** @returns a function that unsubscribes. */
  onChanged(listener: (cabinetId: string) => void): () => void;
}

export interface AlarmUplinkOptions {
  readonly source: AlarmSource;
  readonly publish: (cabinetId: string, message: AlarmStateMessage) => Promise<PublishOutcome>;
  readonly clock: Clock;
}

/** A full window empties within a round trip; a refusal of the broker is not asked about faster than this. */
const RETRY_MS = 250;

interface Lane {
  /** What the broker has, without its temperatures and time. */
  told: string | null;
  isBusy: boolean;
  timer: Timer | null;
}

/**
 * Alarms on their way to the broker: only the newest state of a cabinet counts, so nothing is queued, and nothing queued
 * elsewhere is before it. On a new connection each state is told again.
 */
export class AlarmUplink {
  readonly #options: AlarmUplinkOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #stop: () => void;
  #isConnected = false;

  constructor(options: AlarmUplinkOptions) {
    this.#options = options;
    this.#stop = options.source.onChanged((cabinetId) => this.#go(cabinetId));
  }

  connected(): void {
    this.#isConnected = true;
    this.repeat();
  }

  /** Temperatures grow old although no alarm changes. */
  repeat(): void {
    for (const cabinetId of this.#options.source.cabinetIds()) {
      this.#laneOf(cabinetId).told = null;
      this.#go(cabinetId);
    }
  }

  disconnected(): void {
    this.#isConnected = false;
    for (const lane of this.#lanes.values()) {
      lane.timer?.cancel();
      lane.timer = null;
    }
  }

  close(): void {
    this.disconnected();
    this.#stop();
  }

  #laneOf(cabinetId: string): Lane {
    const known = this.#lanes.get(cabinetId);
    if (known !== undefined) return known;
    const lane: Lane = { told: null, isBusy: false, timer: null };
    this.#lanes.set(cabinetId, lane);
    return lane;
  }

  #go(cabinetId: string): void {
    const lane = this.#laneOf(cabinetId);
    if (!this.#isConnected || lane.isBusy || lane.timer !== null) return;
    const { source, publish, clock } = this.#options;
    const state = source.state(cabinetId);
    // Every reading changes a cabinet; only its alarms are news.
    const news = JSON.stringify([state.level, state.isSounding, state.alarms]);
    if (news === lane.told) return;
    lane.isBusy = true;
    void publish(cabinetId, { v: 1, atMs: clock.now(), ...state }).then(({ kind }) => {
      lane.isBusy = false;
      if (kind === "acked") {
        lane.told = news;
        this.#go(cabinetId);
      } else if (this.#isConnected) {
        lane.timer = clock.after(RETRY_MS, () => {
          lane.timer = null;
          this.#go(cabinetId);
        });
      }
    });
  }
}
