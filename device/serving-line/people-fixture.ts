import { fen } from "../platform/units.ts";
import { GalleryBounds } from "../roster/identity-bounds.ts";
import type {
  DisputeBook,
  IdentityBounds,
  MatchThresholds,
  PersonBar,
} from "../roster/identity-bounds-port.ts";
import type { AccountBase, Person, PinCheck, PinVerifier, Roster } from "../roster/roster-port.ts";

/** People of the tests of this folder, their PINs and who of them looks like whom. For tests only. */

export function person(personId: string, change: Partial<Person> = {}): Person {
  return {
    personId,
    number: `no-${personId}`,
    displayName: `name of ${personId}`,
    groupName: "class 1",
    kind: "student",
    active: true,
    allergens: [],
    limits: { perChargeFenMax: null, perDayFenMax: null, overdraftFenMax: null, blockedPeriodIds: [] },
    ...change,
  };
}

/** A roster in memory; a card's token is the person's id behind "card-". */
export class TestRoster implements Roster {
  readonly people = new Map<string, Person>();
  readonly accounts = new Map<string, AccountBase>();

  add(added: Person, balanceFen = 10_000): void {
    this.people.set(added.personId, added);
    this.accounts.set(added.personId, { balanceFen: fen(balanceFen), throughSeq: 0 });
  }
  person(personId: string): Person | undefined {
    return this.people.get(personId);
  }
  personByNumber(number: string): Person | undefined {
    return [...this.people.values()].find((one) => one.number === number);
  }
  personByCard(cardToken: string): Person | undefined {
    return this.people.get(cardToken.replace(/^card-/, ""));
  }
  find(): Person[] {
    return [...this.people.values()];
  }
  account(personId: string): AccountBase | undefined {
    return this.accounts.get(personId);
  }
  consents(): [] {
    return [];
  }
  /** Whose guardian withdrew, while the engine still knows the face. */
  readonly withdrawn = new Set<string>();
  hasConsent(personId: string): boolean {
    return !this.withdrawn.has(personId);
  }
  version(): number {
    return 1;
  }
  counts(): { people: number; withTemplate: number } {
    return { people: this.people.size, withTemplate: this.people.size };
  }
}

/** 0.5 and a lead of 0.1 for everybody; pairs that a test says are alike. */
export class TestBounds implements IdentityBounds {
  readonly #configured: GalleryBounds;
  readonly twins: (readonly [string, string])[] = [];

  constructor(disputes: DisputeBook = { disputesOf: () => [] }) {
    this.#configured = new GalleryBounds({
      disputes,
      uncalibrated: () => ({ similarityMin: 0.5, marginMin: 0.1 }),
      disputedSimilarityMax: () => 0.85,
    });
  }
  thresholds(model: string): MatchThresholds {
    return this.#configured.thresholds(model);
  }
  barOf(personId: string, model: string): PersonBar {
    const bar = this.#configured.barOf(personId, model);
    const alike = this.twins
      .filter((pair) => pair.includes(personId))
      .flat()
      .filter((other) => other !== personId)
      .map((other) => ({ personId: other, similarity: 0.9, source: "gallery" as const }));
    return { ...bar, lookAlikes: [...alike, ...bar.lookAlikes] };
  }
}

/** PIN of everyone is "1234"; three wrong ones lock. */
export class TestPins implements PinVerifier {
  readonly #roster: Roster;
  #wrong = 0;
  /** Replaced by tests that need the check to hang or to fail. */
  answer: (() => Promise<PinCheck>) | null = null;

  constructor(roster: Roster) {
    this.#roster = roster;
  }
  check(number: string, pin: string): Promise<PinCheck> {
    if (this.answer !== null) return this.answer();
    const found = this.#roster.personByNumber(number);
    if (this.#wrong >= 3) return Promise.resolve({ kind: "locked", untilMs: 99_000 });
    if (found !== undefined && pin === "1234")
      return Promise.resolve({ kind: "ok", personId: found.personId });
    this.#wrong += 1;
    return Promise.resolve({ kind: "wrong", attemptsLeft: 3 - this.#wrong });
  }
}
