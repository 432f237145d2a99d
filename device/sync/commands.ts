import type { Clock } from "../platform/clock.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { CommandLog, CommandOutcome } from "./command-log.ts";
import type { CommandMessage, CommandResultMessage } from "./messages.ts";

/** Does one kind of command, synchronously, inside the transaction that records its id. */
export type CommandHandler = (command: CommandMessage) => {
  readonly status: "done" | "failed";
  readonly code?: string;
  readonly facts?: CommandResultMessage["facts"];
};

export interface CommandsOptions {
  readonly log: CommandLog;
  readonly handlers: Readonly<Record<string, CommandHandler>>;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
}

/**
 * Answers one command. A known id gets its first outcome again; an expired or unknown command does nothing.
 * A command that failed with a fault (a full disk, say) is not recorded: a repetition may try again.
 */
export function answerCommand(command: CommandMessage, options: CommandsOptions): CommandResultMessage {
  const answer = ({ status, code, facts }: CommandOutcome): CommandResultMessage => ({
    v: 1,
    id: command.id,
    status,
    code,
    facts,
  });
  const { log, handlers, clock, logger } = options;
  try {
    const known = log.outcomeOf(command.id);
    if (known !== undefined) return answer(known);
    if (command.expiresAtMs < clock.now()) return answer({ status: "expired", code: null, facts: {} });
    const handler = Object.hasOwn(handlers, command.name) ? handlers[command.name] : undefined;
    if (handler === undefined) return answer({ status: "unknown", code: null, facts: {} });
    return answer(
      log.applyOnce(command.id, clock.now(), () => {
        const { status, code = null, facts = {} } = handler(command);
        return { status, code, facts };
      }),
    );
  } catch (error) {
    if (!isFault(error)) throw error;
    logger.error({ command: command.name, code: error.code }, "a command failed");
    return answer({ status: "failed", code: error.code, facts: {} });
  }
}
