import type { BridgeClock, BridgeEntropy } from "../ports/clock.ts";

/** The real clock, for programs that use the bridge without the runtime. */
export const systemBridgeClock: BridgeClock = {
  mono: () => performance.now(),
  after: (waitMs, task) => {
    const timer = setTimeout(task, waitMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export const systemBridgeEntropy: BridgeEntropy = { uniform: () => Math.random() };
