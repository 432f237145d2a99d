import { present } from "../platform/assert.ts";
import { epochMs, fen, type MonoMs, monoMs } from "../platform/units.ts";
import { step } from "./checkout-machine.ts";
import type {
  Checkout,
  CheckoutInput,
  CheckoutSettings,
  Identity,
  InputOf,
  Offer,
  Payable,
  Phase,
  PhaseOf,
  Question,
  Refused,
  Step,
} from "./checkout-types.ts";
import { noEvidence } from "./identity-decision.ts";
import { face, person, picture, plan, settings, TestBounds } from "./serving-line-fixture.ts";
import type { Receipt } from "./serving-line-port.ts";

/** One of each phase and of each input of the checkout machine. For tests only. */

export const touch = settings("touch").checkout;
export const presence = settings("presence").checkout;
export const T0 = monoMs(10_000);
export const later = (ms: number): MonoMs => monoMs(T0 + ms);

export const lunch = present(plan().periods[0], "lunch of the fixture");
export const offer: Offer = {
  businessDate: "2026-09-01",
  period: lunch,
  priced: { kind: "priced", priceFen: fen(1200), items: [] },
  mealPlanVersion: "1",
  orderRevision: 4,
};
export const identity: Identity = {
  personId: "p-1",
  method: "face",
  activation: "touch",
  decision: { model: "model-a", similarity: 0.8, margin: 0.5, frames: 3 },
  question: null,
};
export const DISPUTE_ID = "01900000-0000-7000-8000-00000000000d";
export const bounds = new TestBounds();
/** p-1 was matched, and cannot be told from p-2. */
export const question: Question = {
  matchedPersonId: "p-1",
  lookAlikeIds: ["p-2"],
  decision: { model: "model-a", similarity: 0.8, margin: 0.5, frames: 2 },
};
export const payable: Payable = {
  chargeId: "01900000-0000-7000-8000-000000000001",
  displayName: person("p-1").displayName,
  amountFen: fen(1000),
  balanceFen: fen(10_000),
  allergyWarning: [],
};
export const receipt: Receipt = {
  chargeId: payable.chargeId,
  seq: 1,
  personId: "p-1",
  displayName: payable.displayName,
  groupName: "class 1",
  period: { id: "lunch", name: lunch.name },
  businessDate: offer.businessDate,
  priceFen: fen(1200),
  subsidyFen: fen(200),
  amountFen: fen(1000),
  balanceFen: fen(9000),
  method: "face",
  atMs: epochMs(1_800_000_000_000),
  timeTrust: "synced",
  allergyWarning: [],
};
export const refused: Refused = {
  kind: "refused",
  reason: "balance-too-low",
  displayName: null,
  amountFen: null,
  balanceFen: null,
  earlier: null,
};

export const phases: { readonly [Kind in Phase["kind"]]: PhaseOf<Kind> } = {
  closed: { kind: "closed", reason: "no-meal-now", bystander: null },
  idle: { kind: "idle", evidence: noEvidence(T0) },
  looking: {
    kind: "looking",
    offer,
    pressed: true,
    evidence: noEvidence(T0),
    startedMono: T0,
    hint: null,
    absentFrames: 0,
  },
  asking: {
    kind: "asking",
    offer,
    pressed: true,
    question,
    choices: [
      { personId: "p-1", displayName: "name of p-1", groupName: "class 1" },
      { personId: "p-2", displayName: "name of p-2", groupName: "class 2" },
    ],
    evidence: noEvidence(T0),
    startedMono: T0,
    absentFrames: 0,
  },
  "checking-pin": { kind: "checking-pin", offer, pending: null, attempt: 1, startedMono: T0 },
  identified: { kind: "identified", offer, identity },
  confirming: {
    kind: "confirming",
    offer,
    identity,
    payable,
    evidence: noEvidence(T0),
    startedMono: T0,
    strangerFrames: 0,
  },
  committing: {
    kind: "committing",
    offer,
    identity,
    chargeId: payable.chargeId,
    agreed: { amountFen: payable.amountFen, allergens: [] },
  },
  disputing: { kind: "disputing", offer, disputeId: DISPUTE_ID, personId: "p-1" },
  shown: {
    kind: "shown",
    view: { kind: "paid", receipt },
    personId: "p-1",
    followUp: { kind: "may-dispute", offer, identity },
    startedMono: T0,
  },
  "cooling-down": {
    kind: "cooling-down",
    emptyFirst: false,
    personId: "p-1",
    evidence: noEvidence(T0),
    absentFrames: 0,
    strangerFrames: 0,
  },
};
export const shownOtherWay: PhaseOf<"shown"> = {
  kind: "shown",
  view: { kind: "other-way", reason: "unknown-face" },
  personId: null,
  followUp: null,
  startedMono: T0,
};

export const inPhase = (phase: Phase, change: Partial<Checkout> = {}): Checkout => ({
  phase,
  order: { itemIds: [], keyedFen: null, revision: 4 },
  cameraLost: null,
  closedReason: phase.kind === "closed" ? phase.reason : null,
  pinAttempts: 1,
  ...change,
});

export const inputs: { readonly [Kind in CheckoutInput["kind"]]: InputOf<Kind> } = {
  activate: { kind: "activate", offer, atMono: later(50) },
  confirm: { kind: "confirm", chargeId: payable.chargeId, atMono: later(50) },
  cancel: { kind: "cancel", atMono: later(50) },
  "not-me": { kind: "not-me", chargeId: payable.chargeId, disputeId: DISPUTE_ID, atMono: later(50) },
  choose: { kind: "choose", personId: "p-2", operatorId: "op", atMono: later(50) },
  choices: { kind: "choices", choices: null, atMono: later(50) },
  "set-order": { kind: "set-order", order: { itemIds: ["rice"], keyedFen: null }, atMono: later(50) },
  frame: {
    kind: "frame",
    observation: picture(face()),
    capturedMono: later(40),
    offer,
    bounds,
    atMono: later(50),
  },
  card: { kind: "card", personId: "p-2", offer, atMono: later(50) },
  "pin-entered": { kind: "pin-entered", offer, atMono: later(50) },
  "pin-checked": {
    kind: "pin-checked",
    attempt: 1,
    outcome: { kind: "ok", personId: "p-2" },
    atMono: later(50),
  },
  assessed: { kind: "assessed", assessment: { kind: "payable", payable }, atMono: later(50) },
  charged: { kind: "charged", outcome: { kind: "paid", receipt }, atMono: later(50) },
  disputed: { kind: "disputed", outcome: { kind: "voided", amountFen: fen(1000) }, atMono: later(50) },
  camera: { kind: "camera", lost: "camera-lost", atMono: later(50) },
  till: { kind: "till", closedReason: "till-closed", atMono: later(50) },
  "time-passed": { kind: "time-passed", atMono: later(60_000) },
};

/** Runs inputs one after the other. */
export function run(start: Checkout, mode: CheckoutSettings, ...all: CheckoutInput[]): Step {
  return all.reduce<Step>(({ checkout }, input) => step(checkout, input, mode), {
    checkout: start,
    effects: [],
  });
}
export const frames = (count: number, observation = picture(face()), fromMs = 100): InputOf<"frame">[] =>
  Array.from({ length: count }, (_, index) => ({
    kind: "frame",
    observation,
    capturedMono: later(fromMs + index * 100),
    offer,
    bounds,
    atMono: later(fromMs + index * 100 + 20),
  }));
export const idle = inPhase(phases.idle);
