import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  KEY_GAP_MS_MAX,
  keyMeant,
  QUIET_MS_MIN,
  TOKEN_LENGTH_MAX,
  TOKEN_LENGTH_MIN,
  WedgeReader,
} from "./wedge-reader.ts";

/** Presses keys on a made-up clock and collects what comes out. */
function makeReader() {
  const cards: string[] = [];
  const typed: string[] = [];
  const enters: boolean[] = [];
  let nowMs = 0;
  let pending: { dueMs: number; task: () => void } | undefined;
  const reader = new WedgeReader({
    onCard: (token) => cards.push(token),
    onTyped: (key, isAlone, isByHand) => {
      typed.push(key === "Enter" && !isAlone ? "late Enter" : key);
      if (key === "Enter") enters.push(isByHand);
    },
    after: (waitMs, task) => {
      const mine = { dueMs: nowMs + waitMs, task };
      pending = mine;
      return () => {
        if (pending === mine) pending = undefined;
      };
    },
  });
  const wait = (byMs: number): void => {
    nowMs += byMs;
    if (pending === undefined || pending.dueMs > nowMs) return;
    const { task } = pending;
    pending = undefined;
    task();
  };
  const press = (keys: readonly string[], gapMs: number): void => {
    for (const key of keys) {
      wait(gapMs);
      reader.press(key, nowMs);
    }
  };
  return { cards, typed, enters, press, wait };
}

describe("WedgeReader", () => {
  it("takes fast keys that end in Enter for a card, and shows none of them", () => {
    const { cards, typed, press, wait } = makeReader();
    press([..."0004711", "Enter"], 8);
    wait(1000);
    expect(cards).toEqual(["0004711"]);
    expect(typed).toEqual([]);
  });

  it("hands slow keys on as typed, in order, Enter too", () => {
    const { cards, typed, press, wait } = makeReader();
    press([..."1234", "Enter"], 120);
    wait(1000);
    expect(cards).toEqual([]);
    expect(typed).toEqual(["1", "2", "3", "4", "late Enter"]);
  });

  it("knows an Enter that a hand typed right after a PIN from the end of a read, torn or not", () => {
    const byHand = (press: ReturnType<typeof makeReader>["press"], ...gapsMs: readonly number[]): void => {
      for (const gapMs of gapsMs.slice(0, -1)) press(["7"], gapMs);
      press(["Enter"], gapsMs.at(-1) ?? 0);
    };
    const slowMs = KEY_GAP_MS_MAX + 1;
    const cases: readonly (readonly [readonly number[], boolean])[] = [
      [[1000, 90, 90, 90, 90], true],
      [[1000, 5, 5, 90], false],
      [[1000, 5, 5, 5, 5, slowMs], false],
      [[1000, 5, 5, 5, slowMs, 5], false],
      [[1000, 5, QUIET_MS_MIN], true],
    ];
    for (const [gapsMs, expected] of cases) {
      const { enters, press } = makeReader();
      byHand(press, ...gapsMs);
      expect(enters, gapsMs.join(" ")).toEqual([expected]);
    }
  });

  it("takes an Enter after a quiet moment for one that may mean pay", () => {
    const { typed, press } = makeReader();
    press([..."12"], 120);
    press(["Enter"], QUIET_MS_MIN);
    expect(typed).toEqual(["1", "2", "Enter"]);
  });

  it("throws a torn read away: its tail is no card of its own, and its Enter does not pay", () => {
    const { cards, typed, press, wait } = makeReader();
    press([..."00047"], 8);
    press([..."11815", "Enter"], 8 + KEY_GAP_MS_MAX);
    expect([cards, typed.filter((key) => key === "Enter")]).toEqual([[], []]);
    wait(1000);
    press([..."00047"], 8);
    wait(KEY_GAP_MS_MAX + 1);
    press([..."11815", "Enter"], 8);
    expect([cards, typed.filter((key) => key === "Enter")]).toEqual([[], []]);
  });

  it("reads two cards one right after the other", () => {
    const { cards, press } = makeReader();
    press([..."0004711", "Enter", ..."0004712", "Enter"], 8);
    expect(cards).toEqual(["0004711", "0004712"]);
  });

  it("throws away what is too long to be a token, up to its Enter", () => {
    const { cards, typed, press } = makeReader();
    press([...Array<string>(TOKEN_LENGTH_MAX + 5).fill("7"), "Enter"], 3);
    expect([cards, typed]).toEqual([[], []]);
    press(["0"], QUIET_MS_MIN);
    press([..."004711", "Enter"], 3);
    expect(cards).toEqual(["0004711"]);
  });

  it("lets keys like Escape through at once, and a card soon after somebody typed", () => {
    const { cards, typed, press, wait } = makeReader();
    press(["Escape"], 0);
    press(["5"], 200);
    wait(QUIET_MS_MIN);
    press([..."0004711", "Enter"], 5);
    expect(typed).toEqual(["Escape", "5"]);
    expect(cards).toEqual(["0004711"]);
  });

  it("never types a key of a fast burst that is long enough for a token", () => {
    const character = fc.constantFrom(..."0123456789ABCdef-;");
    fc.assert(
      fc.property(
        fc.array(character, { minLength: TOKEN_LENGTH_MIN, maxLength: TOKEN_LENGTH_MAX }),
        fc.integer({ min: 0, max: KEY_GAP_MS_MAX - 1 }),
        fc.boolean(),
        (keys, gapMs, isTorn) => {
          const { cards, typed, press, wait } = makeReader();
          press(isTorn ? keys : [...keys, "Enter"], gapMs);
          wait(1000);
          expect(typed).toEqual([]);
          expect(cards).toEqual(isTorn ? [] : [keys.join("")]);
        },
      ),
    );
  });

  it("reads the key that a Chinese input method holds back", () => {
    expect(keyMeant({ key: "Process", code: "Digit7" })).toBe("7");
    expect(keyMeant({ key: "Process", code: "KeyA" })).toBe("A");
    expect(keyMeant({ key: "Enter", code: "Enter" })).toBe("Enter");
  });
});
