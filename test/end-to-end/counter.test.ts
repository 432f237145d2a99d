import { describe, expect, it } from "vitest";
import { DEMO_PIN } from "../../scripts/reference-cloud/demo-roster.ts";
import { Counter, PayPage } from "./counter.ts";
import { openSchool, type School, until } from "./school.ts";

const balanceInCloud = ({ cloud }: School, personId: string): number | undefined =>
  cloud.ledger.all().find((person) => person.personId === personId)?.balanceFen;

describe("the counter", () => {
  it("takes a payment back: money and meal return at the terminal and in the cloud, and the person can pay again", async () => {
    const school = await openSchool();
    const terminal = await school.startTerminal();
    const before = balanceInCloud(school, "p-1003");
    const counter = await Counter.open(terminal);
    const page = await PayPage.open(terminal);
    const paid = page.next("paid");
    page.command({ kind: "card", cardToken: "C1003" });
    const { receipt } = await paid;
    const voided = await counter.ask("POST", `/charges/${receipt.chargeId}/void`, { reason: "wrong amount" });
    expect(voided).toMatchObject({ kind: "voided", balanceFen: receipt.balanceFen + receipt.amountFen });
    await until("the money back in the cloud", () => balanceInCloud(school, "p-1003") === before || null);
    expect(await counter.ask("POST", `/charges/${receipt.chargeId}/void`, { reason: "again" })).toEqual({
      kind: "refused",
      reason: "already-voided",
    });
    // While the first receipt is shown, the same card is the same card read twice.
    await until("the screen is free", () => page.views.at(-1)?.kind === "idle" || null);
    const again = page.next("paid", (view) => view.receipt.chargeId !== receipt.chargeId);
    page.command({ kind: "card", cardToken: "C1003" });
    expect((await again).receipt).toMatchObject({ personId: "p-1003", balanceFen: receipt.balanceFen });
    await until("receipts for all", () => terminal.sync.status().waitingCount === 0 || null);
    expect(balanceInCloud(school, "p-1003")).toBe(receipt.balanceFen);
  });

  it("takes number and PIN, and locks the number after too many wrong ones, the right one too", async () => {
    const school = await openSchool();
    const terminal = await school.startTerminal();
    const page = await PayPage.open(terminal);
    const paid = page.next("paid");
    page.command({ kind: "pin", number: "1003", pin: DEMO_PIN });
    expect((await paid).receipt).toMatchObject({ personId: "p-1003", method: "pin" });
    for (let no = 0; no < 20 && !page.views.some(isLocked); no++) {
      const refused = page.next("refused");
      page.command({ kind: "pin", number: "1004", pin: "0000" });
      await refused;
    }
    const locked = page.next("refused", isLocked);
    page.command({ kind: "pin", number: "1004", pin: DEMO_PIN });
    await locked;
    expect(terminal.servingLine.recentCharges(10).map(({ personId }) => personId)).toEqual(["p-1003"]);
    const card = page.next("paid");
    page.command({ kind: "card", cardToken: "C1004" });
    expect((await card).receipt).toMatchObject({ personId: "p-1004", method: "card" });
  });
});

const isLocked = (view: PayPage["views"][number]): boolean =>
  view.kind === "refused" && view.pin?.kind === "locked";
