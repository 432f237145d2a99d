import type { Database } from "better-sqlite3";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import type { Journal } from "../journal/journal-port.ts";
import { prepared } from "../journal/prepared.ts";
import type { Clock } from "../platform/clock.ts";
import type { Entropy, IdSource } from "../platform/entropy.ts";
import { CanteenError } from "../platform/errors.ts";
import type { MonoMs } from "../platform/units.ts";
import type {
  Operator,
  OperatorPinCheck,
  OperatorRole,
  OperatorSigners,
  Operators,
  SignIn,
} from "./operators-port.ts";
import { type PinAttemptLimits, PinAttempts } from "./pin-attempts.ts";
import type { PinHasher } from "./pin-hash.ts";

export interface OperatorsOptions {
  /** With `securityMigrations`; the journal's own database. */
  readonly db: Database;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly entropy: Entropy;
  readonly hasher: PinHasher;
  readonly limits: PinAttemptLimits & { readonly sessionIdleMsMax: number };
}

export function openOperators(options: OperatorsOptions): Operators & OperatorSigners {
  return new SqliteOperators(options);
}

const PIN_DIGITS_MIN = 6;
const PIN_DIGITS_MAX = 12;
const OPERATOR_ID_LENGTH_MAX = 64;
const DISPLAY_NAME_LENGTH_MAX = 64;
const TOKEN_BYTES = 32;
/** Beyond this the session idle longest ends. */
const SESSIONS_MAX = 32;

interface OperatorRow {
  readonly operator_id: string;
  readonly display_name: string;
  readonly role: OperatorRole;
  readonly pin_hash: string;
  readonly person_id: string | null;
}

interface Session {
  readonly operator: Operator;
  usedAtMs: MonoMs;
}

class SqliteOperators implements Operators, OperatorSigners {
  readonly #options: OperatorsOptions;
  readonly #attempts: PinAttempts;
  /** By token, the one idle longest first. */
  readonly #sessions = new Map<string, Session>();

  constructor(options: OperatorsOptions) {
    this.#options = options;
    this.#attempts = new PinAttempts(options.db, options.clock, options.limits);
  }

  async add(request: {
    readonly operatorId: string;
    readonly displayName: string;
    readonly role: OperatorRole;
    readonly pin: string;
  }): Promise<Operator> {
    const { operatorId, displayName, role, pin } = request;
    if (!/^[a-z0-9][a-z0-9-]*$/.test(operatorId) || operatorId.length > OPERATOR_ID_LENGTH_MAX) {
      throw operatorInvalid("an operator id has small letters, digits and dashes, at most 64");
    }
    if (displayName.trim() === "" || displayName.length > DISPLAY_NAME_LENGTH_MAX) {
      throw operatorInvalid("an operator's name has 1 to 64 characters");
    }
    if (isWeakPin(pin)) throw pinTooWeak();
    if (this.#row(operatorId) !== undefined) throw operatorExists(operatorId);
    const pinHash = await this.#options.hasher.hash(pin);
    const { db, journal, ids } = this.#options;
    journal.transact(() => {
      // Asked again: someone may have added the same one while the hash was computed.
      if (this.#row(operatorId) !== undefined) throw operatorExists(operatorId);
      db.prepare("INSERT INTO operator (operator_id, display_name, role, pin_hash) VALUES (?, ?, ?, ?)").run(
        operatorId,
        displayName,
        role,
        pinHash,
      );
      journal.append({ id: ids.next(), kind: "operator.added", body: { operatorId, role } });
    });
    return { operatorId, displayName, role };
  }

  async signIn(request: { readonly operatorId: string; readonly pin: string }): Promise<SignIn> {
    const { journal, ids, limits } = this.#options;
    const check = await this.#checkPin(request, ({ operatorId }) =>
      journal.append({ id: ids.next(), kind: "operator.signed-in", body: { operatorId } }),
    );
    if (check.kind !== "right") return check;
    const { operator } = check;
    const token = this.#startSession(operator);
    return { kind: "signed-in", operator, token, expiresInMs: limits.sessionIdleMsMax };
  }

  checkPin(request: { readonly operatorId: string; readonly pin: string }): Promise<OperatorPinCheck> {
    return this.#checkPin(request, () => {});
  }

  link({ operatorId, personId }: { readonly operatorId: string; readonly personId: string | null }): void {
    const { db, journal, ids } = this.#options;
    journal.transact(() => {
      const row = this.#row(operatorId);
      if (row === undefined) throw operatorUnknown(operatorId);
      if (row.person_id === personId) return;
      if (personId !== null && this.operatorOfPerson(personId) !== undefined) throw personLinked(personId);
      db.prepare("UPDATE operator SET person_id = ? WHERE operator_id = ?").run(personId, operatorId);
      journal.append({ id: ids.next(), kind: "operator.linked", body: { operatorId, personId } });
    });
  }

  personIdOf(operatorId: string): string | null {
    return this.#row(operatorId)?.person_id ?? null;
  }

  operatorOfPerson(personId: string): Operator | undefined {
    const row = withDatabaseFaults(() =>
      prepared<[string], OperatorRow>(this.#options.db, "SELECT * FROM operator WHERE person_id = ?").get(
        personId,
      ),
    );
    return row === undefined ? undefined : operatorOf(row);
  }

  signOut(token: string): void {
    this.#sessions.delete(token);
  }

  session(token: string): Operator | undefined {
    const session = this.#sessions.get(token);
    if (session === undefined) return undefined;
    this.#sessions.delete(token);
    const now = this.#options.clock.mono();
    if (now - session.usedAtMs >= this.#options.limits.sessionIdleMsMax) return undefined;
    session.usedAtMs = now;
    this.#sessions.set(token, session); // Back in as the one used last.
    return session.operator;
  }

  list(): readonly Operator[] {
    return withDatabaseFaults(() =>
      prepared<[], OperatorRow>(this.#options.db, "SELECT * FROM operator ORDER BY operator_id")
        .all()
        .map(operatorOf),
    );
  }

  /** @param onRight in the transaction that takes the attempt back. */
  async #checkPin(
    { operatorId, pin }: { readonly operatorId: string; readonly pin: string },
    onRight: (operator: Operator) => void,
  ): Promise<OperatorPinCheck> {
    const row = this.#row(operatorId);
    const subject = `operator:${operatorId.slice(0, OPERATOR_ID_LENGTH_MAX)}`;
    const start = this.#attempts.begin(subject);
    if (start.kind === "locked") return start;
    const right = await this.#compare(subject, pin, row?.pin_hash);
    if (!right || row === undefined) {
      const waitMs = this.#attempts.waitMs(subject);
      return waitMs > 0 ? { kind: "locked", waitMs } : { kind: "wrong", attemptsLeft: start.attemptsLeft };
    }
    const operator = operatorOf(row);
    this.#options.journal.transact(() => {
      this.#attempts.succeeded(subject);
      onRight(operator);
    });
    return { kind: "right", operator };
  }

  async #compare(subject: string, pin: string, pinHash: string | undefined): Promise<boolean> {
    try {
      return await this.#options.hasher.verify(pin.slice(0, PIN_DIGITS_MAX + 1), pinHash);
    } catch (error) {
      this.#attempts.notCompared(subject);
      throw error;
    }
  }

  #startSession(operator: Operator): string {
    const { clock, entropy } = this.#options;
    const [longestIdle] = this.#sessions.keys();
    if (this.#sessions.size >= SESSIONS_MAX && longestIdle !== undefined) this.#sessions.delete(longestIdle);
    const token = Buffer.from(entropy.bytes(TOKEN_BYTES)).toString("base64url");
    this.#sessions.set(token, { operator, usedAtMs: clock.mono() });
    return token;
  }

  #row(operatorId: string): OperatorRow | undefined {
    return withDatabaseFaults(() =>
      prepared<[string], OperatorRow>(this.#options.db, "SELECT * FROM operator WHERE operator_id = ?").get(
        operatorId,
      ),
    );
  }
}

const operatorOf = (row: OperatorRow): Operator => ({
  operatorId: row.operator_id,
  displayName: row.display_name,
  role: row.role,
});

/** Too short, no digits, one digit repeated, or a run such as 123456 and 987654. */
function isWeakPin(pin: string): boolean {
  if (!/^\d+$/.test(pin) || pin.length < PIN_DIGITS_MIN || pin.length > PIN_DIGITS_MAX) return true;
  const steps = new Set([...pin].slice(1).map((digit, index) => Number(digit) - Number(pin[index])));
  const [step] = steps;
  return steps.size === 1 && step !== undefined && Math.abs(step) <= 1;
}

function pinTooWeak(): CanteenError {
  return new CanteenError("the PIN is too weak", {
    code: "pin-too-weak",
    retry: "after-operator",
    hint: {
      zh: "密码须为 6 至 12 位数字，且不能是相同数字或连续数字。",
      en: "A PIN has 6 to 12 digits, not all the same and not a run such as 123456.",
    },
  });
}

function operatorExists(operatorId: string): CanteenError {
  return new CanteenError(`the operator ${operatorId} exists`, {
    code: "operator-exists",
    retry: "never",
    hint: { zh: `操作员 ${operatorId} 已存在。`, en: `There is an operator ${operatorId} already.` },
  });
}

function operatorUnknown(operatorId: string): CanteenError {
  return new CanteenError(`there is no operator ${operatorId}`, {
    code: "operator-unknown",
    retry: "never",
    hint: { zh: `没有操作员 ${operatorId}。`, en: `There is no operator ${operatorId}.` },
  });
}

function personLinked(personId: string): CanteenError {
  return new CanteenError(`another operator is the person ${personId}`, {
    code: "person-linked",
    retry: "never",
    hint: {
      zh: "此人已与另一位操作员关联：一张脸只能代表一位操作员。",
      en: "This person is another operator already: one face signs for one operator.",
    },
  });
}

function operatorInvalid(message: string): CanteenError {
  return new CanteenError(message, {
    code: "operator-invalid",
    retry: "after-operator",
    hint: {
      zh: "操作员编号只能用小写字母、数字和短横线；姓名为 1 至 64 个字。",
      en: "An operator id has small letters, digits and dashes; the name has 1 to 64 characters.",
    },
  });
}
