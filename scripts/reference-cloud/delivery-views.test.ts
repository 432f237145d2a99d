import type { Database } from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../device/journal/journal-fixture.ts";
import {
  orderLine,
  purchaseOrder,
  type ReceivingRig,
  receivingRig,
} from "../../device/receiving/receiving-fixture.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { deliveriesOf as viewsOf } from "./delivery-views.ts";
import { databaseFile } from "./testing/rig.ts";

/** What a terminal recorded, as the intake stores it. */
function ingest(db: Database, device: string, { journal }: ReceivingRig): void {
  const add = db.prepare(
    `INSERT INTO entry (site, device, seq, id, kind, at_ms, time_trust, body, prev_hash, hash, received_at_ms)
     VALUES ('s1', ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
  );
  for (const entry of journal.readAfter(0, { countMax: 1000, bytesMax: 1e7 })) {
    const { seq, id, kind, atMs, timeTrust, body, prevHash, hash } = entry;
    add.run(device, seq, id, kind, atMs, timeTrust, JSON.stringify(body), prevHash, hash);
  }
}

const deliveriesOf = (db: Database) => viewsOf(db).deliveries;

async function received(grams: number, version = 1): Promise<ReceivingRig> {
  const rig = receivingRig();
  rig.receive([purchaseOrder("po-1", [orderLine("1"), orderLine("2")], version)]);
  await rig.act({ kind: "choose-delivery", orderId: "po-1" });
  await rig.act({ kind: "choose-line", lineId: "1" });
  rig.put(grams);
  expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "taken" });
  return rig;
}

function cloud(): Database {
  const db = openCloudDatabase(databaseFile(temporaryFolder()));
  onTestFinished(() => void db.close());
  return db;
}

test("a delivery is shown with its weights, people and photos", async () => {
  const db = cloud();
  ingest(db, "t1", await received(6000));
  expect(deliveriesOf(db)).toMatchObject([
    {
      orderId: "po-1",
      device: "t1",
      openedBy: "keeper",
      outcome: null,
      conflicts: [],
      weighIns: [{ productName: "货品1", quantity: "6", netG: 6000, thumbnailSha256: `${"0".repeat(63)}3` }],
    },
  ]);
});

test("what was let in when a line was finished is shown: by whom, why, and with which photo", async () => {
  const db = cloud();
  const rig = await received(6000);
  const signer = { by: "pin", operatorId: "manager", pin: "1" } as const;
  expect(await rig.act({ kind: "waive-photos", reasonId: "needed", signer })).toEqual({ kind: "done" });
  expect(await rig.act({ kind: "finish-line", decision: "accept", reasonId: null })).toMatchObject({
    kind: "asked",
  });
  await rig.act({ kind: "override", reasonId: "needed", signer });
  await rig.act({ kind: "choose-line", lineId: "2" });
  await rig.act({ kind: "reject-goods", reasonId: "not-fresh", weighed: false });
  ingest(db, "t1", rig);
  const [delivery] = deliveriesOf(db);
  expect(delivery?.finishedLines).toMatchObject([
    {
      ...{ lineId: "1", productName: "货品1", decision: "accepted", verdict: "under", mismatches: ["under"] },
      ...{ receivedG: 6000, overriddenBy: "manager", overrideReasonId: "needed", operatorId: "keeper" },
    },
  ]);
  expect(delivery?.finishedLines[0]?.photoSha256).toMatch(/^[0-9a-f]{64}$/);
  expect(delivery?.waivers).toMatchObject([{ overriddenBy: "manager", overrideReasonId: "needed" }]);
  expect(delivery?.weighIns).toMatchObject([
    { kind: "accepted", reasonId: null, overriddenBy: null },
    { kind: "rejected", reasonId: "not-fresh" },
  ]);
  expect(delivery?.refusal).toBeNull();
});

test("a delivery that went back as a whole says why, with its photo", async () => {
  const db = cloud();
  const rig = receivingRig();
  rig.receive([purchaseOrder("po-1", [orderLine("1")])]);
  await rig.act({ kind: "choose-delivery", orderId: "po-1" });
  const signer = { by: "pin", operatorId: "second", pin: "1" } as const;
  expect(await rig.act({ kind: "refuse-delivery", reasonId: "not-fresh", signer })).toMatchObject({
    kind: "closed",
  });
  ingest(db, "t1", rig);
  expect(deliveriesOf(db)).toMatchObject([
    {
      outcome: "refused",
      refusal: { reasonId: "not-fresh", thumbnailSha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    },
  ]);
});

test("two terminals that took the same line offline are both kept, and each shows the other", async () => {
  const db = cloud();
  ingest(db, "t1", await received(6000));
  ingest(db, "t2", await received(9000));
  const [second, first] = deliveriesOf(db);
  expect(first).toMatchObject({
    device: "t1",
    weighIns: [{ netG: 6000 }],
    conflicts: [{ kind: "same-version", withDevice: "t2", lineIds: ["1"] }],
  });
  expect(second).toMatchObject({
    device: "t2",
    weighIns: [{ netG: 9000 }],
    conflicts: [{ kind: "same-version", withDevice: "t1", withDeliveryId: first?.deliveryId }],
  });
});

test("with another version in between it is another conflict, and a struck weigh-in is none", async () => {
  const db = cloud();
  ingest(db, "t1", await received(6000));
  const rig = await received(9000, 2);
  const weighInId = rig.ledger.weighIns(rig.ledger.deliveryOf("po-1")?.deliveryId ?? "")[0]?.weighInId ?? "";
  ingest(db, "t2", rig);
  expect(deliveriesOf(db)[0]?.conflicts).toMatchObject([{ kind: "other-version" }]);
  await rig.act({ kind: "strike", weighInId, reasonId: "wrong-line", signer: null });
  const newest = cloud();
  ingest(newest, "t1", await received(6000));
  ingest(newest, "t2", rig);
  expect(deliveriesOf(newest).map(({ conflicts }) => conflicts)).toEqual([[], []]);
});

test("a line that was opened again, by a struck weigh-in or by a newer order, is shown as not decided", async () => {
  const db = cloud();
  const rig = await received(10_000);
  await rig.act({ kind: "finish-line", decision: "accept", reasonId: null });
  await rig.act({ kind: "choose-line", lineId: "2" });
  rig.put(10_000);
  const taken = await rig.act({ kind: "take" });
  await rig.act({ kind: "finish-line", decision: "accept", reasonId: null });
  if (taken.kind !== "taken") throw new Error(taken.kind);
  const { weighInId } = taken.weighIn;
  await rig.act({ kind: "strike", weighInId, reasonId: "wrong-line", signer: null });
  rig.receive([purchaseOrder("po-1", [orderLine("1", { quantity: "20" }), orderLine("2")], 2)]);
  expect(await rig.act({ kind: "choose-order-version", version: 2 })).toEqual({ kind: "done" });
  ingest(db, "t1", rig);
  const [delivery] = deliveriesOf(db);
  expect(delivery).toMatchObject({ orderVersion: 2, decisions: {} });
  expect(delivery?.finishedLines.map(({ lineId, isReopened }) => [lineId, isReopened])).toEqual([
    ["1", true],
    ["2", true],
  ]);
});

test("what is too old for the page is left out, and said", async () => {
  const db = cloud();
  ingest(db, "t1", await received(6000));
  expect(viewsOf(db, 2)).toMatchObject({ deliveries: [{ device: "t1" }], isOlderLeftOut: false });
  ingest(db, "t2", await received(9000));
  expect(viewsOf(db)).toMatchObject({ isOlderLeftOut: false, unknownCount: 0 });
  const newest = viewsOf(db, 2);
  expect(newest).toMatchObject({ deliveries: [{ device: "t2", conflicts: [] }], isOlderLeftOut: true });
  expect(newest.deliveries).toHaveLength(1);
});

test("an entry of a later release is counted, and the rest of its delivery is shown", async () => {
  const db = cloud();
  ingest(db, "t1", await received(6000));
  db.prepare(
    `INSERT INTO entry (site, device, seq, id, kind, at_ms, time_trust, body, prev_hash, hash, received_at_ms)
     VALUES ('s1', 't1', 1000, '018f0000-0000-7000-8000-000000000001', 'weighin.accepted', 0, 'synced', '{"scales":[]}', '', '', 0)`,
  ).run();
  expect(viewsOf(db)).toMatchObject({ deliveries: [{ weighIns: [{ netG: 6000 }] }], unknownCount: 1 });
});
