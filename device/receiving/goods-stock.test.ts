import fc from "fast-check";
import { expect, test } from "vitest";
import { journalFixture } from "../journal/journal-fixture.ts";
import { verifyJournal } from "../journal/verify.ts";
import { createGoodsLedger } from "./goods-ledger.ts";
import { goodsProjection } from "./goods-projection.ts";
import { orderLine, purchaseOrder, receivingRig } from "./receiving-fixture.ts";
import type { Signer } from "./receiving-port.ts";

const MANAGER: Signer = { by: "pin", operatorId: "manager", pin: "1" };

type Act =
  | { readonly kind: "take"; readonly grams: number }
  | { readonly kind: "send-back"; readonly grams: number }
  | { readonly kind: "weigh-out"; readonly grams: number }
  | { readonly kind: "strike"; readonly which: number };

const grams = fc.integer({ min: 20, max: 600 }).map((divisions) => divisions * 10);
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constant("take" as const), grams }),
  fc.record({ kind: fc.constant("send-back" as const), grams }),
  fc.record({ kind: fc.constant("weigh-out" as const), grams }),
  fc.record({ kind: fc.constant("strike" as const), which: fc.nat(20) }),
);

test("the balance is what came in less what went out, whatever is taken, sent back, weighed out and struck", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 12 }), async (acts) => {
      const rig = receivingRig();
      rig.receive([purchaseOrder("po-1", [orderLine("1", { quantity: "1000" })])]);
      /** What each weighing adds to the stock; struck ones are taken out again. */
      const known: { readonly id: string; readonly grams: number }[] = [];
      const weighed = async (mass: number, sign: -1 | 0 | 1, command: Parameters<typeof rig.act>[0]) => {
        rig.put(mass);
        let answer = await rig.act(command);
        if (answer.kind === "asked")
          answer = await rig.act({ kind: "override", reasonId: "needed", signer: MANAGER });
        if (answer.kind !== "taken") throw new Error(JSON.stringify(answer));
        known.push({ id: answer.weighIn.weighInId, grams: sign * mass });
        rig.put(0);
      };
      const atLine = async (): Promise<void> => {
        await rig.act({ kind: "choose-delivery", orderId: "po-1" });
        await rig.act({ kind: "choose-line", lineId: "1" });
      };
      await atLine();
      await weighed(5000, 1, { kind: "take" });
      const struck = new Set<string>();
      for (const next of acts) {
        if (next.kind === "take") await weighed(next.grams, 1, { kind: "take" });
        else if (next.kind === "send-back")
          await weighed(next.grams, 0, { kind: "reject-goods", reasonId: "not-fresh", weighed: true });
        else if (next.kind === "weigh-out") {
          await rig.act({ kind: "leave-line" });
          await rig.act({ kind: "leave-delivery" });
          const target = { kind: "meal", mealId: "lunch" } as const;
          expect(await rig.act({ kind: "start-issue", productId: "p-1", target })).toEqual({ kind: "done" });
          await weighed(next.grams, -1, { kind: "take" });
          await rig.act({ kind: "leave-issue" });
          await atLine();
        } else {
          const { id } = known[next.which % known.length] ?? { id: "" };
          const answer = await rig.act({
            kind: "strike",
            weighInId: id,
            reasonId: "wrong-line",
            signer: null,
          });
          expect(answer).toMatchObject(struck.has(id) ? { reason: "already-struck" } : { kind: "done" });
          struck.add(id);
        }
        const balanceG = known.reduce((sum, { id, grams: mass }) => (struck.has(id) ? sum : sum + mass), 0);
        expect(rig.receiving.stock().map((row) => row.balanceG)).toEqual([balanceG]);
      }
      expect(verifyJournal(rig.file, [goodsProjection])).toMatchObject({
        ok: true,
        projectionDifferences: [],
      });
    }),
    { numRuns: 12 },
  );
});

test("whoever signs by face is on record as having done so", async () => {
  const rig = receivingRig({
    more: {
      desk: {
        byPin: () => Promise.reject(new Error("nobody keys a PIN")),
        byFace: async () => ({
          kind: "signed",
          signature: { operatorId: "second", displayName: "second", by: "face" },
        }),
        signers: () =>
          ["keeper", "second"].map((operatorId) => ({ operatorId, displayName: "", faceKnown: true })),
      },
    },
  });
  rig.receive([purchaseOrder("po-1", [orderLine("1")])]);
  await rig.act({ kind: "choose-delivery", orderId: "po-1" });
  await rig.act({ kind: "choose-line", lineId: "1" });
  rig.put(10_000);
  expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "taken" });
  expect(await rig.act({ kind: "finish-line", decision: "accept", reasonId: null })).toEqual({
    kind: "done",
  });
  expect(await rig.act({ kind: "close-delivery", signer: { by: "face" } })).toMatchObject({ kind: "closed" });
  expect(rig.journal.entryBySeq(rig.journal.head().seq)?.body).toMatchObject({
    weighedBy: ["keeper"],
    signature: { operatorId: "second", by: "face" },
  });
});

test("what is there can be weighed out, however many names of before there are", () => {
  const { db } = journalFixture({ projections: [goodsProjection] });
  const add = db.prepare("INSERT INTO goods_stock VALUES (?, ?, ?, ?, 1)");
  db.transaction(() => {
    for (let index = 0; index < 2100; index++) add.run(`gone-${index}`, `A${index}`, 0, 0);
    add.run("kilos", "B", 5000, 0);
    add.run("boxes", "C", 0, 3);
    add.run("too much", "D", -10, 0);
  })();
  const rows = createGoodsLedger(db).stock();
  expect(rows).toHaveLength(2000);
  expect(rows.slice(-3).map(({ product }) => product.productId)).toEqual(["kilos", "boxes", "too much"]);
});
