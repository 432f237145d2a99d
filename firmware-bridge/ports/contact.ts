import type { BridgeDevice } from "./device-state.ts";

/** What one input said: a door's reed switch, a float, a mains watch. */
export interface ContactReading {
  readonly input: string;
  /** The circuit is closed; null with a fault. */
  readonly isOn: boolean | null;
  /** `silent`, `damaged`, `exception` or `unfitting`. */
  readonly fault: string | null;
  readonly receivedMonoMs: number;
}

export interface Contacts extends BridgeDevice {
  readonly inputs: readonly string[];
  /** @returns a function that unsubscribes. */
  onReading(listener: (reading: ContactReading) => void): () => void;
}
