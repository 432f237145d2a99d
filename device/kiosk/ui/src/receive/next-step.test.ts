import { describe, expect, it } from "vitest";
import { GATE_REASONS, type ReceivingView } from "../../../../receiving/receiving-port.ts";
import {
  fakeDelivery,
  fakeGoods,
  fakeLine,
  fakeReceivingView,
  fakeWeighIn,
} from "../../../fake-receiving.ts";
import { isScaleFault, nextStep, type StepSight } from "./next-step.ts";

const READY = { kind: "ready" } as const;
const sight = (change: Partial<ReceivingView>, more: Partial<Omit<StepSight, "view">> = {}): StepSight => ({
  view: fakeReceivingView(change),
  gate: READY,
  isCameraLost: false,
  ...more,
});
const weighing = (
  line = fakeLine("pork", "猪肉"),
  goods = fakeGoods(),
  delivery = fakeDelivery(),
): Pick<ReceivingView, "step"> => ({ step: { kind: "weighing", delivery, line, goods } });
const taken = { kind: "taken", weighIn: fakeWeighIn() } as const;
const ORDER = {
  orderId: "veg",
  version: 1,
  supplier: { supplierId: "green", name: "绿源蔬菜" },
  dueDate: "2026-09-01",
  status: "open",
  lines: [],
} as const;
const CHANGED = fakeDelivery({
  orderChange: { inUse: ORDER, newest: { ...ORDER, version: 2 }, changes: [] },
});

describe("next step", () => {
  it("is the terminal's own activity before anything else", () => {
    const photographing = { kind: "photographing", netG: 5000 } as const;
    const signing = { kind: "signing", for: "take" } as const;
    const asking = { kind: "asking", for: "take", mismatches: [], netG: 5000, photo: null } as const;
    expect(nextStep(sight({ ...weighing(), activity: photographing })).code).toBe("photographing");
    expect(nextStep(sight({ ...weighing(), activity: signing })).code).toBe("signing");
    expect(nextStep(sight({ ...weighing(), activity: asking }))).toEqual({ code: "asking", tone: "stop" });
  });

  it("is to choose a delivery, or to wait for one", () => {
    expect(nextStep(sight({})).code).toBe("choose-delivery");
    expect(nextStep(sight({ deliveries: [] }))).toEqual({ code: "no-deliveries", tone: "wait" });
  });

  it("is to choose a line until each has an answer, and then to sign", () => {
    const delivery = fakeDelivery();
    expect(nextStep(sight({ step: { kind: "delivery", delivery } })).code).toBe("choose-line");
    const lines = delivery.lines.map((line) => ({ ...line, decision: "accepted" as const }));
    const decided = fakeDelivery({ lines });
    expect(nextStep(sight({ step: { kind: "delivery", delivery: decided } })).code).toBe("all-decided");
  });

  it("is to choose a version of an order that changed, whatever lies on the pan", () => {
    expect(nextStep(sight({ step: { kind: "delivery", delivery: CHANGED } })).code).toBe("choose-version");
    const step = nextStep(sight(weighing(undefined, undefined, CHANGED)));
    expect(step).toEqual({ code: "choose-version", tone: "stop" });
  });

  it("asks for what the line needs in its order, and for the weight when all is there", () => {
    const line = fakeLine("egg", "鸡蛋", {
      unit: "piece",
      lotRequired: true,
      shelfDaysMin: 2,
      temperatureMilliCMax: 7000,
    });
    const steps: string[] = [];
    let goods = fakeGoods({ packCount: null, lot: null, expiry: null, temperature: null });
    const look = (): void => void steps.push(nextStep(sight(weighing(line, goods))).code);
    look();
    goods = { ...goods, packCount: 3 };
    look();
    goods = { ...goods, lot: "AB12" };
    look();
    goods = { ...goods, expiry: "2026-09-09" };
    look();
    goods = { ...goods, temperature: { milliC: 4000, thermometerId: "t1", probe: "core" } };
    look();
    expect(steps).toEqual(["packs", "lot", "expiry", "temperature", "ready"]);
  });

  it("says a scale's fault before what the line needs, and what passes by itself after it", () => {
    const line = fakeLine("pork", "猪肉", { lotRequired: true });
    for (const reason of GATE_REASONS) {
      const gate = { kind: "waiting", reason } as const;
      const step = nextStep(sight(weighing(line, fakeGoods({ lot: null })), { gate }));
      const withLot = nextStep(sight(weighing(line, fakeGoods({ lot: "A" })), { gate }));
      expect(step.code, reason).toBe(isScaleFault(reason) ? "scale-trouble" : "lot");
      expect(withLot, reason).toEqual({
        code: "scale-trouble",
        tone: isScaleFault(reason) ? "stop" : "wait",
        gate: reason,
      });
    }
  });

  it("takes no scale at all for one that was lost", () => {
    const lost = { code: "scale-trouble", tone: "stop", gate: "scale-lost" };
    expect(nextStep(sight(weighing(), { gate: null }))).toEqual(lost);
  });

  it("stops where the camera is gone, unless somebody signed for going on without photos", () => {
    const isCameraLost = true;
    expect(nextStep(sight(weighing(), { isCameraLost })).code).toBe("camera-lost");
    const waived = weighing(undefined, undefined, fakeDelivery({ photosWaivedBy: "m1" }));
    expect(nextStep(sight(waived, { isCameraLost })).code).toBe("ready");
  });

  it("asks for no further pan once enough is there", () => {
    const full = fakeLine("potato", "土豆", { verdict: "exact", receivedQuantity: "50" });
    const short = fakeLine("potato", "土豆", { verdict: "under", receivedQuantity: "25" });
    expect(nextStep(sight({ ...weighing(full), activity: taken })).code).toBe("line-full");
    expect(nextStep(sight({ ...weighing(short), activity: taken })).code).toBe("next-or-finish");
    const empty = { kind: "waiting", reason: "below-min" } as const;
    expect(nextStep(sight(weighing(full), { gate: empty })).code).toBe("line-full");
    // What is put on although enough is there may still be taken.
    expect(nextStep(sight(weighing(full))).code).toBe("ready");
  });

  it("is to go back once the line has its answer", () => {
    const line = fakeLine("potato", "土豆", { decision: "accepted" });
    expect(nextStep(sight(weighing(line))).code).toBe("line-finished");
  });

  it("needs nothing but the weight for goods that are given out", () => {
    const step = {
      kind: "issuing",
      stock: { product: { productId: "rice", name: "大米" }, balanceG: 1, balancePieces: 0 },
      target: { kind: "meal", mealId: "lunch" },
      goods: fakeGoods(),
      recent: [],
    } as const;
    expect(nextStep(sight({ step })).code).toBe("issue-ready");
    const gate = { kind: "waiting", reason: "moving" } as const;
    expect(nextStep(sight({ step }, { gate }))).toMatchObject({ code: "scale-trouble", tone: "wait" });
    expect(nextStep(sight({ step }, { isCameraLost: true }))).toEqual({ code: "camera-lost", tone: "stop" });
  });
});
