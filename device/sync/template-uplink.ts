import { Backoff } from "../platform/backoff.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Entropy } from "../platform/entropy.ts";
import type { TemplateShare } from "../roster/template-sharing.ts";
import type { TemplateExchange } from "./downlink-port.ts";

export interface TemplateUplinkOptions {
  readonly exchange: TemplateExchange;
  readonly send: (share: TemplateShare) => void;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** Shares sent at a time; each is some 40 KB. */
const SHARES_IN_FLIGHT_MAX = 4;
const ECHO_WAIT = { waitMsMin: 15_000, waitMsMax: 600_000, stableMsMin: 1 };

/**
 * Sends what the site's other terminals may have of this one's templates, until the cloud echoes each. The list of
 * what is pending belongs to the roster; here is only when to send it again.
 */
export class TemplateUplink {
  readonly #options: TemplateUplinkOptions;
  readonly #unsubscribe: () => void;
  readonly #sent = new Set<string>();
  #backoff: Backoff;
  #timer: Timer | null = null;
  #connected = false;

  constructor(options: TemplateUplinkOptions) {
    this.#options = options;
    this.#backoff = new Backoff(ECHO_WAIT, options.entropy);
    this.#unsubscribe = options.exchange.onPending(() => this.#pump());
  }

  connected(): void {
    this.#connected = true;
    this.#sent.clear();
    this.#pump();
  }

  disconnected(): void {
    this.#connected = false;
    this.#rest();
  }

  /** The cloud has one of this terminal's shares. */
  confirmed(shareId: string): void {
    this.#options.exchange.confirmShare(shareId);
    this.#sent.delete(shareId);
    this.#backoff = new Backoff(ECHO_WAIT, this.#options.entropy);
    this.#rest();
    this.#pump();
  }

  close(): void {
    this.#unsubscribe();
    this.disconnected();
  }

  #pump(): void {
    if (!this.#connected) return;
    const pending = this.#options.exchange.pendingShares(SHARES_IN_FLIGHT_MAX);
    for (const share of pending) {
      if (this.#sent.has(share.shareId)) continue;
      this.#sent.add(share.shareId);
      this.#options.send(share);
    }
    if (pending.length === 0) this.#rest();
    else this.#timer ??= this.#options.clock.after(this.#backoff.nextWaitMs(), () => this.#sendAgain());
  }

  #sendAgain(): void {
    this.#timer = null;
    this.#sent.clear();
    this.#pump();
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
