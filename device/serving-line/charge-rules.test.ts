import { describe, expect, it } from "vitest";
import { fen } from "../platform/units.ts";
import {
  type ChargeLimits,
  type DinerFacts,
  decideCharge,
  type TillFacts,
  tillRefusal,
} from "./charge-rules.ts";
import { REFUSAL_TEXT } from "./refusal-text.ts";
import { person, plan } from "./serving-line-fixture.ts";
import { REFUSAL_REASONS, type RefusalReason } from "./serving-line-port.ts";

const [lunch] = plan().periods;
if (lunch === undefined) throw new Error("the fixture has a lunch");
const DAY_MS = 86_400_000;

const limits: ChargeLimits = {
  perChargeFenMax: fen(5000),
  perDayFenMax: fen(9000),
  overdraftFenMax: fen(0),
  offlinePerPersonFenMax: fen(8000),
  offlineTotalFenMax: fen(100_000),
  offlineMsMax: 30 * DAY_MS,
  offlineEntriesMax: 1000,
};
const openTill: TillFacts = {
  tillOpen: true,
  cameraFree: true,
  clockTrusted: true,
  period: lunch,
  oldestUnacknowledgedAgeMs: null,
  unacknowledgedFen: fen(0),
  unacknowledgedEntries: 0,
  diskSafe: true,
};
const peanuts = { id: "p", name: { zh: "花生", en: "Peanuts" }, priceFen: fen(6200), allergens: ["peanut"] };
const diner: DinerFacts = {
  person: person("p-1"),
  kindsServed: ["student", "staff"],
  mealClaimed: false,
  furtherMealAllowed: false,
  priced: { kind: "priced", priceFen: fen(1200), items: [] },
  allergensConfirmed: [],
  balanceFen: fen(10_000),
  spentTodayFen: fen(0),
  unacknowledgedOfPersonFen: fen(0),
};

type Facts = { till: TillFacts; diner: DinerFacts };
type Break = (facts: Facts) => Facts;
const till =
  (change: Partial<TillFacts>): Break =>
  (facts) => ({ ...facts, till: { ...facts.till, ...change } });
const who =
  (change: Partial<DinerFacts>): Break =>
  (facts) => ({ ...facts, diner: { ...facts.diner, ...change } });
const them =
  (change: Parameters<typeof person>[1]): Break =>
  (facts) => ({
    ...facts,
    diner: { ...facts.diner, person: { ...(facts.diner.person ?? person("p-1")), ...change } },
  });
const all =
  (...breaks: Break[]): Break =>
  (facts) =>
    breaks.reduce((broken, one) => one(broken), facts);

/** How each reason comes about on its own. The compiler asks for every reason. */
const BREAKS: Readonly<Record<RefusalReason, Break>> = {
  "till-closed": till({ tillOpen: false }),
  "camera-in-use": till({ cameraFree: false }),
  "clock-untrusted": till({ clockTrusted: false }),
  "no-meal-now": till({ period: null }),
  "person-unknown": who({ person: undefined }),
  "person-inactive": them({ active: false }),
  "person-kind-not-served": them({ kind: "guest" }),
  "meal-already-charged": who({ mealClaimed: true }),
  "period-blocked-by-guardian": (facts) =>
    them({ limits: { ...person("p").limits, ...facts.diner.person?.limits, blockedPeriodIds: ["lunch"] } })(
      facts,
    ),
  "allergy-not-confirmed": all(
    them({ allergens: ["peanut"] }),
    who({ priced: { kind: "priced", priceFen: fen(1200), items: [{ ...peanuts, priceFen: fen(1200) }] } }),
  ),
  "amount-missing": who({ priced: { kind: "unpriced", reason: "amount-missing" } }),
  "amount-out-of-range": who({ priced: { kind: "unpriced", reason: "amount-out-of-range" } }),
  // Student: 200 fen are the school's, so 5201 is what goes one fen over 5000.
  "charge-limit": who({ priced: { kind: "priced", priceFen: fen(5201), items: [] } }),
  "day-limit": who({ spentTodayFen: fen(8001) }),
  "balance-too-low": who({ balanceFen: fen(999) }),
  "offline-too-long": till({ oldestUnacknowledgedAgeMs: 30 * DAY_MS + 1 }),
  "offline-person-limit": who({ unacknowledgedOfPersonFen: fen(7001) }),
  "offline-total-limit": till({ unacknowledgedFen: fen(99_001) }),
  "disk-unsafe": till({ diskSafe: false }),
};

const reasonOf = (...breaks: Break[]): RefusalReason | "allowed" => {
  const facts = all(...breaks)({ till: openTill, diner });
  const decision = decideCharge(facts.till, facts.diner, limits);
  return decision.kind === "allowed" ? "allowed" : decision.reason;
};

describe("the rules of a charge", () => {
  it("allow an ordinary lunch at the price less the subsidy", () => {
    expect(decideCharge(openTill, diner, limits)).toEqual({
      kind: "allowed",
      price: { priceFen: 1200, subsidyFen: 200, amountFen: 1000 },
    });
  });

  it.each(REFUSAL_REASONS)("say %s when that alone is wrong", (reason) => {
    expect(reasonOf(BREAKS[reason])).toBe(reason);
  });

  it("give the first reason of the documented order, for every two that hold at once", () => {
    for (const [index, first] of REFUSAL_REASONS.entries()) {
      for (const second of REFUSAL_REASONS.slice(index + 1)) {
        // Each of these replaces the order, and there is one order at a time.
        const exclusive = ["amount-missing", "amount-out-of-range", "allergy-not-confirmed", "charge-limit"];
        if (exclusive.includes(first) && exclusive.includes(second)) continue;
        // The later one is broken first, so that neither overwrites the other's facts.
        expect(reasonOf(BREAKS[second], BREAKS[first]), `${first} before ${second}`).toBe(first);
      }
    }
  });

  it("hold at their exact borders", () => {
    expect(reasonOf(who({ balanceFen: fen(1000) }))).toBe("allowed");
    expect(reasonOf(who({ spentTodayFen: fen(8000) }))).toBe("allowed");
    expect(reasonOf(who({ priced: { kind: "priced", priceFen: fen(5200), items: [] } }))).toBe("allowed");
    expect(reasonOf(who({ unacknowledgedOfPersonFen: fen(7000) }))).toBe("allowed");
    expect(reasonOf(till({ unacknowledgedFen: fen(99_000) }))).toBe("allowed");
    expect(reasonOf(till({ oldestUnacknowledgedAgeMs: 30 * DAY_MS }))).toBe("allowed");
    expect(reasonOf(till({ unacknowledgedEntries: 999 }))).toBe("allowed");
    expect(reasonOf(till({ unacknowledgedEntries: 1000 }))).toBe("offline-total-limit");
  });

  it("put a person's own limits before the school's, tighter or looser, and zero is a limit", () => {
    const own = (change: Partial<ReturnType<typeof person>["limits"]>): Break =>
      them({ limits: { ...person("p").limits, ...change } });
    expect(reasonOf(own({ perChargeFenMax: fen(999) }))).toBe("charge-limit");
    expect(reasonOf(own({ perChargeFenMax: fen(0) }))).toBe("charge-limit");
    expect(reasonOf(BREAKS["charge-limit"], own({ perChargeFenMax: fen(6000) }))).toBe("allowed");
    expect(reasonOf(own({ perDayFenMax: fen(999) }))).toBe("day-limit");
    expect(reasonOf(BREAKS["balance-too-low"], own({ overdraftFenMax: fen(1) }))).toBe("allowed");
    expect(reasonOf(own({ blockedPeriodIds: ["dinner"] }))).toBe("allowed");
  });

  it("serve a meal that costs the family nothing, whatever they owe or have spent", () => {
    const free = who({ priced: { kind: "priced", priceFen: fen(200), items: [] } });
    for (const reason of [
      "balance-too-low",
      "day-limit",
      "offline-person-limit",
      "offline-total-limit",
    ] as const)
      expect(reasonOf(free, BREAKS[reason], who({ balanceFen: fen(-500) })), reason).toBe("allowed");
    for (const reason of ["offline-too-long", "disk-unsafe", "meal-already-charged"] as const)
      expect(reasonOf(free, BREAKS[reason]), reason).toBe(reason);
    expect(reasonOf(free, till({ unacknowledgedEntries: 1000 }))).toBe("offline-total-limit");
  });

  it("let an operator allow a further meal, and nothing else", () => {
    const allowed = who({ furtherMealAllowed: true });
    expect(reasonOf(BREAKS["meal-already-charged"], allowed)).toBe("allowed");
    for (const reason of REFUSAL_REASONS.filter((one) => one !== "meal-already-charged"))
      expect(reasonOf(BREAKS[reason], allowed), reason).toBe(reason);
  });

  it("serve a person with an allergy once they confirmed, or when the dish is harmless", () => {
    expect(reasonOf(BREAKS["allergy-not-confirmed"], who({ allergensConfirmed: ["peanut"] }))).toBe(
      "allowed",
    );
    expect(reasonOf(BREAKS["allergy-not-confirmed"], who({ allergensConfirmed: "all" }))).toBe("allowed");
    // Warned of another one: the press was not for this.
    expect(reasonOf(BREAKS["allergy-not-confirmed"], who({ allergensConfirmed: ["milk"] }))).toBe(
      "allergy-not-confirmed",
    );
    expect(
      reasonOf(
        them({ allergens: ["milk"] }),
        who({
          priced: { kind: "priced", priceFen: fen(1200), items: [{ ...peanuts, priceFen: fen(1200) }] },
        }),
      ),
    ).toBe("allowed");
  });
});

describe("the closed till", () => {
  it.each(["till-closed", "clock-untrusted", "no-meal-now", "offline-too-long", "disk-unsafe"] as const)(
    "says %s",
    (reason) => {
      expect(tillRefusal(BREAKS[reason]({ till: openTill, diner }).till, limits)).toBe(reason);
    },
  );

  it("is open when nothing concerns everyone, and when only money is short", () => {
    expect(tillRefusal(openTill, limits)).toBeNull();
    expect(tillRefusal({ ...openTill, unacknowledgedFen: fen(1e9) }, limits)).toBeNull();
  });
});

describe("the text of a refusal", () => {
  it.each(REFUSAL_REASONS)(
    "for %s says what happened and what to do, in Chinese and English, short enough to be read",
    (reason) => {
      const { message, hint } = REFUSAL_TEXT[reason];
      for (const { zh, en } of [message, hint]) {
        expect(zh).toMatch(/^[\u3000-\u9fff\uff00-\uffef“”]+$/);
        expect(en).toMatch(/^[\x20-\x7e]+$/);
      }
      expect(message.zh.length).toBeLessThanOrEqual(16);
      expect(message.en.length).toBeLessThanOrEqual(60);
    },
  );

  it("is not the same for two reasons", () => {
    const messages = Object.values(REFUSAL_TEXT).map(({ message }) => message.zh);
    expect(new Set(messages).size).toBe(REFUSAL_REASONS.length);
  });
});
