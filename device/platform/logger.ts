import { pino } from "pino";

/** Structured log. Never a name, a face, a template, a PIN or a card number: people are `personId`. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

/** Keys that are removed wherever they appear up to four levels deep, as a second line behind the rule above. */
export const REDACTED_KEYS = [
  "name",
  "displayName",
  "embedding",
  "template",
  "frame",
  "image",
  "jpeg",
  "pin",
  "password",
  "cardToken",
  "key",
] as const;

export function createLogger(level: string, destination?: { write(line: string): void }): Logger {
  const options = {
    level,
    base: null,
    redact: {
      paths: REDACTED_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`, `*.*.*.${key}`]),
      censor: "[removed]",
    },
  };
  // Standard error: standard output belongs to what a command answers.
  return pino(options, destination ?? pino.destination({ dest: 2, sync: true }));
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
