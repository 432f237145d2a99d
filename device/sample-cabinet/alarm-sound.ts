import type { Relay, RelayOutcome } from "../../firmware-bridge/ports/relay.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { CabinetView } from "./cabinet-port.ts";

const RETRY_MS = 5000;
/** A module that lost its power for a moment has forgotten what was switched. */
const REPEAT_MS = 30_000;

/** The buzzer of one cabinet: follows what is wished, names what went wrong and tries again; nobody waits for it. */
export class AlarmSound {
  readonly #options: {
    readonly relay: Relay;
    readonly channel: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly onChanged: () => void;
  };
  readonly #stopListening: () => void;
  #isWished = false;
  #isBusy = false;
  #isClosed = false;
  #timer: Timer | null = null;
  #view: NonNullable<CabinetView["relay"]> = { kind: "off", code: null };

  constructor(options: {
    readonly relay: Relay;
    readonly channel: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly onChanged: () => void;
  }) {
    this.#options = options;
    // At the start too: a process that was killed in an alarm left it sounding.
    this.#stopListening = options.relay.onState(({ kind }) => {
      if (kind === "live") this.#follow();
    });
    this.#follow();
  }

  view(): NonNullable<CabinetView["relay"]> {
    return this.#view;
  }

  wish(isOn: boolean): void {
    if (isOn === this.#isWished) return;
    this.#isWished = isOn;
    this.#follow();
  }

  /** Silent afterwards, as far as the line still takes it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#stopListening();
    if (this.#view.kind !== "off") await this.#options.relay.set(this.#options.channel, false);
  }

  #follow(): void {
    if (this.#isBusy || this.#isClosed) return;
    this.#timer?.cancel();
    const { kind } = this.#options.relay.state();
    // At the start the line is opened after this: to be silent it need not be tried, and nothing is wrong.
    if (!this.#isWished && this.#view.kind === "off" && (kind === "closed" || kind === "connecting")) {
      this.#timer = this.#options.clock.after(RETRY_MS, () => this.#follow());
      return;
    }
    this.#isBusy = true;
    const isOn = this.#isWished;
    void this.#options.relay.set(this.#options.channel, isOn).then((outcome) => this.#settled(isOn, outcome));
  }

  #settled(isOn: boolean, outcome: RelayOutcome): void {
    this.#isBusy = false;
    this.#tell(outcome.kind === "done" ? { kind: isOn ? "on" : "off", code: null } : failed(outcome));
    if (this.#isClosed) return;
    if (isOn !== this.#isWished) {
      this.#follow();
      return;
    }
    const waitMs = outcome.kind !== "done" ? RETRY_MS : isOn ? REPEAT_MS : null;
    if (waitMs !== null) this.#timer = this.#options.clock.after(waitMs, () => this.#follow());
  }

  #tell(view: NonNullable<CabinetView["relay"]>): void {
    const before = this.#view;
    this.#view = view;
    if (before.kind === view.kind && before.code === view.code) return;
    if (view.kind === "failed") this.#options.logger.warn({ code: view.code }, "the buzzer did not switch");
    this.#options.onChanged();
  }
}

function failed(outcome: Exclude<RelayOutcome, { kind: "done" }>): { kind: "failed"; code: string } {
  return { kind: "failed", code: outcome.kind === "failed" ? outcome.fault.code : `relay-${outcome.reason}` };
}
