import type { Logger } from "../platform/logger.ts";
import type { OutgoingMessage, PublishOutcome } from "./mqtt-connection.ts";

export interface OutboxOptions {
  readonly publish: (message: OutgoingMessage) => Promise<PublishOutcome>;
  /** Messages handed to the broker at a time; the rest of the link's window is the journal's. */
  readonly inFlightMax: number;
  /** Beyond this the oldest one that waits is dropped. */
  readonly waitingMax: number;
  readonly logger: Logger;
}

/**
 * A short queue in memory for messages that may be lost: reports, requests, answers. Whoever needs one of them
 * delivered for certain asks or sends again by itself. Emptied when the connection ends.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #waiting: OutgoingMessage[] = [];
  #inFlight = 0;
  #droppedCount = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get droppedCount(): number {
    return this.#droppedCount;
  }

  send(message: OutgoingMessage): void {
    this.#waiting.push(message);
    if (this.#waiting.length > this.#options.waitingMax) {
      this.#waiting.shift();
      this.#droppedCount += 1;
    }
    this.#drain();
  }

  clear(): void {
    this.#waiting = [];
  }

  #drain(): void {
    while (this.#inFlight < this.#options.inFlightMax) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#inFlight += 1;
      void this.#options.publish(message).then((outcome) => this.#settled(outcome));
    }
  }

  #settled(outcome: PublishOutcome): void {
    this.#inFlight -= 1;
    if (outcome.kind !== "acked") {
      this.#options.logger.debug({ outcome: outcome.kind }, "the broker did not take a message");
    }
    this.#drain();
  }
}
