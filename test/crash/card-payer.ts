import type { ServerMessage } from "../../device/kiosk/protocol.ts";
import type { Timer } from "../../device/platform/clock.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";

export interface Shown {
  readonly chargeId: string;
  readonly personId: string;
}

/** What a refusal answers whose first receipt is no longer there: pruning in seconds takes today's entries too. */
const NO_RECEIPT = "no receipt";

/** Nobody holds up cards faster than this; without it a quick machine would have used up all of them in seconds. */
export const CARD_PERIOD_MS = 100;
const clock = new SystemClock();

/**
 * Someone who holds one card after another before the terminal, about as fast as it answers, and remembers what the
 * screen said. A card counts as done when the screen said "paid" or "already paid".
 */
export class CardPayer {
  readonly #socket: WebSocket;
  readonly #cards: string[];
  readonly #shown: Shown[];
  readonly #ended: Promise<void>;
  #answered = "";
  #presentedMono = Number.NEGATIVE_INFINITY;
  #presenting: Timer | null = null;

  /** @param cards still to be charged: answered ones are taken away. @param shown grows with each "paid". */
  constructor(terminalUrl: string, cards: string[], shown: Shown[]) {
    this.#cards = cards;
    this.#shown = shown;
    const { host } = new URL(terminalUrl);
    this.#socket = new WebSocket(`ws://${host}/ws`, { headers: { origin: `http://${host}` } });
    this.#ended = new Promise((resolve) => {
      this.#socket.addEventListener("close", () => resolve());
      this.#socket.addEventListener("error", () => resolve());
    });
    this.#socket.addEventListener("open", () => this.#send({ type: "hello", page: "pay" }));
    this.#socket.addEventListener("message", ({ data }) => {
      // Binary messages are pictures of the camera.
      if (typeof data === "string") this.#see(JSON.parse(data) as ServerMessage);
    });
  }

  /** Resolves when the terminal is gone. */
  ended(): Promise<void> {
    return this.#ended;
  }

  close(): void {
    this.#socket.close();
  }

  #see(message: ServerMessage): void {
    if (message.type !== "status") return;
    const { view } = message.line;
    if (view.kind === "closed") return;
    if (view.kind === "paid") this.#paid(view.receipt);
    else if (view.kind === "refused" && view.reason === "meal-already-charged")
      this.#done(view.earlier?.chargeId ?? NO_RECEIPT);
    else {
      // The next answer of that kind is another card's.
      if (this.#answered === NO_RECEIPT) this.#answered = "";
      if (view.kind === "idle") this.#present();
    }
  }

  #paid({ chargeId, personId }: Shown): void {
    if (chargeId === this.#answered) return;
    this.#shown.push({ chargeId, personId });
    this.#done(chargeId);
  }

  #done(chargeId: string): void {
    if (chargeId === this.#answered) return;
    this.#answered = chargeId;
    this.#cards.shift();
    this.#present();
  }

  #present(): void {
    if (this.#presenting !== null) return;
    const waitMs = Math.max(0, this.#presentedMono + CARD_PERIOD_MS - clock.mono());
    this.#presenting = clock.after(waitMs, () => {
      this.#presenting = null;
      this.#presentedMono = clock.mono();
      const [cardToken] = this.#cards;
      if (cardToken !== undefined) this.#send({ type: "command", command: { kind: "card", cardToken } });
    });
  }

  #send(message: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
