/**
 * Over 400 lines because each mishap begins at the same delivery and ends in the same question: is anything lost, is
 * anything counted twice, and does the person hear why.
 */

import { describe, expect, test } from "vitest";
import { BridgeFault } from "../../firmware-bridge/ports/fault.ts";
import type { Journal } from "../journal/journal-port.ts";
import type { TakePhoto } from "../photos/studio-port.ts";
import { CanteenError } from "../platform/errors.ts";
import type { SignatureDesk } from "../signatures/signature-port.ts";
import {
  orderLine,
  purchaseOrder,
  type ReceivingRig,
  type RigOptions,
  receivingRig,
} from "./receiving-fixture.ts";
import type { Signer } from "./receiving-port.ts";

/** What goes wrong at a receiving place. Nothing is lost, nothing is counted twice, and the person hears why. */

const MANAGER: Signer = { by: "pin", operatorId: "manager", pin: "1" };
const SECOND: Signer = { by: "pin", operatorId: "second", pin: "1" };
const GONE = new BridgeFault("gone", {
  code: "device-gone",
  retry: "backoff",
  hint: { zh: "断开", en: "gone" },
});

async function weighing(options: RigOptions = {}): Promise<ReceivingRig> {
  const rig = receivingRig(options);
  rig.receive([purchaseOrder("po-1", [orderLine("1", { gtins: ["6901234567892"] }), orderLine("2")])]);
  await rig.act({ kind: "choose-delivery", orderId: "po-1" });
  await rig.act({ kind: "choose-line", lineId: "1" });
  return rig;
}

const refusal = (reason: Extract<TakePhoto, { kind: "refused" }>["reason"]): TakePhoto => ({
  kind: "refused",
  reason,
});

function kinds(rig: ReceivingRig): string[] {
  return rig.journal.readAfter(0, { countMax: 100, bytesMax: 1e6 }).map(({ kind }) => kind);
}

describe("a scale that is unplugged", () => {
  test("gives no weight, and gives it again once it is back", async () => {
    const rig = await weighing();
    rig.put(5000);
    rig.scale.enter({ kind: "lost", fault: GONE });
    expect(await rig.act({ kind: "take" })).toMatchObject({ reason: "weight-not-ready", gate: "scale-lost" });
    expect(rig.receiving.live().scales[0]).toMatchObject({
      connection: "lost",
      code: "device-gone",
      text: null,
    });
    rig.scale.enter({ kind: "live" });
    rig.scale.say(5000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "taken" });
  });

  test("while the photo is taken does not touch the weight that was frozen", async () => {
    const rig = await weighing();
    const photo = Promise.withResolvers<TakePhoto>();
    rig.photos.push(photo.promise);
    rig.put(5000);
    const answer = rig.act({ kind: "take" });
    rig.scale.enter({ kind: "lost", fault: GONE });
    photo.resolve({
      kind: "taken",
      photo: {
        photoSha256: "a".repeat(64),
        thumbnailSha256: "b".repeat(64),
        offMs: 420,
        cameraLabel: "browser",
        facesBlurred: 0,
      },
    });
    expect(await answer).toMatchObject({ kind: "taken", weighIn: { netG: 5000, photo: { isOff: true } } });
  });
});

describe("a camera that is gone", () => {
  test.each(["camera-lost", "no-frame", "photo-space-full", "picture-unreadable", "faces-unseen"] as const)(
    "%s: the weigh-in goes on only under a name, and says so",
    async (reason) => {
      const rig = await weighing();
      rig.photos.push(refusal(reason));
      rig.put(5000);
      expect(await rig.act({ kind: "take" })).toEqual({ kind: "asked", mismatches: ["photo-missing"] });
      await rig.act({ kind: "override", reasonId: "camera-broken", signer: MANAGER });
      expect(rig.journal.entryBySeq(rig.journal.head().seq)).toMatchObject({
        kind: "weighin.accepted",
        body: {
          photo: { kind: "none", why: reason },
          mismatches: ["photo-missing"],
          override: { operatorId: "manager", reasonId: "camera-broken" },
        },
      });
      expect(rig.claimed).toEqual([]);
    },
  );

  test("one name serves the delivery while the camera is away, and each record quotes it", async () => {
    const rig = await weighing();
    expect(await rig.act({ kind: "waive-photos", reasonId: "camera-broken", signer: MANAGER })).toEqual({
      kind: "done",
    });
    rig.photos.push(refusal("camera-lost"), refusal("camera-lost"));
    rig.put(5000);
    expect(await rig.act({ kind: "take" })).toMatchObject({
      kind: "taken",
      weighIn: { mismatches: ["photo-missing"], overriddenBy: "manager" },
    });
    // It covers the photo, and nothing else.
    rig.put(9000);
    expect(await rig.act({ kind: "take" })).toEqual({ kind: "asked", mismatches: ["over", "photo-missing"] });
    await rig.act({ kind: "cancel" });
    // The camera is back.
    rig.put(4000);
    expect(await rig.act({ kind: "take" })).toMatchObject({
      weighIn: { mismatches: [], photo: { kind: "taken" } },
    });
  });

  test.each([
    ["disk-full", "photo-space-full"],
    ["photo-worker-failed", "picture-unreadable"],
  ])("a photo that fails by %s is on record as %s", async (code, why) => {
    const fault = new CanteenError(code, { code, retry: "backoff", hint: { zh: "坏了", en: "broken" } });
    const rig = await weighing();
    rig.photos.push(Promise.reject(fault));
    rig.put(5000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "asked" });
    expect(rig.receiving.view().activity).toMatchObject({ photo: { kind: "none", why } });
  });

  test("who let something in is shown by name, or by id where nobody knows the name any more", async () => {
    const operatorName = (operatorId: string) => (operatorId === "manager" ? "陈主管" : null);
    const rig = await weighing({ more: { operatorName } });
    await rig.act({ kind: "waive-photos", reasonId: "camera-broken", signer: MANAGER });
    rig.photos.push(refusal("camera-lost"));
    rig.put(5000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ weighIn: { overriddenBy: "陈主管" } });
    expect(rig.receiving.view().step).toMatchObject({ delivery: { photosWaivedBy: "陈主管" } });
    // The record names ids only.
    expect(JSON.stringify(rig.journal.readAfter(0, { countMax: 100, bytesMax: 1e6 }))).not.toContain("陈");
  });

  test("a studio that never answers holds nobody for ever, and its late photo changes nothing", async () => {
    const rig = await weighing();
    const photo = Promise.withResolvers<TakePhoto>();
    rig.photos.push(photo.promise);
    rig.put(5000);
    const answer = rig.act({ kind: "take" });
    expect(await rig.act({ kind: "take" })).toMatchObject({ reason: "busy" });
    // The wall clock jumps; the wait is of the other one.
    rig.clock.stepWall(-86_400_000);
    await rig.clock.advance(10_001);
    expect(await answer).toEqual({ kind: "asked", mismatches: ["photo-missing"] });
    photo.resolve(refusal("camera-lost"));
    await rig.clock.advance(1);
    expect(rig.receiving.view().activity.kind).toBe("asking");
  });

  test("a terminal without a camera asks as well, and a delivery is not refused without a photo", async () => {
    const rig = await weighing({ hasStudio: false });
    expect(rig.receiving.live().camera).toEqual({ kind: "none" });
    rig.put(5000);
    expect(await rig.act({ kind: "take" })).toEqual({ kind: "asked", mismatches: ["photo-missing"] });
    await rig.act({ kind: "cancel" });
    expect(await rig.act({ kind: "refuse-delivery", reasonId: "not-fresh", signer: SECOND })).toMatchObject({
      reason: "camera-lost",
    });
    await rig.act({ kind: "waive-photos", reasonId: "camera-broken", signer: MANAGER });
    expect(await rig.act({ kind: "refuse-delivery", reasonId: "not-fresh", signer: SECOND })).toMatchObject({
      kind: "closed",
    });
  });
});

describe("a disk that is full", () => {
  test("records nothing, says so, and the same goods are taken once there is space", async () => {
    let isFull = false;
    const rig = await weighing({
      more: {
        photos: {
          claim: () => {
            if (isFull)
              throw new CanteenError("full", {
                code: "disk-full",
                retry: "after-operator",
                hint: { zh: "满", en: "full" },
              });
          },
        },
      },
    });
    const { seq } = rig.journal.head();
    isFull = true;
    rig.put(5000);
    expect(await rig.act({ kind: "take" })).toEqual({ kind: "refused", reason: "not-recorded" });
    expect(rig.journal.head().seq).toBe(seq);
    expect(rig.receiving.stock()).toEqual([]);
    isFull = false;
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "taken" });
    expect(rig.receiving.stock()).toMatchObject([{ balanceG: 5000 }]);
  });
});

describe("an order that changes while it is received", () => {
  const changed = purchaseOrder("po-1", [orderLine("1", { quantity: "6" }), orderLine("3")], 2);

  test("stops everything until somebody has seen both versions and chosen", async () => {
    const rig = await weighing();
    rig.put(5000);
    rig.receive([changed]);
    expect(await rig.act({ kind: "take" })).toMatchObject({ reason: "order-changed" });
    expect(rig.receiving.view().step).toMatchObject({
      delivery: {
        orderVersion: 1,
        orderChange: {
          inUse: { version: 1 },
          newest: { version: 2 },
          changes: [
            { lineId: "1", kind: "changed", before: { quantity: "10" }, after: { quantity: "6" } },
            { lineId: "3", kind: "added" },
            { lineId: "2", kind: "removed" },
          ],
        },
      },
    });
    expect(await rig.act({ kind: "choose-order-version", version: 2 })).toEqual({ kind: "done" });
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "taken" });
    expect(rig.journal.entryBySeq(rig.journal.head().seq)?.body).toMatchObject({
      order: { version: 2 },
      line: { quantity: "6" },
      verdict: "under",
    });
    expect(kinds(rig)).toContain("delivery.order-chosen");
  });

  test("the older version may be kept, also over a restart", async () => {
    const before = await weighing();
    before.receive([changed]);
    expect(await before.act({ kind: "choose-order-version", version: 3 })).toMatchObject({
      reason: "order-unknown",
    });
    await before.act({ kind: "choose-order-version", version: 1 });
    const rig = await before.restart();
    await rig.act({ kind: "choose-delivery", orderId: "po-1" });
    expect(rig.receiving.view().step).toMatchObject({ delivery: { orderVersion: 1, orderChange: null } });
    await rig.act({ kind: "choose-line", lineId: "1" });
    rig.put(5000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "taken" });
  });

  test("a photo under way ends under the version that it began with", async () => {
    const rig = await weighing();
    const photo = Promise.withResolvers<TakePhoto>();
    rig.photos.push(photo.promise);
    rig.put(5000);
    const answer = rig.act({ kind: "take" });
    rig.receive([changed]);
    photo.resolve(refusal("camera-lost"));
    expect(await answer).toMatchObject({ kind: "asked" });
    expect(await rig.act({ kind: "override", reasonId: "camera-broken", signer: MANAGER })).toMatchObject({
      kind: "taken",
    });
    expect(rig.journal.entryBySeq(rig.journal.head().seq)?.body).toMatchObject({ order: { version: 1 } });
  });

  test("goods under way are matched against the version that they were frozen under", async () => {
    const rig = await weighing();
    const photo = Promise.withResolvers<TakePhoto>();
    rig.photos.push(photo.promise);
    rig.put(11_000);
    const answer = rig.act({ kind: "take" });
    rig.receive([purchaseOrder("po-1", [orderLine("2"), orderLine("3")], 2)]);
    photo.resolve(refusal("camera-lost"));
    expect(await answer).toMatchObject({ kind: "asked", mismatches: ["over", "photo-missing"] });
  });

  test("the choice is between the two that were shown, also where a third one came meanwhile", async () => {
    const rig = await weighing();
    rig.receive([changed]);
    rig.receive([{ ...changed, version: 3, status: "cancelled" }]);
    const keep = { kind: "choose-order-version", version: 1 } as const;
    expect(await rig.act({ ...keep, newestVersion: 2 })).toMatchObject({ reason: "order-changed" });
    expect(rig.receiving.view().step).toMatchObject({
      delivery: { orderChange: { newest: { version: 3 } } },
    });
    expect(await rig.act({ ...keep, newestVersion: 3 })).toEqual({ kind: "done" });
  });

  test("a line that was accepted under the old version is open again where the chosen one says something else", async () => {
    const rig = await weighing();
    rig.put(10_000);
    await rig.act({ kind: "take" });
    await rig.act({ kind: "finish-line", decision: "accept", reasonId: null });
    await rig.act({ kind: "choose-line", lineId: "2" });
    await rig.act({ kind: "finish-line", decision: "missing", reasonId: "not-delivered" });
    rig.receive([purchaseOrder("po-1", [orderLine("1", { quantity: "20" }), orderLine("2")], 2)]);
    await rig.act({ kind: "choose-order-version", version: 2 });
    const step = rig.receiving.view().step;
    expect(step).toMatchObject({
      delivery: { lines: [{ decision: null, verdict: "under" }, { decision: "missing" }] },
    });
    expect(await rig.act({ kind: "close-delivery", signer: SECOND })).toMatchObject({ reason: "lines-open" });
    const restarted = await rig.restart();
    await restarted.act({ kind: "choose-delivery", orderId: "po-1" });
    expect(restarted.receiving.view().step).toMatchObject({ delivery: { lines: [{ decision: null }, {}] } });
  });

  test("an order that grew after it was accepted and closed can be received again", async () => {
    const rig = await weighing();
    rig.put(10_000);
    await rig.act({ kind: "take" });
    await rig.act({ kind: "finish-line", decision: "accept", reasonId: null });
    await rig.act({ kind: "choose-line", lineId: "2" });
    rig.put(10_100);
    await rig.act({ kind: "take" });
    await rig.act({ kind: "finish-line", decision: "accept", reasonId: null });
    await rig.act({ kind: "close-delivery", signer: SECOND });
    expect(await rig.act({ kind: "choose-delivery", orderId: "po-1" })).toMatchObject({
      reason: "order-closed",
    });
    rig.receive([purchaseOrder("po-1", [orderLine("1"), orderLine("2"), orderLine("3")], 2)]);
    expect(await rig.act({ kind: "choose-delivery", orderId: "po-1" })).toEqual({ kind: "done" });
    expect(rig.receiving.view().step).toMatchObject({
      delivery: { orderVersion: 2, lines: [{ receivedG: 10_000 }, { receivedG: 10_100 }, { receivedG: 0 }] },
    });
  });

  test("the line that somebody stands at may be gone with the newer version", async () => {
    const rig = await weighing();
    await rig.act({ kind: "choose-line", lineId: "2" });
    rig.receive([changed]);
    await rig.act({ kind: "choose-order-version", version: 2 });
    expect(rig.receiving.view().step.kind).toBe("delivery");
  });
});

describe("a clock that jumps", () => {
  test("between two pans, back or ahead, loses neither pan nor delivery", async () => {
    const rig = await weighing();
    for (const [index, stepMs] of [0, -3 * 86_400_000, 40 * 86_400_000].entries()) {
      rig.clock.stepWall(stepMs);
      rig.put(3000 + 100 * index);
      expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "taken" });
    }
    const { step, deliveries } = rig.receiving.view();
    const weighIns = step.kind === "weighing" ? step.line.weighIns : [];
    // In the order of the journal, whatever the stamps say.
    expect(weighIns.map(({ netG }) => netG)).toEqual([3000, 3100, 3200]);
    expect(new Set(weighIns.map(({ atMs }) => atMs)).size).toBe(3);
    // No longer due on this day, and still there to be finished.
    expect(deliveries).toMatchObject([{ orderId: "po-1", state: "open" }]);
  });

  test("does not make an old reading new", async () => {
    const rig = await weighing();
    rig.put(5000);
    await rig.clock.advance(10_000);
    rig.clock.stepWall(-10_000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ reason: "weight-not-ready" });
  });
});

describe("a signature that the disk does not take", () => {
  const full = new CanteenError("full", {
    code: "disk-full",
    retry: "after-operator",
    hint: { zh: "满", en: "full" },
  });
  const failing: SignatureDesk = {
    byPin: () => Promise.reject(full),
    byFace: () => Promise.reject(full),
    signers: () => [{ operatorId: "keeper", displayName: "keeper", faceKnown: true }],
  };

  test.each([MANAGER, { by: "face" } as const])("by $by leaves the question as it was", async (signer) => {
    const rig = await weighing({ more: { desk: failing } });
    rig.put(12_000);
    expect(await rig.act({ kind: "take" })).toMatchObject({ kind: "asked" });
    expect(await rig.act({ kind: "override", reasonId: "needed", signer })).toEqual({
      kind: "refused",
      reason: "not-recorded",
    });
    expect(rig.receiving.view().activity).toMatchObject({ kind: "asking", mismatches: ["over"] });
    expect(await rig.act({ kind: "cancel" })).toEqual({ kind: "done" });
    expect(kinds(rig)).not.toContain("weighin.accepted");
  });
});

describe("a weigh-in whose entry is no longer here", () => {
  /** The journal as it is once old entries went behind a checkpoint. */
  const withoutEntries = (journal: Journal): Journal =>
    new Proxy(journal, {
      get(whole, name) {
        if (name === "entryBySeq") return () => undefined;
        const value: unknown = Reflect.get(whole, name);
        return typeof value === "function" ? value.bind(whole) : value;
      },
    });

  test("is shown with what the sums were made of, says where its record is, and can be struck", async () => {
    const rig = await weighing();
    rig.put(5000);
    const taken = await rig.act({ kind: "take" });
    const atMs = rig.clock.now();
    const later = receivingRig({ reuse: rig, more: { journal: withoutEntries(rig.journal) } });
    await later.act({ kind: "choose-delivery", orderId: "po-1" });
    const { step } = later.receiving.view();
    const [shown] = step.kind === "delivery" ? (step.delivery.lines[0]?.weighIns ?? []) : [];
    expect(shown).toMatchObject({
      ...{ kind: "accepted", netG: 5000, operatorId: "keeper", atMs, hash: null, isStruck: false },
      photo: { kind: "none", why: "archived" },
    });
    const weighInId = taken.kind === "taken" ? taken.weighIn.weighInId : "";
    expect(shown?.weighInId).toBe(weighInId);
    expect(await later.act({ kind: "strike", weighInId, reasonId: "wrong-line", signer: null })).toEqual({
      kind: "done",
    });
  });
});

describe("codes", () => {
  test("that the scanner itself refused are shown, and the next good one goes on", async () => {
    const rig = await weighing();
    rig.scanner.refuse("check-digit");
    expect(rig.receiving.view().lastScan).toEqual({ gtin: null, outcome: "code-check-digit" });
    rig.scanner.refuse("unreadable");
    expect(rig.receiving.view().lastScan).toEqual({ gtin: null, outcome: "code-unreadable" });
    const goods = { kind: "goods", netG: null, lot: "L7", expiry: null } as const;
    rig.codes.set("good", { ...goods, gtin: "06901234567892" });
    rig.scanner.scan("good");
    expect(rig.receiving.view()).toMatchObject({
      lastScan: { outcome: "goods-filled" },
      step: { goods: { lot: "L7" } },
    });
  });

  test("a wrong check digit, an unknown code and goods of no line are told apart", async () => {
    const rig = await weighing();
    rig.codes.set("bad", { kind: "refused", reason: "code-check-digit" });
    const goods = { kind: "goods", netG: 12_340, lot: "L7", expiry: "2026-12-31" } as const;
    rig.codes.set("good", { ...goods, gtin: "06901234567892" });
    rig.codes.set("other", { ...goods, gtin: "06900000000007" });
    const scan = (text: string) => rig.act({ kind: "scan", text });
    expect(await scan("bad")).toEqual({ kind: "refused", reason: "code-check-digit" });
    expect(rig.receiving.view().lastScan).toEqual({ gtin: null, outcome: "code-check-digit" });
    expect(await scan("??")).toMatchObject({ reason: "code-unreadable" });
    expect(await scan("other")).toMatchObject({ reason: "code-not-ordered" });
    expect(rig.receiving.view().lastScan).toEqual({ gtin: "06900000000007", outcome: "code-not-ordered" });
    expect(await scan("good")).toEqual({ kind: "done" });
    expect(rig.receiving.view()).toMatchObject({
      lastScan: { outcome: "goods-filled" },
      step: { goods: { lot: "L7", expiry: "2026-12-31", labelNetG: 12_340 } },
    });
    await rig.act({ kind: "leave-line" });
    await scan("good");
    expect(rig.receiving.view()).toMatchObject({
      lastScan: { outcome: "line-chosen" },
      step: { kind: "weighing", line: { lineId: "1" } },
    });
    await rig.act({ kind: "leave-delivery" });
    expect(await scan("good")).toMatchObject({ reason: "choose-delivery-first" });
    expect(await scan("po-1")).toEqual({ kind: "done" });
    expect(rig.receiving.view()).toMatchObject({
      lastScan: { outcome: "delivery-chosen" },
      step: { kind: "delivery" },
    });
  });
});

describe("signatures", () => {
  test("looking for a face is stopped by cancel, and both are answered", async () => {
    const rig = await weighing();
    rig.put(20_000);
    await rig.act({ kind: "take" });
    const answer = rig.act({ kind: "override", reasonId: "needed", signer: { by: "face" } });
    expect(rig.receiving.view().activity).toEqual({ kind: "signing", for: "take" });
    expect(await rig.act({ kind: "take" })).toMatchObject({ reason: "busy" });
    expect(await rig.act({ kind: "cancel" })).toEqual({ kind: "done" });
    expect(await answer).toEqual({
      kind: "not-signed",
      outcome: { kind: "not-recognised", reason: "cancelled" },
    });
    expect(rig.receiving.view().activity.kind).toBe("asking");
  });

  test("somebody without the right receives nothing", async () => {
    const rig = await weighing();
    rig.put(5000);
    expect(await rig.act({ kind: "take" }, "cashier")).toEqual({ kind: "refused", reason: "no-right" });
    expect(kinds(rig)).not.toContain("weighin.accepted");
  });

  test("closing ends what is under way, and answers it", async () => {
    const rig = await weighing();
    rig.put(20_000);
    await rig.act({ kind: "take" });
    const answer = rig.act({ kind: "override", reasonId: "needed", signer: { by: "face" } });
    await rig.receiving.close();
    expect((await answer).kind).toMatch(/refused|not-signed/);
    expect(await rig.act({ kind: "take" })).toEqual({ kind: "refused", reason: "not-now" });
  });
});
