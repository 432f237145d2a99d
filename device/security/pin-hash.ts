import { scrypt, timingSafeEqual } from "node:crypto";
import type { Entropy } from "../platform/entropy.ts";
import { CanteenError } from "../platform/errors.ts";

/** Cost of scrypt (RFC 7914): memory is 128·N·r bytes, work grows with N·r·p. */
export interface PinCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/**
 * 16 MiB and five passes: as hard to guess as N = 2^17 with p = 1, without its 128 MiB, which the terminal's budget
 * does not have. Source: OWASP Password Storage Cheat Sheet, scrypt.
 */
export const PIN_COST: PinCost = { n: 2 ** 14, r: 8, p: 5 };

/** A hash from the cloud names its own cost; more than this is refused before it takes the memory. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;
const PASSES_MAX = 16;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const RUNNING_MAX = 1;
const WAITING_MAX = 8;

/** What a stored PIN looks like: `scrypt$N$r$p$salt$hash`, salt and hash in base64url without padding. */
export const PIN_HASH_PATTERN =
  /^scrypt\$([1-9]\d{0,9})\$([1-9]\d{0,3})\$([1-9]\d{0,3})\$([A-Za-z0-9_-]{16,88})\$([A-Za-z0-9_-]{22,88})$/;

export interface PinHasher {
  /** @throws CanteenError `pin-check-busy`. */
  hash(pin: string): Promise<string>;
  /**
   * Compares in constant time, off the event loop.
   * @param encoded `undefined` does the same work for nobody, so that the answer takes as long.
   * @throws CanteenError `pin-check-busy`, `pin-hash-invalid`.
   */
  verify(pin: string, encoded: string | undefined): Promise<boolean>;
}

export interface PinHasherOptions {
  readonly entropy: Entropy;
  readonly cost?: PinCost;
}

/** One hash is computed at a time and few wait: the other cores belong to the face engine. */
export function createPinHasher({ entropy, cost = PIN_COST }: PinHasherOptions): PinHasher {
  const turns = new Turns(RUNNING_MAX, WAITING_MAX);
  const nobody = { cost, salt: Buffer.from(entropy.bytes(SALT_BYTES)), hash: Buffer.alloc(HASH_BYTES) };
  return {
    hash: (pin) =>
      turns.take(async () => {
        const salt = Buffer.from(entropy.bytes(SALT_BYTES));
        const hash = await derive(pin, salt, cost, HASH_BYTES);
        const { n, r, p } = cost;
        return `scrypt$${n}$${r}$${p}$${salt.toString("base64url")}$${hash.toString("base64url")}`;
      }),
    verify: (pin, encoded) =>
      turns.take(async () => {
        const stored = encoded === undefined ? nobody : parsePinHash(encoded);
        const hash = await derive(pin, stored.salt, stored.cost, stored.hash.length);
        return timingSafeEqual(hash, stored.hash) && encoded !== undefined;
      }),
  };
}

/** True where `encoded` names a cost that this terminal is willing to pay. */
export function isPinHash(encoded: string): boolean {
  const [, n = "", r = "", p = ""] = PIN_HASH_PATTERN.exec(encoded) ?? [];
  return isAffordable({ n: Number(n), r: Number(r), p: Number(p) });
}

function isAffordable({ n, r, p }: PinCost): boolean {
  return (
    n >= 2 &&
    Number.isInteger(Math.log2(n)) &&
    128 * n * r <= MEMORY_BYTES_MAX &&
    r >= 1 &&
    p >= 1 &&
    p <= PASSES_MAX
  );
}

function parsePinHash(encoded: string): { cost: PinCost; salt: Buffer; hash: Buffer } {
  const [, n = "", r = "", p = "", salt = "", hash = ""] = PIN_HASH_PATTERN.exec(encoded) ?? [];
  const cost = { n: Number(n), r: Number(r), p: Number(p) };
  if (!isAffordable(cost)) throw invalidHash();
  return { cost, salt: Buffer.from(salt, "base64url"), hash: Buffer.from(hash, "base64url") };
}

function derive(pin: string, salt: Buffer, { n, r, p }: PinCost, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 2 * MEMORY_BYTES_MAX };
    scrypt(pin.normalize("NFKC"), salt, bytes, options, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}

/** Lets a few tasks run and a few wait; the newest beyond that is refused. */
class Turns {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  async take<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#runningMax) {
      if (this.#waiting.length >= this.#waitingMax) throw busy();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await task();
    } finally {
      // The place goes straight to the one who waited longest, or becomes free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

function busy(): CanteenError {
  return new CanteenError("too many PIN checks at once", {
    code: "pin-check-busy",
    retry: "backoff",
    hint: { zh: "请稍候再输入密码。", en: "Please wait a moment and enter the PIN again." },
  });
}

function invalidHash(): CanteenError {
  return new CanteenError("the stored PIN hash is not one of ours, or costs too much", {
    code: "pin-hash-invalid",
    retry: "after-operator",
    hint: {
      zh: "该人员的密码数据无效，请在云端重新设置密码。",
      en: "This person's PIN data is not valid; set the PIN again in the cloud.",
    },
  });
}
