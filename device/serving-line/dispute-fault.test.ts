import { describe, expect, it } from "vitest";
import type { Projection } from "../journal/journal-port.ts";
import { verifyJournal } from "../journal/verify.ts";
import { Crash, crashAtEachStep } from "./crash-fixture.ts";
import { ledgerProjection } from "./ledger.ts";
import {
  diskFault,
  intercepted,
  kindsOf,
  LINE_PROJECTIONS,
  type LineFixture,
  lineFixture,
  payByFace,
  press,
  view,
} from "./serving-line-fixture.ts";

const TAKEN_BACK = ["charge.made", "charge.voided", "identity.disputed"];
const notMe = (fixture: LineFixture): Promise<void> => press(fixture, "not-me");

describe("a disk that fails while a charge is taken back", () => {
  function failing(): {
    readonly fixture: LineFixture;
    readonly control: { when: "never" | "before" | "after" };
  } {
    const control = { when: "never" as "never" | "before" | "after" };
    const fixture = lineFixture({
      journalOf: (journal) =>
        intercepted(journal, (method, call) => {
          if (method !== "transact" || control.when === "never") return call();
          if (control.when === "after") call();
          throw diskFault("disk-failed");
        }),
    });
    return { fixture, control };
  }

  it("before the commit: nothing is given back, nobody is told so, and sales stop", async () => {
    const { fixture, control } = failing();
    await payByFace(fixture);
    control.when = "before";
    await notMe(fixture);
    expect(view(fixture)).toMatchObject({ kind: "refused", reason: "disk-unsafe" });
    expect(kindsOf(fixture)).toEqual(["charge.made"]);
    expect(fixture.balanceFen("p-1")).toBe(9000);
    control.when = "never";
    await fixture.clock.advance(8000);
    expect(view(fixture).kind).toBe("idle");
  });

  it("after the commit: it was given back once, and the trial says that the charge was there", async () => {
    const { fixture, control } = failing();
    await payByFace(fixture);
    control.when = "after";
    await notMe(fixture);
    expect(view(fixture)).toMatchObject({ kind: "refused", reason: "disk-unsafe" });
    control.when = "never";
    await fixture.clock.advance(8000);
    expect(kindsOf(fixture)).toEqual([...TAKEN_BACK, "device.fault"]);
    expect(fixture.balanceFen("p-1")).toBe(10_000);
    expect(fixture.ledger.balanceFen("p-1", fixture.roster.account("p-1"))).toBe(10_000);
  });

  it("at the question of how sure a match must be closes the till: what cannot be read is no match", async () => {
    const broken = { now: false };
    const fixture = lineFixture();
    const read = fixture.bounds.barOf.bind(fixture.bounds);
    fixture.bounds.barOf = (personId, model) => {
      if (broken.now) throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_READ" });
      return read(personId, model);
    };
    broken.now = true;
    await payByFace(fixture);
    expect(view(fixture)).toEqual({ kind: "closed", reason: "disk-unsafe" });
    expect(kindsOf(fixture)).toEqual([]);
  });
});

describe("a crash between any two steps of taking a charge back", () => {
  it("leaves the charge, or its void with the dispute; after the restart the diner's balance is whole", async () => {
    const wholeAfterCrash: boolean[] = [];
    const steps = await crashAtEachStep(async (step, crashAt) => {
      const armed = { now: false };
      const around = (_: string, call: () => unknown): unknown => (armed.now ? step(call) : call());
      const projection: Projection = {
        ...ledgerProjection,
        apply: (db, entry) => around("apply", () => ledgerProjection.apply(db, entry)),
      };
      const fixture = lineFixture({
        projection,
        journalOf: (journal) => intercepted(journal, around),
        rosterOf: (roster) => intercepted(roster, around),
        ledgerOf: (ledger) => intercepted(ledger, around),
        disputesOf: (disputes) => intercepted(disputes, around),
      });
      await payByFace(fixture);
      armed.now = true;
      const crashed = await notMe(fixture).then(
        () => false,
        (error: unknown) => {
          if (error instanceof Crash) return true;
          throw error;
        },
      );
      armed.now = false;
      const kinds = kindsOf(fixture);
      const takenBack = kinds.length > 1;
      expect(kinds, `crash at ${crashAt}`).toEqual(takenBack ? TAKEN_BACK : ["charge.made"]);
      const told = fixture.told.some(({ view: shown }) => shown.kind === "not-me");
      if (told) expect(takenBack, `given back was shown, crash at ${crashAt}`).toBe(true);
      wholeAfterCrash.push(crashed && takenBack);

      await fixture.line.close();
      const restarted = lineFixture({ after: fixture });
      const balanceFen = restarted.ledger.balanceFen("p-1", restarted.roster.account("p-1"));
      expect(balanceFen, `crash at ${crashAt}`).toBe(takenBack ? 10_000 : 9000);
      await restarted.line.command({ kind: "card", cardToken: "card-p-1" });
      expect(view(restarted).kind).toBe(takenBack ? "paid" : "refused");
      expect(restarted.balanceFen("p-1")).toBe(9000);
      expect(verifyJournal(restarted.file, LINE_PROJECTIONS).ok).toBe(true);
      return crashed;
    });
    // Both sides of the commit were crashed upon, or this test would prove nothing.
    expect(steps).toBeGreaterThan(10);
    expect(wholeAfterCrash).toContain(true);
    expect(wholeAfterCrash).toContain(false);
  });
});
