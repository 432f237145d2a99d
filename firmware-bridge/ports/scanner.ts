import type { BridgeDevice } from "./device-state.ts";

/** One code that was held in front of the scanner. */
export interface ScanEvent {
  /** As printed, without AIM identifier. Codes stay strings: leading zeros matter. */
  readonly text: string;
  /** From the AIM identifier; null when the scanner sends none. */
  readonly symbology: string | null;
  /** GS1 elements, where the code has them. */
  readonly ais: readonly (readonly [ai: string, value: string])[] | null;
  readonly receivedMonoMs: number;
}

/** A code that was read rightly and is a bad one: nobody may act on it, and whoever holds the goods must hear so. */
export interface ScanRefusal {
  /** `check-digit`: misread or misprinted. `unreadable`: no code of its kind is built like this. */
  readonly reason: "check-digit" | "unreadable";
  readonly receivedMonoMs: number;
}

export interface Scanner extends BridgeDevice {
  /** @returns a function that unsubscribes. */
  onScan(listener: (scan: ScanEvent) => void): () => void;
  /** @returns a function that unsubscribes. */
  onRefused(listener: (refusal: ScanRefusal) => void): () => void;
}
