import type { Database } from "better-sqlite3";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import { prepared } from "../journal/prepared.ts";
import type { Clock } from "../platform/clock.ts";
import { type PinAttemptLimits, PinAttempts } from "../security/pin-attempts.ts";
import type { PinHasher } from "../security/pin-hash.ts";
import { type WrongPinTrial, WrongPinWindow } from "../security/wrong-pin-window.ts";
import type { PinCheck, PinVerifier } from "./roster-port.ts";

export interface PinVerifierOptions {
  /** With `rosterMigrations` and `securityMigrations`. */
  readonly db: Database;
  readonly clock: Clock;
  readonly hasher: PinHasher;
  readonly limits: PinAttemptLimits;
}

/** Person number + PIN, as the diner keys them in. */
export function openPinVerifier(options: PinVerifierOptions): PinVerifier {
  return new PinVerifierOnSqlite(options);
}

const NUMBER_LENGTH_MAX = 32;
/** A longer one is compared by its beginning: no PIN of ours is that long. */
const PIN_LENGTH_MAX = 64;

/** A queue of children mistypes now and then; this many in so short a time is somebody trying. */
const ALL_NUMBERS = { wrongMax: 30, windowMs: 600_000 };

interface PinRow {
  readonly person_id: string;
  readonly pin_hash: string | null;
}

class PinVerifierOnSqlite implements PinVerifier {
  readonly #options: PinVerifierOptions;
  readonly #attempts: PinAttempts;
  readonly #allNumbers: WrongPinWindow;

  constructor(options: PinVerifierOptions) {
    this.#options = options;
    this.#attempts = new PinAttempts(options.db, options.clock, options.limits);
    this.#allNumbers = new WrongPinWindow(options.clock, { ...ALL_NUMBERS, lockMs: options.limits.lockMs });
  }

  async check(number: string, pin: string): Promise<PinCheck> {
    const waitForAllMs = this.#allNumbers.waitMs();
    if (waitForAllMs > 0) return this.#locked(waitForAllMs);
    const row = this.#row(number);
    const subject = `number:${number.slice(0, NUMBER_LENGTH_MAX)}`;
    const start = this.#attempts.begin(subject);
    if (start.kind === "locked") return this.#locked(start.waitMs);
    const trial = this.#allNumbers.begin();
    // Nobody, or somebody without a PIN, takes as long as somebody with a wrong one.
    const right = await this.#compare(subject, trial, pin.slice(0, PIN_LENGTH_MAX), row?.pin_hash);
    if (right && row !== undefined) {
      this.#allNumbers.takeBack(trial);
      this.#attempts.succeeded(subject);
      return { kind: "ok", personId: row.person_id };
    }
    const waitMs = this.#attempts.waitMs(subject);
    return waitMs > 0 ? this.#locked(waitMs) : { kind: "wrong", attemptsLeft: start.attemptsLeft };
  }

  async #compare(
    subject: string,
    trial: WrongPinTrial,
    pin: string,
    pinHash: string | null | undefined,
  ): Promise<boolean> {
    try {
      return await this.#options.hasher.verify(pin, pinHash ?? undefined);
    } catch (error) {
      this.#allNumbers.takeBack(trial);
      this.#attempts.notCompared(subject);
      throw error;
    }
  }

  #row(number: string): PinRow | undefined {
    const sql = "SELECT person_id, pin_hash FROM person WHERE number = ?";
    return withDatabaseFaults(() => prepared<[string], PinRow>(this.#options.db, sql).get(number));
  }

  #locked(waitMs: number): PinCheck {
    return { kind: "locked", untilMs: this.#options.clock.now() + waitMs };
  }
}
