import { describe, expect, test } from "vitest";
import { orderLine, purchaseOrder, type ReceivingRig, receivingRig } from "./receiving-fixture.ts";
import type { Signer } from "./receiving-port.ts";

/** Others act while somebody weighs: a second keeper at the same page, and the buyer in the office. */

const MANAGER: Signer = { by: "pin", operatorId: "manager", pin: "1" };
const SECOND: Signer = { by: "pin", operatorId: "second", pin: "1" };

async function weighing(): Promise<ReceivingRig> {
  const rig = receivingRig();
  rig.receive([purchaseOrder("po-1", [orderLine("1"), orderLine("2")])]);
  await rig.act({ kind: "choose-delivery", orderId: "po-1" });
  await rig.act({ kind: "choose-line", lineId: "1" });
  return rig;
}

function kinds(rig: ReceivingRig): string[] {
  return rig.journal.readAfter(0, { countMax: 100, bytesMax: 1e6 }).map(({ kind }) => kind);
}

describe("two hands at one place", () => {
  test("that press at once take one pan", async () => {
    const rig = await weighing();
    rig.put(5000);
    const both = [
      rig.receiving.command("keeper", { kind: "take" }),
      rig.receiving.command("manager", { kind: "take" }),
    ];
    const answers = await Promise.all(both);
    expect(answers).toMatchObject([{ kind: "taken" }, { kind: "refused", reason: "busy" }]);
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "refused", gate: "not-returned-to-zero" });
    expect(kinds(rig).filter((kind) => kind === "weighin.accepted")).toHaveLength(1);
  });

  test("one that cancels while the other's question is signed leaves one outcome and nothing on record", async () => {
    const rig = await weighing();
    rig.put(20_000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "asked" });
    const signed = rig.receiving.command("keeper", {
      kind: "override",
      reasonId: "needed",
      signer: { by: "face" },
    });
    const cancelled = rig.receiving.command("manager", { kind: "cancel" });
    expect(await cancelled).toEqual({ kind: "done" });
    expect(await signed).toMatchObject({ kind: "not-signed", outcome: { reason: "cancelled" } });
    expect(rig.receiving.view().activity.kind).toBe("asking");
    expect(await rig.act({ kind: "cancel" })).toEqual({ kind: "done" });
    expect(kinds(rig)).not.toContain("weighin.accepted");
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "asked" });
  });
});

describe("an order that is withdrawn while its goods are on the pan", () => {
  const cancelled = {
    ...purchaseOrder("po-1", [orderLine("1"), orderLine("2")], 2),
    status: "cancelled" as const,
  };

  test("ends what was frozen under the version it was frozen in, and lets nothing more in unseen", async () => {
    const rig = await weighing();
    rig.put(20_000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "asked", mismatches: ["over"] });
    rig.receive([cancelled]);
    expect(await rig.act({ kind: "override", reasonId: "needed", signer: MANAGER })).toMatchObject({
      kind: "taken",
    });
    const taken = rig.journal.entryBySeq(rig.journal.head().seq);
    expect(taken).toMatchObject({ kind: "weighin.accepted", body: { order: { version: 1 } } });
    rig.put(0);
    rig.put(5000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "refused", reason: "order-changed" });
    expect(await rig.act({ kind: "choose-order-version", version: 2 })).toEqual({ kind: "done" });
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "refused", reason: "order-closed" });
  });

  test("goes back as a whole once what was taken is struck", async () => {
    const rig = await weighing();
    rig.put(5000);
    const taken = await rig.act({ kind: "take" });
    if (taken.kind !== "taken") throw new Error(JSON.stringify(taken));
    rig.receive([cancelled]);
    expect(await rig.act({ kind: "choose-order-version", version: 2 })).toEqual({ kind: "done" });
    const refuse = { kind: "refuse-delivery", reasonId: "not-fresh", signer: SECOND } as const;
    expect(await rig.act(refuse)).toMatchObject({ reason: "goods-already-taken" });
    const { weighInId } = taken.weighIn;
    expect(await rig.act({ kind: "strike", weighInId, reasonId: "wrong-line", signer: null })).toEqual({
      kind: "done",
    });
    expect(await rig.act(refuse)).toEqual({ kind: "closed", outcome: "refused" });
  });
});
