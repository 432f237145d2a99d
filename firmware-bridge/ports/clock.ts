/** A timer that was started; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/**
 * The time that drivers need, as a port of the bridge's own: the bridge imports nothing outside itself.
 * The runtime's clocks (`SystemClock`, `VirtualClock`) fit it as they are.
 */
export interface Clock {
  /** Milliseconds of a clock that never goes back; for waits and for the age of a reading. */
  mono(): number;
  /** Runs `task` once after `waitMs`, unless cancelled. */
  after(waitMs: number, task: () => void): Timer;
  /** Runs `task` every `periodMs`; a late run is not caught up. */
  every(periodMs: number, task: () => void): Timer;
}

export type BridgeTimer = Timer;

/** What the serial side of the bridge needs of a clock. */
export type BridgeClock = Pick<Clock, "mono" | "after">;

/** Chance for the jitter of reconnects. The runtime's entropy has this shape. */
export interface BridgeEntropy {
  /** @returns a number in [0, 1). */
  uniform(): number;
}
