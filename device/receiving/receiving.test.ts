/**
 * Over 400 lines because each story begins at the same place and reads the same record: deliveries, mismatches, tare,
 * striking and weighing out share one way in.
 */

import { describe, expect, test } from "vitest";
import { verifyJournal } from "../journal/verify.ts";
import { goodsProjection } from "./goods-projection.ts";
import {
  type HandScale,
  hashOf,
  LISTS,
  orderLine,
  purchaseOrder,
  type ReceivingRig,
  type RigOptions,
  receivingRig,
} from "./receiving-fixture.ts";
import type { DeliveryView, ReceivingAnswer, Signer } from "./receiving-port.ts";

const MANAGER: Signer = { by: "pin", operatorId: "manager", pin: "1" };
const SECOND: Signer = { by: "pin", operatorId: "second", pin: "1" };

/** An order of three lines of 10 kg; the first is being weighed. */
async function weighing(options: RigOptions = {}, first = orderLine("1")): Promise<ReceivingRig> {
  const rig = receivingRig(options);
  rig.receive([purchaseOrder("po-1", [first, orderLine("2"), orderLine("3")])]);
  expect(await rig.act({ kind: "choose-delivery", orderId: "po-1" })).toEqual({ kind: "done" });
  expect(await rig.act({ kind: "choose-line", lineId: "1" })).toEqual({ kind: "done" });
  return rig;
}

function delivery(rig: ReceivingRig): DeliveryView {
  const { step } = rig.receiving.view();
  if (!("delivery" in step)) throw new Error(`at ${step.kind}`);
  return step.delivery;
}

function lineOf(rig: ReceivingRig, lineId: string) {
  const line = delivery(rig).lines.find((known) => known.lineId === lineId);
  if (line === undefined) throw new Error(`no line ${lineId}`);
  return line;
}

async function takePan(
  rig: ReceivingRig,
  grams: number,
  scale: HandScale = rig.scale,
): Promise<ReceivingAnswer> {
  rig.put(grams, scale);
  return rig.act({ kind: "take" });
}

function newest(rig: ReceivingRig) {
  return rig.journal.entryBySeq(rig.journal.head().seq);
}

/** What the whole of a test must leave: an unbroken chain, and tables that follow from it. */
function expectVerified(rig: ReceivingRig): void {
  const found = verifyJournal(rig.file, [goodsProjection]);
  expect(found).toMatchObject({ ok: true, projectionDifferences: [] });
}

describe("a delivery", () => {
  test("is weighed, photographed, matched, signed and closed, and stock follows", async () => {
    const rig = await weighing();
    expect(await takePan(rig, 10_000)).toMatchObject({
      kind: "taken",
      weighIn: { netG: 10_000, quantity: "10", mismatches: [], photo: { kind: "taken", isOff: false } },
    });
    expect(newest(rig)).toMatchObject({
      kind: "weighin.accepted",
      timeTrust: "synced",
      body: {
        order: { orderId: "po-1", version: 1, supplierId: "s1" },
        line: { lineId: "1", quantity: "10" },
        operatorId: "keeper",
        weight: { netG: 10_000, scale: { scaleId: "one", verifiedOn: "2026-03-01", protocol: "stgs-text" } },
        photo: { photoSha256: hashOf(2), thumbnailSha256: hashOf(3) },
        verdict: "exact",
      },
    });
    expect(rig.claimed).toEqual([hashOf(2), hashOf(3)]);
    expect(rig.captions[0]?.[0]).toBe("货品1  10.000 kg");
    expect(lineOf(rig, "1")).toMatchObject({ receivedQuantity: "10", verdict: "exact", amountFen: 5000 });
    expect(await rig.act({ kind: "finish-line", decision: "accept", reasonId: null })).toEqual({
      kind: "done",
    });

    await rig.act({ kind: "choose-line", lineId: "2" });
    await takePan(rig, 9_200);
    expect(await rig.act({ kind: "finish-line", decision: "accept", reasonId: null })).toEqual({
      kind: "asked",
      mismatches: ["under"],
    });
    expect(rig.receiving.view().activity).toMatchObject({ kind: "asking", for: "finish-line" });
    expect(await rig.act({ kind: "override", reasonId: "needed", signer: MANAGER })).toEqual({
      kind: "done",
    });
    expect(newest(rig)).toMatchObject({
      kind: "delivery.line-finished",
      body: {
        decision: "accepted",
        verdict: "under",
        mismatches: ["under"],
        override: { operatorId: "manager", by: "pin", reasonId: "needed" },
        photo: { kind: "taken" },
      },
    });

    await rig.act({ kind: "choose-line", lineId: "3" });
    rig.put(5000);
    expect(await rig.act({ kind: "reject-goods", reasonId: "not-fresh", weighed: true })).toMatchObject({
      kind: "taken",
      weighIn: { kind: "rejected", netG: 5000 },
    });
    await rig.act({ kind: "finish-line", decision: "reject", reasonId: "not-fresh" });

    expect(await rig.act({ kind: "close-delivery", signer: SECOND })).toEqual({
      kind: "closed",
      outcome: "accepted-in-part",
    });
    expect(rig.asked.at(-1)).toEqual({ right: "keep", notOperatorIds: ["keeper"] });
    expect(newest(rig)).toMatchObject({
      kind: "delivery.closed",
      body: {
        outcome: "accepted-in-part",
        signature: { operatorId: "second", by: "pin" },
        weighedBy: ["keeper"],
        lines: [{ decision: "accepted" }, { decision: "accepted" }, { decision: "rejected" }],
      },
    });
    expect(rig.receiving.stock()).toMatchObject([{ balanceG: 10_000 }, { balanceG: 9200 }]);
    expect(rig.receiving.view().deliveries).toMatchObject([
      { state: "accepted-in-part", finishedLineCount: 3 },
    ]);
    expectVerified(rig);
  });

  test("the person who weighed is not the second person", async () => {
    const rig = await weighing();
    await takePan(rig, 10_000);
    await rig.act({ kind: "finish-line", decision: "accept", reasonId: null });
    for (const lineId of ["2", "3"]) {
      await rig.act({ kind: "choose-line", lineId });
      await rig.act({ kind: "finish-line", decision: "missing", reasonId: "not-delivered" });
    }
    const own: Signer = { by: "pin", operatorId: "keeper", pin: "1" };
    // Also when somebody else presses the button.
    expect(await rig.act({ kind: "close-delivery", signer: own }, "second")).toEqual({
      kind: "not-signed",
      outcome: { kind: "refused", reason: "same-person" },
    });
    expect(rig.receiving.signers("delivery").map(({ operatorId }) => operatorId)).toEqual([
      "second",
      "manager",
    ]);
    expect(rig.receiving.view().step.kind).toBe("delivery");
  });

  test("several pans on several scales make a line", async () => {
    const rig = await weighing();
    await takePan(rig, 4000);
    await takePan(rig, 3000);
    await rig.act({ kind: "choose-scale", scaleId: "two" });
    await takePan(rig, 2900, rig.other);
    expect(lineOf(rig, "1")).toMatchObject({ receivedG: 9900, receivedQuantity: "9.9", verdict: "within" });
    expect(lineOf(rig, "1").weighIns.map(({ scaleId }) => scaleId)).toEqual(["one", "one", "two"]);
    expect(await rig.act({ kind: "finish-line", decision: "accept", reasonId: null })).toEqual({
      kind: "done",
    });
  });

  test("nothing is taken twice off one pan", async () => {
    const rig = await weighing();
    await takePan(rig, 4000);
    rig.scale.say(4000);
    expect(await rig.act({ kind: "take" })).toEqual({
      kind: "refused",
      reason: "weight-not-ready",
      gate: "not-returned-to-zero",
    });
    expect(lineOf(rig, "1").receivedG).toBe(4000);
  });

  test("what was just taken is shown until the pan is empty", async () => {
    const rig = await weighing();
    await takePan(rig, 4000);
    expect(rig.receiving.view().activity).toMatchObject({ kind: "taken", weighIn: { netG: 4000 } });
    rig.scale.say(0);
    expect(rig.receiving.view().activity.kind).toBe("none");
  });

  test("a restart goes on where the record ends", async () => {
    const before = await weighing();
    await takePan(before, 4000);
    const rig = await before.restart();
    expect(rig.receiving.view()).toMatchObject({
      step: { kind: "choosing" },
      deliveries: [{ orderId: "po-1", state: "open" }],
    });
    const { seq } = rig.journal.head();
    await rig.act({ kind: "choose-delivery", orderId: "po-1" });
    expect(rig.journal.head().seq).toBe(seq);
    expect(lineOf(rig, "1")).toMatchObject({ receivedG: 4000, weighIns: [{ netG: 4000 }] });
    await rig.act({ kind: "choose-line", lineId: "1" });
    // The goods may still lie on the scale: they are not taken a second time.
    rig.scale.say(4000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ gate: "not-returned-to-zero" });
    expect(await takePan(rig, 6000)).toMatchObject({ kind: "taken" });
    expectVerified(rig);
  });

  test("a whole delivery goes back with a photo and a second name", async () => {
    const rig = await weighing();
    expect(await rig.act({ kind: "refuse-delivery", reasonId: "not-fresh", signer: SECOND })).toEqual({
      kind: "closed",
      outcome: "refused",
    });
    expect(newest(rig)).toMatchObject({
      body: { outcome: "refused", reasonId: "not-fresh", photo: { kind: "taken" } },
    });
    // The supplier comes again.
    expect(await rig.act({ kind: "choose-delivery", orderId: "po-1" })).toEqual({ kind: "done" });
    await rig.act({ kind: "choose-line", lineId: "1" });
    await takePan(rig, 10_000);
    expect(await rig.act({ kind: "refuse-delivery", reasonId: "not-fresh", signer: SECOND })).toMatchObject({
      reason: "goods-already-taken",
    });
    expectVerified(rig);
  });
});

describe("what does not match", () => {
  test("too much is asked about, and goes back or is let in by name", async () => {
    const rig = await weighing();
    expect(await takePan(rig, 10_600)).toEqual({ kind: "asked", mismatches: ["over"] });
    expect(rig.journal.entryBySeq(rig.journal.head().seq)?.kind).toBe("delivery.opened");
    expect(await rig.act({ kind: "override", reasonId: "needed", signer: SECOND })).toMatchObject({
      kind: "not-signed",
      outcome: { reason: "no-right" },
    });
    expect(rig.receiving.view().activity.kind).toBe("asking");
    expect(await rig.act({ kind: "override", reasonId: "needed", signer: MANAGER })).toMatchObject({
      kind: "taken",
      weighIn: { mismatches: ["over"], overriddenBy: "manager" },
    });
    // It was let in once; the line does not ask again.
    expect(await rig.act({ kind: "finish-line", decision: "accept", reasonId: null })).toEqual({
      kind: "done",
    });
    expectVerified(rig);
  });

  test("the pan that was asked about may be sent back as it lies there", async () => {
    const rig = await weighing();
    await takePan(rig, 20_000);
    rig.scale.say(300, { stable: false });
    expect(await rig.act({ kind: "reject-goods", reasonId: "not-fresh", weighed: true })).toMatchObject({
      kind: "taken",
      weighIn: { kind: "rejected", netG: 20_000 },
    });
    expect(rig.captions).toHaveLength(1);
    expect(lineOf(rig, "1")).toMatchObject({ receivedG: 0, rejectedQuantity: "20" });
  });

  test("short because a part went back is accepted in part without an override", async () => {
    const rig = await weighing();
    rig.put(4000);
    await rig.act({ kind: "reject-goods", reasonId: "not-fresh", weighed: true });
    await takePan(rig, 6000);
    expect(await rig.act({ kind: "finish-line", decision: "accept", reasonId: null })).toMatchObject({
      mismatches: ["under"],
    });
    expect(await rig.act({ kind: "cancel" })).toEqual({ kind: "done" });
    expect(await rig.act({ kind: "finish-line", decision: "accept-in-part", reasonId: "not-fresh" })).toEqual(
      { kind: "done" },
    );
    expect(lineOf(rig, "1").decision).toBe("accepted-in-part");
  });

  test("expiry, lot and temperature are asked for where the line wants them", async () => {
    const chilled = orderLine("1", { temperatureMilliCMax: 4000, lotRequired: true, shelfDaysMin: 5 });
    const rig = await weighing({}, chilled);
    expect(await takePan(rig, 10_000)).toMatchObject({
      mismatches: ["expiry-missing", "lot-missing", "temperature-missing"],
    });
    await rig.act({ kind: "cancel" });
    await rig.act({ kind: "set-goods", lot: "L1", expiry: "2026-09-05" });
    expect(await rig.act({ kind: "take-temperature", thermometerId: "probe", probe: "core" })).toMatchObject({
      reason: "temperature-not-read",
    });
    rig.thermometer.say(null, rig.clock.mono(), "open");
    expect(await rig.act({ kind: "take-temperature", thermometerId: "probe", probe: "core" })).toMatchObject({
      reason: "temperature-not-read",
    });
    rig.thermometer.say(6500, rig.clock.mono());
    await rig.act({ kind: "take-temperature", thermometerId: "probe", probe: "core" });
    expect(await rig.act({ kind: "take" })).toMatchObject({ mismatches: ["shelf-too-short", "too-warm"] });
    await rig.act({ kind: "cancel" });
    await rig.act({ kind: "set-goods", expiry: "2026-08-31" });
    expect(await rig.act({ kind: "take" })).toMatchObject({ mismatches: ["expired", "too-warm"] });
    await rig.act({ kind: "cancel" });
    await rig.act({ kind: "set-goods", expiry: "2026-09-06" });
    rig.thermometer.say(4000, rig.clock.mono());
    await rig.act({ kind: "take-temperature", thermometerId: "probe", probe: "core" });
    expect(await rig.act({ kind: "take" })).toMatchObject({
      kind: "taken",
      weighIn: { lot: "L1", expiry: "2026-09-06", temperatureMilliC: 4000 },
    });
  });

  test("another lot is measured anew, and a label that names no lot takes none away", async () => {
    const rig = await weighing({}, orderLine("1", { temperatureMilliCMax: 4000, gtins: ["06901234567892"] }));
    const label = { kind: "goods", gtin: "06901234567892", netG: null, expiry: null } as const;
    rig.codes.set("plain", { ...label, lot: null });
    rig.codes.set("L2", { ...label, lot: "L2" });
    const goods = () => rig.receiving.view().step;
    rig.thermometer.say(3000, rig.clock.mono());
    await rig.act({ kind: "take-temperature", thermometerId: "probe", probe: "core" });
    await rig.act({ kind: "set-goods", lot: "L1", expiry: "2026-12-31" });
    await rig.act({ kind: "scan", text: "plain" });
    const measured = { milliC: 3000 };
    expect(goods()).toMatchObject({ goods: { lot: "L1", expiry: "2026-12-31", temperature: measured } });
    await rig.act({ kind: "scan", text: "L2" });
    // What the label of the second lot does not say is not what the first one's said.
    expect(goods()).toMatchObject({ goods: { lot: "L2", expiry: null, temperature: null } });
    await rig.act({ kind: "take-temperature", thermometerId: "probe", probe: "core" });
    await rig.act({ kind: "set-goods", lot: "L3" });
    expect(goods()).toMatchObject({ goods: { lot: "L3", temperature: null } });
  });

  test("an old measurement is none", async () => {
    const rig = await weighing();
    rig.thermometer.say(3000, rig.clock.mono());
    await rig.clock.advance(10_001);
    expect(await rig.act({ kind: "take-temperature", thermometerId: "probe", probe: "core" })).toMatchObject({
      reason: "temperature-not-read",
    });
  });

  test("goods that nobody ordered go back on record, or are let in by name", async () => {
    const rig = await weighing();
    await rig.act({ kind: "choose-not-ordered", name: "冬瓜", gtin: "6901234567892" });
    rig.put(3000);
    await rig.act({ kind: "reject-goods", reasonId: "not-fresh", weighed: true });
    expect(await takePan(rig, 2000)).toEqual({ kind: "asked", mismatches: ["not-ordered"] });
    await rig.act({ kind: "override", reasonId: "needed", signer: MANAGER });
    expect(delivery(rig).lines.at(-1)).toMatchObject({
      lineId: null,
      product: { productId: "gtin:06901234567892", name: "冬瓜" },
      receivedQuantity: "2",
      rejectedQuantity: "3",
      verdict: "not-ordered",
    });
    expect(rig.receiving.stock()).toMatchObject([{ product: { name: "冬瓜" }, balanceG: 2000 }]);
    expectVerified(rig);
  });
});

describe("what a page is told", () => {
  test("is the lists to choose from, and nothing that stands beside them in the configuration", () => {
    const configured = { ...LISTS, camera: { kind: "http", url: "http://user:secret@camera/" } };
    const rig = receivingRig({ more: { lists: configured } });
    expect(rig.receiving.view()).toMatchObject({ containers: [{ id: "box" }], rejectReasons: [{}, {}] });
    expect(JSON.stringify(rig.receiving.view())).not.toContain("secret");
  });
});

describe("tare and units", () => {
  test("pieces are counted, and their boxes taken off", async () => {
    const boxes = orderLine("1", { unit: "piece", quantity: "12", packTareG: 250, priceFen: 800 });
    const rig = await weighing({}, boxes);
    rig.put(9000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ reason: "packs-missing" });
    // Goods that weigh something are not no pieces: the line could then neither be accepted nor be missing.
    await rig.act({ kind: "set-packs", count: 0 });
    expect(await rig.act({ kind: "take" })).toMatchObject({ reason: "packs-missing" });
    await rig.act({ kind: "set-packs", count: 12 });
    expect(await rig.act({ kind: "take" })).toMatchObject({
      weighIn: { netG: 6000, packCount: 12, quantity: "12" },
    });
    expect(lineOf(rig, "1")).toMatchObject({ verdict: "exact", amountFen: 9600 });
    expect(rig.receiving.stock()).toMatchObject([{ balanceG: 6000, balancePieces: 12 }]);
  });

  test("the record says which tare it was", async () => {
    const rig = await weighing();
    const tareOf = async (grams: number, more = {}) => {
      rig.put(0);
      rig.scale.say(grams, more);
      await rig.act({ kind: "take" });
      return newest(rig)?.body["weight"];
    };
    expect(await tareOf(1000)).toMatchObject({ tare: { kind: "none" }, netG: 1000 });
    expect(await tareOf(1000, { mode: "net", tare: "0.500" })).toMatchObject({
      tare: { kind: "scale-key", tareG: 500 },
      netG: 1000,
    });
    await rig.act({ kind: "scale-command", scaleId: "one", command: "tare" });
    expect(await tareOf(1000, { mode: "net" })).toMatchObject({ tare: { kind: "scale-key", tareG: null } });
    await rig.act({ kind: "set-tare", tare: { kind: "container", containerId: "box" } });
    expect(await tareOf(2500)).toMatchObject({
      tare: { kind: "container", containerId: "box", tareG: 1500 },
      shownG: 2500,
      netG: 1000,
    });
    await rig.act({ kind: "set-tare", tare: { kind: "keyed", tareG: 700 } });
    expect(await tareOf(1700)).toMatchObject({ tare: { kind: "keyed", tareG: 700 }, netG: 1000 });
    expect(
      await rig.act({ kind: "set-tare", tare: { kind: "container", containerId: "none" } }),
    ).toMatchObject({
      reason: "container-unknown",
    });
    expect(await rig.act({ kind: "set-tare", tare: { kind: "keyed", tareG: -1 } })).toMatchObject({
      reason: "tare-out-of-range",
    });
  });

  test("a tare that we commanded is told from the scale's key", async () => {
    const rig = await weighing();
    rig.scale.say(0);
    expect(await rig.act({ kind: "scale-command", scaleId: "one", command: "tare" })).toEqual({
      kind: "scale-answered",
      outcome: { kind: "done" },
    });
    rig.scale.say(0, { mode: "net" });
    rig.scale.say(3000, { mode: "net", tare: "1.250" });
    await rig.act({ kind: "take" });
    expect(newest(rig)?.body["weight"]).toMatchObject({ tare: { kind: "command", tareG: 1250 } });
  });

  test("where money and goods are kept apart there is no price anywhere", async () => {
    const rig = await weighing({ priceFree: true });
    await takePan(rig, 10_000);
    expect(lineOf(rig, "1")).toMatchObject({ priceFen: null, amountFen: null });
    expect(newest(rig)?.body["line"]).toMatchObject({ priceFen: null });
  });
});

describe("striking", () => {
  test("a wrong weigh-in is struck by a new entry, and its line is open again", async () => {
    const rig = await weighing();
    const taken = await takePan(rig, 10_000);
    if (taken.kind !== "taken") throw new Error(taken.kind);
    await rig.act({ kind: "finish-line", decision: "accept", reasonId: null });
    const { weighInId } = taken.weighIn;
    const strike = { kind: "strike", weighInId, reasonId: "wrong-line", signer: null } as const;
    expect(await rig.act(strike)).toEqual({ kind: "done" });
    expect(newest(rig)).toMatchObject({
      kind: "weighin.reversed",
      body: { weighInId, operatorId: "keeper" },
    });
    expect(lineOf(rig, "1")).toMatchObject({ receivedG: 0, decision: null, weighIns: [{ isStruck: true }] });
    expect(rig.receiving.stock()).toMatchObject([{ balanceG: 0 }]);
    expect(await rig.act(strike)).toMatchObject({ reason: "already-struck" });
    expectVerified(rig);
  });

  test("out of a closed delivery it takes a name with the right", async () => {
    const rig = receivingRig();
    rig.receive([purchaseOrder("po-1", [orderLine("1")])]);
    await rig.act({ kind: "choose-delivery", orderId: "po-1" });
    await rig.act({ kind: "choose-line", lineId: "1" });
    const taken = await takePan(rig, 10_000);
    await rig.act({ kind: "finish-line", decision: "accept", reasonId: null });
    await rig.act({ kind: "close-delivery", signer: SECOND });
    if (taken.kind !== "taken") throw new Error(taken.kind);
    const strike = { kind: "strike", weighInId: taken.weighIn.weighInId, reasonId: "wrong-line" } as const;
    expect(await rig.act({ ...strike, signer: null })).toMatchObject({ reason: "no-right" });
    expect(await rig.act({ ...strike, signer: SECOND })).toMatchObject({ kind: "not-signed" });
    expect(await rig.act({ ...strike, signer: MANAGER })).toEqual({ kind: "done" });
    expect(rig.receiving.stock()).toMatchObject([{ balanceG: 0 }]);
    expect(rig.receiving.view().deliveries).toMatchObject([{ state: "accepted" }]);
    expectVerified(rig);
  });
});

describe("outgoing goods", () => {
  test("are weighed out with the same proof, and the balance runs", async () => {
    const rig = await weighing();
    await takePan(rig, 10_000);
    await rig.act({ kind: "leave-line" });
    const target = { kind: "meal", mealId: "lunch" } as const;
    expect(await rig.act({ kind: "start-issue", productId: "p-1", target })).toEqual({ kind: "done" });
    expect(await takePan(rig, 4000)).toMatchObject({ weighIn: { kind: "issued", netG: 4000 } });
    expect(rig.receiving.view().step).toMatchObject({ stock: { balanceG: 6000 }, recent: [{ netG: 4000 }] });
    expect(await takePan(rig, 7000)).toEqual({ kind: "asked", mismatches: ["more-than-stock"] });
    await rig.act({ kind: "cancel" });
    await rig.act({ kind: "leave-issue" });
    await rig.act({ kind: "start-issue", productId: "p-1", target: { kind: "bin", reasonId: "spoiled" } });
    await takePan(rig, 1000);
    expect(newest(rig)).toMatchObject({
      kind: "weighin.issued",
      body: {
        target: { kind: "bin", reasonId: "spoiled" },
        photo: { kind: "taken" },
        weight: { netG: 1000 },
      },
    });
    expect(rig.receiving.stock()).toMatchObject([{ balanceG: 5000 }]);
    expect(await rig.act({ kind: "start-issue", productId: "p-9", target })).toMatchObject({
      reason: "product-unknown",
    });
    expectVerified(rig);
  });
});
