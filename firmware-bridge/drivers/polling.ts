import type { CommandName } from "../ports/dialect.ts";
import { ENQ } from "../protocol/ascii.ts";

/** How a scale that only speaks when asked is asked. */
export interface PollPlan {
  readonly everyMs: number;
  /** A command of the dialect, or bytes that open its handshake; sent one after another, `stepMs` apart. */
  readonly steps: readonly (CommandName | Uint8Array)[];
  readonly stepMs: number;
  /** Sent when the device acknowledges the steps: the second half of a handshake, never without the first. */
  readonly onAck?: CommandName;
}

const poll = (everyMs: number, ...steps: readonly (CommandName | Uint8Array)[]): PollPlan => ({
  everyMs,
  steps,
  stepMs: 80,
});

/** Dialects that are silent until asked. Adam beeps at each question, so it is asked seldom. */
export const POLL_OF_DIALECT: Readonly<Record<string, PollPlan>> = {
  "mt-sics": poll(200, "read"),
  "toledo-8217": poll(200, "read"),
  "toledo-dialog06": poll(300, "read"),
  "soh-stx-bcc": { ...poll(300, Uint8Array.of(ENQ)), onAck: "read" },
  "adam-cbk": poll(5000, "read"),
  "enq-stx-etx": poll(300, "read"),
  "dini-argeo": poll(300, "read"),
  "yaohua-cmd": poll(200, "read"),
};
