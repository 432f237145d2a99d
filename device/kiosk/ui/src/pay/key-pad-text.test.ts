import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pressAmountKey, pressTextKey } from "./key-pad-text.ts";

const keyIn = (keys: string): number => [...keys].reduce((amount, key) => pressAmountKey(amount, key), 0);

describe("amount pad", () => {
  it("shifts digits in from the right, as on a till", () => {
    expect(keyIn("1250")).toBe(1250);
    expect(pressAmountKey(1250, "Backspace")).toBe(125);
    expect(pressAmountKey(1250, "Delete")).toBe(0);
  });

  it("stays a whole number of fen within its bound, whatever is pressed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(..."0123456789", "Backspace", "Delete", "x", ".", "-")),
        (keys) => {
          const amount = keys.reduce((sum, key) => pressAmountKey(sum, key), 0);
          expect(Number.isSafeInteger(amount)).toBe(true);
          expect(amount).toBeGreaterThanOrEqual(0);
          expect(amount).toBeLessThanOrEqual(9_999_999);
        },
      ),
    );
  });
});

describe("text pad", () => {
  it("takes what is allowed up to its length, and takes it back", () => {
    expect(pressTextKey("12", "3", 3, /^\d$/)).toBe("123");
    expect(pressTextKey("123", "4", 3, /^\d$/)).toBe("123");
    expect(pressTextKey("12", "x", 3, /^\d$/)).toBe("12");
    expect(pressTextKey("12", "Backspace", 3, /^\d$/)).toBe("1");
    expect(pressTextKey("12", "Delete", 3, /^\d$/)).toBe("");
  });
});
