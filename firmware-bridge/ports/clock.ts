/** A timer that was started; `cancel` is idempotent. */
export interface BridgeTimer {
  cancel(): void;
}

/** Time as the bridge needs it: monotonic only. The runtime's clock has this shape. */
export interface BridgeClock {
  /** Milliseconds that never go back. */
  mono(): number;
  /** Runs `task` once after `waitMs`, unless cancelled. */
  after(waitMs: number, task: () => void): BridgeTimer;
}

/** Chance for the jitter of reconnects. The runtime's entropy has this shape. */
export interface BridgeEntropy {
  /** @returns a number in [0, 1). */
  uniform(): number;
}
