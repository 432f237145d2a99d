import type { Config } from "./config/schema.ts";
import { CanteenError, type Hint } from "./platform/errors.ts";

export interface TerminalOptions {
  readonly config: Config;
}

export interface RunningTerminal {
  /** Where a person finds what runs. */
  readonly urls: readonly { readonly label: Hint; readonly url: string }[];
  /** Settles every waiter and runs every step of the teardown. */
  close(): Promise<void>;
}

/** Composition root; not wired yet. */
export function startTerminal(_options: TerminalOptions): Promise<RunningTerminal> {
  return Promise.reject(
    new CanteenError("the terminal is not wired yet", {
      code: "not-wired",
      retry: "never",
      hint: { zh: "终端尚未组装", en: "The composition root is still to be written." },
    }),
  );
}
