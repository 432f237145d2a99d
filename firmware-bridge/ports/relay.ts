import type { BridgeDevice } from "./device-state.ts";
import type { BridgeFault } from "./fault.ts";

export type RelayOutcome =
  /** The module was asked afterwards and says so, or it confirms writes and knows no reading. */
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly reason: "not-open" | "busy" | "unknown-channel" }
  /** `device-silent`, `device-damaged`, `device-exception`, or `relay-stuck`: it confirmed and did not switch. */
  | { readonly kind: "failed"; readonly fault: BridgeFault };

/** Switched outputs: a buzzer, a lamp, a door. What was wished is never kept for later: set it again after a fault. */
export interface Relay extends BridgeDevice {
  readonly channels: readonly string[];
  set(channel: string, isOn: boolean): Promise<RelayOutcome>;
}
