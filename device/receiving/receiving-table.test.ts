import { expect, test } from "vitest";
import { hashOf, orderLine, purchaseOrder, receivingRig } from "./receiving-fixture.ts";
import { step } from "./receiving-machine.ts";
import type { ReceivingCommand, Signer } from "./receiving-port.ts";
import {
  type Asked,
  type Doing,
  type Facts,
  NO_GOODS,
  type OpenDelivery,
  type Pending,
  type Place,
  type ReceivingEvent,
  type ReceivingState,
  START,
} from "./receiving-types.ts";

/**
 * The whole table of the machine: each place and each thing that may be under way, met by each command and each
 * outcome. A cell says what was answered and which effects follow; it is compared as a whole, so nothing is left out.
 */

const PIN: Signer = { by: "pin", operatorId: "manager", pin: "1" };
const DELIVERY: OpenDelivery = {
  deliveryId: "d",
  orderId: "po-1",
  orderVersion: 1,
  seenVersion: 1,
  waiver: null,
};
const product = { productId: "p-1", name: "货品1" };

const PLACES: Readonly<Record<Place["kind"], Place>> = {
  choosing: { kind: "choosing" },
  delivery: { kind: "delivery", delivery: DELIVERY },
  weighing: { kind: "weighing", delivery: DELIVERY, target: { kind: "line", lineId: "1" }, goods: NO_GOODS },
  issuing: { kind: "issuing", product, target: { kind: "meal", mealId: "lunch" }, goods: NO_GOODS },
};

const doing: Doing = {
  act: { kind: "reject", reasonId: "not-fresh" },
  id: "i",
  operatorId: "keeper",
  weight: null,
};
const asked: Asked = { doing, photo: { kind: "none", why: "camera-lost" }, mismatches: ["photo-missing"] };
const after: ReceivingState = { ...START };

const PENDINGS: Readonly<Record<Pending["kind"], Pending>> = {
  none: { kind: "none" },
  photographing: { kind: "photographing", token: 7, doing },
  asking: { kind: "asking", asked },
  signing: {
    kind: "signing",
    token: 7,
    signed: { kind: "override", reasonId: "needed", asked },
    id: "i",
    operatorId: "keeper",
  },
  recording: { kind: "recording", token: 7, after, answer: { kind: "done" } },
};

const COMMANDS: readonly ReceivingCommand[] = [
  { kind: "choose-delivery", orderId: "po-1" },
  { kind: "leave-delivery" },
  { kind: "choose-line", lineId: "1" },
  { kind: "choose-not-ordered", name: "冬瓜", gtin: null },
  { kind: "leave-line" },
  { kind: "scan", text: "?" },
  { kind: "choose-order-version", version: 1 },
  { kind: "choose-scale", scaleId: "one" },
  { kind: "scale-command", scaleId: "one", command: "zero" },
  { kind: "set-tare", tare: { kind: "keyed", tareG: 10 } },
  { kind: "set-packs", count: 2 },
  { kind: "set-goods", lot: "L" },
  { kind: "take-temperature", thermometerId: "probe", probe: "core" },
  { kind: "take" },
  { kind: "reject-goods", reasonId: "not-fresh", weighed: false },
  { kind: "finish-line", decision: "missing", reasonId: "not-delivered" },
  { kind: "override", reasonId: "needed", signer: PIN },
  { kind: "cancel" },
  { kind: "waive-photos", reasonId: "needed", signer: PIN },
  { kind: "strike", weighInId: "w", reasonId: "wrong-line", signer: null },
  { kind: "close-delivery", signer: PIN },
  { kind: "refuse-delivery", reasonId: "not-fresh", signer: PIN },
  { kind: "start-issue", productId: "p-1", target: { kind: "meal", mealId: "lunch" } },
  { kind: "leave-issue" },
];

/** By command: what happens at choosing, delivery, weighing and issuing while nothing is under way. */
const AT_REST: Readonly<Record<ReceivingCommand["kind"], readonly [string, string, string, string]>> = {
  "choose-delivery": ["record", "record", "record", "record"],
  "leave-delivery": ["not-now", "done", "done", "not-now"],
  "choose-line": ["choose-delivery-first", "done", "done", "choose-delivery-first"],
  "choose-not-ordered": ["choose-delivery-first", "done", "done", "choose-delivery-first"],
  "leave-line": ["not-now", "not-now", "done", "not-now"],
  scan: ["code-unreadable", "code-unreadable", "code-unreadable", "code-unreadable"],
  "choose-order-version": ["not-now", "not-now", "not-now", "not-now"],
  "choose-scale": ["done", "done", "done", "done"],
  "scale-command": ["command-scale", "command-scale", "command-scale", "command-scale"],
  "set-tare": ["done", "done", "done", "done"],
  "set-packs": ["not-now", "not-now", "done", "done"],
  "set-goods": ["not-now", "not-now", "done", "done"],
  "take-temperature": ["not-now", "not-now", "done", "done"],
  take: ["not-now", "not-now", "photo", "photo"],
  "reject-goods": ["not-now", "not-now", "photo", "not-now"],
  "finish-line": ["not-now", "not-now", "record", "not-now"],
  override: ["not-now", "not-now", "not-now", "not-now"],
  cancel: ["not-now", "not-now", "not-now", "not-now"],
  "waive-photos": ["not-now", "sign", "sign", "not-now"],
  strike: ["weigh-in-unknown", "weigh-in-unknown", "weigh-in-unknown", "weigh-in-unknown"],
  "close-delivery": ["not-now", "lines-open", "lines-open", "not-now"],
  "refuse-delivery": ["not-now", "sign", "sign", "not-now"],
  "start-issue": ["done", "done", "done", "done"],
  "leave-issue": ["not-now", "not-now", "not-now", "done"],
};

/** By outcome: what happens while a photo is taken, a question waits, somebody signs, the journal writes, or nothing. */
const OUTCOMES: readonly (readonly [ReceivingEvent, Readonly<Record<Pending["kind"], string>>])[] = [
  [
    { kind: "photo", token: 7, outcome: { kind: "none", why: "camera-lost" } },
    { none: "", photographing: "asked", asking: "", signing: "", recording: "" },
  ],
  [
    { kind: "photo", token: 7, outcome: { kind: "busy" } },
    { none: "", photographing: "busy", asking: "", signing: "", recording: "" },
  ],
  [
    {
      kind: "photo",
      token: 7,
      outcome: {
        kind: "taken",
        photoSha256: hashOf(1),
        thumbnailSha256: hashOf(2),
        offMs: 0,
        cameraLabel: "c",
        facesBlurred: null,
        contentCode: "0123456789ab",
      },
    },
    { none: "", photographing: "record", asking: "", signing: "", recording: "" },
  ],
  [
    { kind: "photo", token: 6, outcome: { kind: "busy" } },
    { none: "", photographing: "", asking: "", signing: "", recording: "" },
  ],
  [
    { kind: "sign-outcome", token: 7, outcome: { kind: "wrong", attemptsLeft: 2 } },
    { none: "", photographing: "", asking: "", signing: "not-signed", recording: "" },
  ],
  [
    {
      kind: "sign-outcome",
      token: 7,
      outcome: { kind: "signed", signature: { operatorId: "manager", displayName: "m", by: "pin" } },
    },
    { none: "", photographing: "", asking: "", signing: "record", recording: "" },
  ],
  [
    { kind: "sign-failed", token: 7 },
    { none: "", photographing: "", asking: "", signing: "not-recorded", recording: "" },
  ],
  [
    { kind: "sign-failed", token: 6 },
    { none: "", photographing: "", asking: "", signing: "", recording: "" },
  ],
  [
    { kind: "recorded", token: 7 },
    { none: "", photographing: "", asking: "", signing: "", recording: "done" },
  ],
  [
    { kind: "recorded", token: 8 },
    { none: "", photographing: "", asking: "", signing: "", recording: "" },
  ],
  [
    { kind: "not-recorded", token: 7 },
    { none: "", photographing: "", asking: "", signing: "", recording: "not-recorded" },
  ],
  [{ kind: "pan-emptied" }, { none: "", photographing: "", asking: "", signing: "", recording: "" }],
];

/** Facts where everything is there: an order, a steady weight, a fresh temperature, stock of one product. */
function facts(mayKeep = true): Facts {
  const rig = receivingRig();
  rig.receive([purchaseOrder("po-1", [orderLine("1"), orderLine("2")])]);
  const { ledger, book } = rig;
  const identity = {
    scaleId: "one",
    label: "one",
    serialNumber: null,
    verifiedOn: null,
    minG: 200,
    maxG: 60_000,
    divisionG: 10,
    protocol: "stgs-text",
    protocolOptions: {},
  };
  return {
    day: "2026-09-01",
    ledger: { ...ledger, stockOf: () => ({ product, balanceG: 1000, balancePieces: 0 }) },
    orders: book,
    mayKeep: () => mayKeep,
    scale: () => identity,
    gate: () => ({
      kind: "ready",
      weight: { shownG: 10_000, netG: 10_000, atMono: 0, window: [], scaleTare: { kind: "none" } },
    }),
    temperature: () => ({ kind: "read", milliC: 3000 }),
    containers: new Map(),
    reasons: {
      override: new Set(["needed"]),
      reject: new Set(["not-fresh", "not-delivered"]),
      strike: new Set(["wrong-line"]),
      bin: new Set(),
    },
  };
}

function stateAt(place: Place, pending: Pending): ReceivingState {
  return { ...START, place, pending, scaleId: "one" };
}

function told(state: ReceivingState, event: ReceivingEvent, known: Facts): string {
  return step(state, event, known)
    .effects.map((effect) => {
      if (effect.kind !== "answer") return effect.kind;
      return effect.answer.kind === "refused" ? effect.answer.reason : effect.answer.kind;
    })
    .join(" ");
}

function commanded(command: ReceivingCommand): ReceivingEvent {
  return { kind: "command", token: 9, id: "i", operatorId: "keeper", command };
}

test("every command in every place", () => {
  const known = facts();
  for (const command of COMMANDS) {
    const cells = Object.values(PLACES).map((place) =>
      told(stateAt(place, PENDINGS.none), commanded(command), known),
    );
    expect([command.kind, ...cells]).toEqual([command.kind, ...AT_REST[command.kind]]);
  }
  expect(new Set(COMMANDS.map(({ kind }) => kind)).size).toBe(Object.keys(AT_REST).length);
});

test("every command while something is under way", () => {
  const known = facts();
  for (const command of COMMANDS) {
    const cell = (pending: Pending["kind"]): string =>
      told(stateAt(PLACES.weighing, PENDINGS[pending]), commanded(command), known);
    expect([command.kind, cell("photographing"), cell("recording")]).toEqual([command.kind, "busy", "busy"]);
    expect([command.kind, cell("signing")]).toEqual([
      command.kind,
      command.kind === "cancel" ? "stop-signing done" : "busy",
    ]);
    const whileAsking = { cancel: "done", override: "sign", "reject-goods": "asked" }[command.kind as string];
    expect([command.kind, cell("asking")]).toEqual([command.kind, whileAsking ?? "busy"]);
  }
});

test("every outcome, of what is under way and of what is not any more", () => {
  const known = facts();
  for (const [event, cells] of OUTCOMES) {
    for (const [pending, expected] of Object.entries(PENDINGS)
      .map(([kind, value]) => [value, kind] as const)
      .map(([value, kind]) => [value, cells[kind as Pending["kind"]]] as const)) {
      const state = stateAt(PLACES.weighing, pending);
      expect([event.kind, pending.kind, told(state, event, known)]).toEqual([
        event.kind,
        pending.kind,
        expected,
      ]);
      // What is not about this leaves everything as it was.
      if (expected === "") expect(step(state, event, known).state).toBe(state);
    }
  }
});

test("nobody without the right does anything", () => {
  const known = facts(false);
  for (const command of COMMANDS)
    for (const place of Object.values(PLACES))
      expect(told(stateAt(place, PENDINGS.none), commanded(command), known)).toBe("no-right");
});
