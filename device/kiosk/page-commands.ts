import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { ScreenPage } from "./page-screens.ts";
import { type ProblemCode, problemOf, problemOfFault } from "./problems.ts";
import type { Problem } from "./protocol.ts";

/** What one page may have under way; a page asks one thing at a time, so this is only met by a program. */
const COMMANDS_AT_ONCE_MAX = 4;

export interface PageCommand {
  readonly kind: string;
  /** Why it is not even tried. */
  readonly refused: ProblemCode | null;
  /** Taken however many wait: the way out of what they wait for. */
  readonly isWayOut?: boolean;
  /** Does it and tells the page what became of it. */
  readonly run: () => Promise<void>;
  /** Tells the page why it was not done. */
  readonly failed: (problem: Problem) => void;
}

/** Runs one command of a page; a fault becomes words for the person there, a bug does not. */
export async function runPageCommand(page: ScreenPage, command: PageCommand, logger: Logger): Promise<void> {
  const isOneTooMany = page.commandsRunning >= COMMANDS_AT_ONCE_MAX && command.isWayOut !== true;
  const refused = command.refused ?? (isOneTooMany ? "too-many-commands" : null);
  if (refused !== null) {
    command.failed(problemOf(refused));
    return;
  }
  page.commandsRunning += 1;
  try {
    await command.run();
  } catch (error) {
    // A bug must not be hidden as bad luck: it goes up and ends the process, the journal is safe.
    if (!isFault(error)) throw error;
    logger.error({ command: command.kind, code: error.code }, "command failed");
    command.failed(problemOfFault(error));
  } finally {
    page.commandsRunning -= 1;
  }
}
