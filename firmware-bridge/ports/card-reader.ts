import type { BridgeDevice } from "./device-state.ts";

/** One card that was held to the reader. A card number can be copied: an identifier, not a secret. */
export interface CardEvent {
  /** Upper-case hex, most significant byte first; of Wiegand, `facility-number` in decimal. */
  readonly uid: string;
  readonly receivedMonoMs: number;
}

export interface CardReader extends BridgeDevice {
  /** @returns a function that unsubscribes. */
  onCard(listener: (card: CardEvent) => void): () => void;
}
