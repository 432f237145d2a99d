import type { BridgeFault } from "./fault.ts";

export type DeviceState =
  | { readonly kind: "closed" }
  | { readonly kind: "connecting" }
  /** Readings come, or the device is ready to give them. */
  | { readonly kind: "live" }
  /** The line is away and comes back by itself. */
  | { readonly kind: "lost"; readonly fault: BridgeFault }
  /** The line is there and what it says is of no use: silence, wrong settings, wrong dialect, a fault of the device. */
  | { readonly kind: "faulty"; readonly fault: BridgeFault };

/** What every device of the bridge has in common. */
export interface BridgeDevice {
  readonly label: string;
  state(): DeviceState;
  /** @returns a function that unsubscribes. */
  onState(listener: (state: DeviceState) => void): () => void;
  open(options: { readonly signal: AbortSignal }): void;
  close(): Promise<void>;
}
