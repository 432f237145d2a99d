import { describe, expect, it } from "vitest";
import { type JournalFixture, journalFixture } from "../journal/journal-fixture.ts";
import { verifyJournal } from "../journal/verify.ts";
import { fen } from "../platform/units.ts";
import type { ChargeMade } from "./entries.ts";
import {
  ChargeNotVoidable,
  createLedger,
  LEDGER_READS,
  type Ledger,
  ledgerProjection,
  MealAlreadyClaimed,
} from "./ledger.ts";

interface Fixture extends JournalFixture {
  readonly ledger: Ledger;
  made(change?: Partial<ChargeMade>): string;
  voided(chargeId: string, change?: { amountFen?: number; personId?: string }): void;
}

function fixture(): Fixture {
  const base = journalFixture({ projections: [ledgerProjection] });
  const { journal, ids } = base;
  return {
    ...base,
    ledger: createLedger(base.db),
    made(change = {}) {
      const id = ids.next();
      journal.append({ id, kind: "charge.made", body: { ...body(id), ...change } });
      return id;
    },
    voided(chargeId, change = {}) {
      const { personId, businessDate, periodId, claimNo, amountFen } = body(chargeId);
      const voiding = {
        chargeId,
        personId,
        businessDate,
        periodId,
        claimNo,
        amountFen,
        operatorId: "op",
        reason: "wrong tray",
        ...change,
      };
      journal.append({ id: ids.next(), kind: "charge.voided", body: voiding });
    },
  };
}

function body(chargeId: string): ChargeMade {
  return {
    chargeId,
    personId: "p-1",
    businessDate: "2026-09-01",
    periodId: "lunch",
    periodName: { zh: "午餐", en: "Lunch" },
    claimNo: 1,
    priceFen: 1200,
    subsidyFen: 200,
    amountFen: 1000,
    items: [],
    allergensConfirmed: [],
    method: "card",
    activation: "touch",
    operatorId: null,
    overrideReason: null,
    decision: null,
    question: null,
    mealPlanVersion: "1",
  };
}

const MEAL = { personId: "p-1", businessDate: "2026-09-01", periodId: "lunch" };

describe("the ledger", () => {
  it("cannot hold two charges of one person for one meal: the second entry is not there at all", () => {
    const { made, journal, ledger } = fixture();
    made();
    const before = journal.head();
    expect(() => made()).toThrow(MealAlreadyClaimed);
    expect(journal.head()).toEqual(before);
    expect(ledger.balanceFen("p-1", undefined)).toBe(-1000);
    // Another meal, day, person or number is another claim.
    made({ periodId: "dinner" });
    made({ businessDate: "2026-09-02" });
    made({ personId: "p-2" });
    made({ claimNo: 2, operatorId: "op", overrideReason: "still hungry" });
    expect(ledger.claims(MEAL).map(({ claimNo }) => claimNo)).toEqual([1, 2]);
  });

  it("refuses it in the table itself, whoever writes", () => {
    const { made, db } = fixture();
    const chargeId = made();
    const insert = db.prepare(
      "INSERT INTO meal_claim (person_id, business_date, period_id, claim_no, charge_id) SELECT person_id, business_date, period_id, claim_no, 'x' FROM meal_claim WHERE charge_id = ?",
    );
    expect(() => insert.run(chargeId)).toThrow(/constraint/i);
  });

  it("gives the money and the meal back with a void, once", () => {
    const { made, voided, ledger, journal } = fixture();
    const first = made();
    voided(first);
    expect(ledger.balanceFen("p-1", undefined)).toBe(0);
    expect(ledger.claims(MEAL)).toEqual([]);
    expect(ledger.charge(first)).toMatchObject({ voided: true, amountFen: 1000 });
    expect(ledger.spentFen("p-1", "2026-09-01")).toBe(0);
    const head = journal.head();
    expect(() => voided(first)).toThrow(ChargeNotVoidable);
    expect(journal.head()).toEqual(head);
    made();
    expect(ledger.balanceFen("p-1", undefined)).toBe(-1000);
  });

  it("gives back neither another amount, nor to another person, nor for a charge that never was", () => {
    const { made, voided, ids, ledger } = fixture();
    const chargeId = made();
    expect(() => voided(chargeId, { amountFen: 1001 })).toThrow(ChargeNotVoidable);
    expect(() => voided(chargeId, { personId: "p-2" })).toThrow(ChargeNotVoidable);
    expect(() => voided(ids.next())).toThrow(ChargeNotVoidable);
    expect(ledger.balanceFen("p-1", undefined)).toBe(-1000);
  });

  it.each([
    ["an amount that is not price less subsidy", { amountFen: 999 }],
    ["a negative amount", { priceFen: 100, subsidyFen: 200, amountFen: -100 }],
    ["a further meal without an operator", { claimNo: 2 }],
    ["a face without the evidence", { method: "face" as const }],
    ["evidence without a face", { decision: { model: "m", similarity: 0.9, margin: 0.5, frames: 3 } }],
    ["a date that is none", { businessDate: "2026-02-30" }],
  ])("does not take %s", (_, change) => {
    const { made, journal } = fixture();
    expect(() => made(change)).toThrow();
    expect(journal.head().seq).toBe(0);
  });

  it("adds to the cloud's balance only what the cloud has not counted yet", () => {
    const { made, voided, ledger } = fixture();
    const first = made();
    made({ periodId: "dinner", priceFen: 700, subsidyFen: 0, amountFen: 700 });
    made({ personId: "p-2" });
    voided(first);
    const balance = (throughSeq: number): number =>
      ledger.balanceFen("p-1", { balanceFen: fen(5000), throughSeq });
    expect([0, 1, 2, 3, 4, 99].map(balance)).toEqual([4300, 5300, 6000, 6000, 5000, 5000]);
  });

  it("knows what the cloud has not confirmed: for each person, for all, and since when", async () => {
    const { made, voided, ledger, clock, journal } = fixture();
    const first = made();
    await clock.advance(60_000);
    made({ personId: "p-2" });
    await clock.advance(60_000);
    voided(first);
    const startMs = clock.now() - 120_000;
    const at = (acked: number): unknown => [
      ledger.unacknowledgedFen(acked),
      ledger.unacknowledgedOfPersonFen("p-1", acked),
      ledger.unacknowledgedOfPersonFen("p-2", acked),
      ledger.oldestUnacknowledgedAtMs(acked),
    ];
    expect([at(0), at(1), at(2), at(3)]).toEqual([
      [1000, 0, 1000, startMs],
      [0, -1000, 1000, startMs + 60_000],
      [-1000, -1000, 0, startMs + 120_000],
      [0, 0, 0, null],
    ]);
    expect(journal.ackedSeq()).toBe(0);
  });

  it("counts meals and lists charges, newest first, the voided ones marked", () => {
    const { made, voided, ledger } = fixture();
    const first = made();
    const second = made({ personId: "p-2" });
    made({ personId: "p-3", periodId: "dinner" });
    voided(first);
    expect(ledger.servedCount("2026-09-01", "lunch")).toBe(1);
    expect(ledger.recentCharges(2).map(({ seq, voided: isVoided }) => [seq, isVoided])).toEqual([
      [3, false],
      [2, false],
    ]);
    expect(ledger.recentCharges(9).at(-1)).toMatchObject({ chargeId: first, voided: true });
    expect(ledger.charge(second)).toMatchObject({ personId: "p-2", voided: false });
  });

  it("counts anew after each charge and void, and after one that was taken back", () => {
    const { journal, made, voided, ledger } = fixture();
    const counts = () =>
      ["lunch", "dinner", "lunch"].map((periodId) => ledger.servedCount("2026-09-01", periodId));
    const first = made();
    made({ personId: "p-2" });
    expect(counts()).toEqual([2, 0, 2]);
    voided(first);
    expect(counts()).toEqual([1, 0, 1]);
    const takenBack = (): void =>
      journal.transact(() => {
        made({ personId: "p-4" });
        expect(counts()).toEqual([2, 0, 2]);
        throw new Error("taken back");
      });
    expect(takenBack).toThrow("taken back");
    // Under the number that the other one had.
    made({ personId: "p-4", periodId: "dinner" });
    expect(counts()).toEqual([1, 1, 1]);
  });

  it("answers every question by an index, so that weeks offline do not slow the line", () => {
    const { db } = fixture();
    for (const [read, sql] of Object.entries(LEDGER_READS)) {
      const steps = db
        .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
        .all(...Array.from({ length: sql.split("?").length - 1 }, () => 1));
      for (const { detail } of steps) expect(detail, `${read}: ${sql}`).toMatch(/^SEARCH /);
    }
  });

  it("can be rebuilt from the entries alone, row by row", () => {
    const { made, voided, file } = fixture();
    const first = made();
    made({ personId: "p-2" });
    voided(first);
    made();
    expect(verifyJournal(file, [ledgerProjection])).toMatchObject({ ok: true, entries: 4 });
  });

  it("is found out by the verification when somebody changed a balance beside the journal", () => {
    const { made, file, db } = fixture();
    made();
    db.prepare("UPDATE account_effect SET person_sum_fen = 0").run();
    const verification = verifyJournal(file, [ledgerProjection]);
    expect(verification.ok).toBe(false);
    expect(verification.projectionDifferences[0]).toMatchObject({ table: "account_effect" });
  });
});
