import { expect, test } from "vitest";
import type { Signature } from "../signatures/signature-port.ts";
import { SETTINGS } from "./sample-fixture.ts";
import { stepTaking, type TakingInput, type TakingState, type Weighed } from "./sample-taking.ts";
import type { TakingWhat } from "./samples-port.ts";

const what: TakingWhat = {
  sampleId: "s1",
  meal: { date: "2026-09-07", periodId: "lunch", periodName: { zh: "午餐", en: "Lunch" } },
  dish: { dishId: "rice", dishName: { zh: "米饭", en: "Rice" } },
  isLate: false,
};
const [box, none] = SETTINGS.containers;
if (box === undefined || none === undefined) throw new Error("the fixture has two containers");
const weighed: Weighed = {
  atMono: 5,
  weight: {
    netG: 150,
    grossG: 170,
    tareG: 20,
    tareFrom: "container",
    containerId: "box",
    scaleId: "s",
    framesSha256: "0".repeat(64),
    frameCount: 1,
    lastFrames: [],
  },
};
const photo = {
  kind: "taken",
  photo: { photoSha256: "a", thumbnailSha256: "b", offMs: 0, cameraLabel: "c", facesBlurred: 0 },
} as const;
const signature: Signature = { operatorId: "li", displayName: "李", by: "pin" };

const STATES: Readonly<Record<string, TakingState>> = {
  idle: { step: "idle" },
  weighing: { step: "weighing", what, container: box },
  photographing: { step: "photographing", what, weighed },
  "photo-failed": { step: "photo-failed", what, weighed, reason: "camera-lost" },
  signing: { step: "signing", what, weighed, photo, isLooking: false },
  looking: { step: "signing", what, weighed, photo, isLooking: true },
  "choosing-slot": { step: "choosing-slot", what, weighed, photo, signature },
  stored: { step: "stored", sampleId: "s1" },
};

const INPUTS: Readonly<Record<string, TakingInput>> = {
  start: { kind: "start", what, container: box },
  container: { kind: "choose-container", container: none },
  weigh: { kind: "weigh", weighed },
  photo: { kind: "photo", sampleId: "s1", found: photo },
  "no photo": { kind: "photo", sampleId: "s1", found: { kind: "missing", reason: "no-frame" } },
  "another's photo": { kind: "photo", sampleId: "s0", found: photo },
  retry: { kind: "retry-photo" },
  without: { kind: "go-on-without-photo" },
  look: { kind: "look" },
  looked: { kind: "looked", sampleId: "s1" },
  signed: { kind: "signed", sampleId: "s1", signature },
  "signed for another": { kind: "signed", sampleId: "s0", signature },
  "stored it": { kind: "stored", sampleId: "s1" },
  "stored another": { kind: "stored", sampleId: "s0" },
  cancel: { kind: "cancel" },
  forget: { kind: "forget" },
};

/** Where each input leads from each state; what is not named here is not taken and changes nothing. */
const TABLE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  idle: { start: "weighing" },
  weighing: { container: "weighing", weigh: "photographing +take-photo", cancel: "idle", forget: "idle" },
  photographing: { photo: "signing", "no photo": "photo-failed", cancel: "idle", forget: "idle" },
  "photo-failed": { retry: "photographing +take-photo", without: "signing", cancel: "idle", forget: "idle" },
  signing: { look: "signing", looked: "signing", signed: "choosing-slot", cancel: "idle", forget: "idle" },
  looking: {
    looked: "signing",
    signed: "choosing-slot +stop-looking",
    cancel: "idle +stop-looking",
    forget: "idle +stop-looking",
  },
  "choosing-slot": { "stored it": "stored", cancel: "idle", forget: "idle" },
  stored: { start: "weighing", cancel: "idle", forget: "idle" },
};

test.each(Object.keys(STATES).flatMap((from) => Object.keys(INPUTS).map((by) => [from, by] as const)))(
  "taking a sample: %s, %s",
  (from, by) => {
    const state = STATES[from];
    const input = INPUTS[by];
    if (state === undefined || input === undefined) throw new Error("no such row");
    const { state: next, effects, isTaken } = stepTaking(state, input);
    const said = [next.step, ...effects.map(({ kind }) => `+${kind}`)].join(" ");
    const expected = TABLE[from]?.[by];
    if (expected === undefined) {
      expect(isTaken).toBe(false);
      expect(next).toBe(state);
      expect(effects).toEqual([]);
    } else expect([said, isTaken]).toEqual([expected, true]);
  },
);

test("what was weighed and photographed goes along unchanged to the slot", () => {
  let state: TakingState = { step: "idle" };
  for (const by of ["start", "container", "weigh", "photo", "look", "signed"]) {
    const input = INPUTS[by];
    if (input !== undefined) state = stepTaking(state, input).state;
  }
  expect(state).toEqual({ step: "choosing-slot", what, weighed, photo, signature });
});

test("going on without a photo keeps the reason", () => {
  const failed = STATES["photo-failed"];
  if (failed === undefined) throw new Error("no such row");
  expect(stepTaking(failed, { kind: "go-on-without-photo" }).state).toMatchObject({
    step: "signing",
    photo: { kind: "missing", reason: "camera-lost" },
  });
});
