/**
 * Tells a card or QR reader, which types like a keyboard, from a person who types.
 *
 * A reader sends its characters a few milliseconds apart and ends with Enter; nobody types like that. So each
 * character waits for a moment: if the next one comes faster than a hand could, they belong to a reader and are never
 * shown; if not, they are handed on as typed.
 *
 * A read can be torn by a busy machine. Its tail must be neither somebody else's card nor a press of Enter that
 * confirms a payment: a card needs a quiet moment before its first character, and an Enter is told apart by whether
 * one was before it.
 */
export interface WedgeReaderOptions {
  readonly onCard: (cardToken: string) => void;
  /**
   * @param isAlone   whether no character came just before it: only such an Enter may mean "pay".
   * @param isByHand  of an Enter: whether it and the character before it came no faster than from a hand. A read would
   *                  have to be torn twice in a row for its Enter to look like that; it may end what was keyed on a pad.
   */
  readonly onTyped: (key: string, isAlone: boolean, isByHand: boolean) => void;
  /** Runs `task` after `waitMs`. @returns a function that cancels it. */
  readonly after: (waitMs: number, task: () => void) => () => void;
}

/** The slowest readers (Bluetooth) leave 30 ms; the fastest typists need 60 ms. */
export const KEY_GAP_MS_MAX = 50;
/** After characters it takes this long until a card or an Enter stands alone again. */
export const QUIET_MS_MIN = 400;
/** Fewer characters than this are no token: they were typed. */
export const TOKEN_LENGTH_MIN = 4;
export const TOKEN_LENGTH_MAX = 128;

export class WedgeReader {
  readonly #options: WedgeReaderOptions;
  #burst = "";
  #isTooLong = false;
  /** Whether a quiet moment was before the first character of the burst. */
  #isFresh = true;
  #lastKeyMs = Number.NEGATIVE_INFINITY;
  #lastCharacterMs = Number.NEGATIVE_INFINITY;
  /** Whether the last character came no faster than from a hand. */
  #isLastSlow = true;
  #cancelFlush: () => void = () => {};

  constructor(options: WedgeReaderOptions) {
    this.#options = options;
  }

  /**
   * @param key   `KeyboardEvent.key`
   * @param atMs  `KeyboardEvent.timeStamp`
   */
  press(key: string, atMs: number): void {
    this.#cancelFlush();
    const isSlow = atMs - this.#lastKeyMs > KEY_GAP_MS_MAX;
    if (isSlow) this.#flush();
    this.#lastKeyMs = atMs;
    const isAlone = atMs - this.#lastCharacterMs >= QUIET_MS_MIN;
    if (key === "Enter") this.#enter(isAlone, isAlone || (isSlow && this.#isLastSlow));
    else if (key.length === 1) {
      this.#isLastSlow = isSlow;
      this.#character(key, atMs, isAlone);
    } else this.#other(key, isAlone);
  }

  #character(key: string, atMs: number, isAlone: boolean): void {
    this.#lastCharacterMs = atMs;
    if (this.#burst === "") this.#isFresh = isAlone;
    if (this.#burst.length >= TOKEN_LENGTH_MAX) this.#isTooLong = true;
    else this.#burst += key;
    this.#cancelFlush = this.#options.after(KEY_GAP_MS_MAX, () => this.#flush());
  }

  #enter(isAlone: boolean, isByHand: boolean): void {
    const token = this.#burst;
    if (token.length < TOKEN_LENGTH_MIN) {
      this.#flush();
      this.#options.onTyped("Enter", isAlone, isByHand);
      return;
    }
    const isCard = this.#isFresh && !this.#isTooLong;
    this.#forget();
    // The next card may follow at once.
    if (isCard) this.#lastCharacterMs = Number.NEGATIVE_INFINITY;
    if (isCard) this.#options.onCard(token);
  }

  #other(key: string, isAlone: boolean): void {
    this.#flush();
    this.#options.onTyped(key, isAlone, false);
  }

  /** No fast successor came. A few characters were typed; a long burst without its Enter was a torn read. */
  #flush(): void {
    const keys = this.#burst;
    this.#forget();
    if (keys.length < TOKEN_LENGTH_MIN) for (const key of keys) this.#options.onTyped(key, false, false);
  }

  #forget(): void {
    this.#burst = "";
    this.#isTooLong = false;
  }
}

/** The key that was meant, also where a Chinese input method holds it back. */
export function keyMeant(event: { readonly key: string; readonly code: string }): string {
  if (event.key !== "Process") return event.key;
  return /^(?:Digit|Numpad|Key)([0-9A-Z])$/.exec(event.code)?.[1] ?? event.key;
}
