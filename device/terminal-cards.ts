import type { Logger } from "./platform/logger.ts";
import type { ServingLineControl } from "./serving-line/serving-line.ts";
import type { TerminalDevices } from "./terminal-devices.ts";

/**
 * Card readers and the till's scanners pay at the serving line, as a keyboard reader does in the page: the token is
 * what the reader says, a card's number in upper-case hex or a code as printed.
 */
export function payWithCards(
  { cardReaders, scanners }: Pick<TerminalDevices, "cardReaders" | "scanners">,
  servingLine: Pick<ServingLineControl, "command">,
  logger: Logger,
): void {
  const pay = (device: string, cardToken: string): void => {
    servingLine.command({ kind: "card", cardToken }).catch((error: unknown) => {
      // The line stops by itself after a fault; here is only what the person at the counter did.
      logger.error({ device, error: error instanceof Error ? error.message : "unknown" }, "card not taken");
    });
  };
  for (const [id, reader] of cardReaders) reader.onCard(({ uid }) => pay(id, uid));
  for (const [id, { scanner, use }] of scanners)
    if (use === "till") scanner.onScan(({ text }) => pay(id, text));
}
