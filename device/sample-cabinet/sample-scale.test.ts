import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { FakeScale, SETTINGS } from "./sample-fixture.ts";
import { SampleScale } from "./sample-scale.ts";

const [box] = SETTINGS.containers;
if (box === undefined) throw new Error("the fixture has a container");

/** @param isEmpty the pan was seen empty once. */
function rig(isEmpty = true) {
  const clock = new VirtualClock();
  const scale = new FakeScale(clock);
  const pan = new SampleScale({
    scale,
    scaleId: "sample-scale",
    rules: SETTINGS,
    clock,
    onChanged: () => {},
  });
  if (isEmpty) scale.say(0);
  return { clock, scale, pan };
}

test("the least weight is 125 g without the container, and what is missing is said", () => {
  const { scale, pan } = rig();
  scale.say(140);
  expect(pan.live(box)).toEqual({ state: "stable", grossG: 140, netG: 120, shortG: 5 });
  expect(pan.take(box)).toMatchObject({ kind: "refused", reason: "too-light", live: { shortG: 5 } });
  scale.say(145);
  expect(pan.take(box)).toMatchObject({ kind: "taken", weight: { netG: 125, grossG: 145, tareG: 20 } });
});

test("a scale that was tared itself has the container taken off already", () => {
  const { scale, pan } = rig();
  scale.say(130, { mode: "net" });
  expect(pan.take(box)).toMatchObject({
    kind: "taken",
    weight: { netG: 130, grossG: 130, tareG: 0, tareFrom: "scale" },
  });
});

test.each([
  ["not-stable", { stable: false }],
  ["not-grams", { grams: null, value: null }],
  ["not-grams", { grams: null, value: "5.2", unit: "lb" }],
] as const)("no weight is taken: %s", (reason, more) => {
  const { scale, pan } = rig();
  scale.say(200, more);
  expect(pan.take(box)).toMatchObject({ kind: "refused", reason });
});

test("a reading that is old, or of a scale that is away, is not what lies on the pan", async () => {
  const { clock, scale, pan } = rig(false);
  expect(pan.take(box)).toMatchObject({ kind: "refused", reason: "scale-silent" });
  scale.say(200);
  await clock.advance(3001);
  expect(pan.take(box)).toMatchObject({ kind: "refused", reason: "scale-silent" });
  scale.say(200);
  scale.isLive = false;
  expect(pan.take(box)).toMatchObject({ kind: "refused", reason: "scale-silent" });
});

test("one portion is not two samples: the pan must be empty in between", () => {
  const { scale, pan } = rig();
  scale.say(200);
  expect(pan.take(box).kind).toBe("taken");
  pan.used();
  scale.say(210);
  expect(pan.take(box)).toMatchObject({ kind: "refused", reason: "pan-not-cleared" });
  // Somebody touched it.
  scale.say(12, { stable: false });
  scale.say(210);
  expect(pan.take(box)).toMatchObject({ kind: "refused", reason: "pan-not-cleared" });
  scale.say(12);
  scale.say(210);
  expect(pan.take(box).kind).toBe("taken");
});

test("what lies on the pan at the start may be a sample already, of before a restart", () => {
  const { scale, pan } = rig(false);
  scale.say(200);
  expect(pan.take(box)).toMatchObject({ kind: "refused", reason: "pan-not-cleared" });
  scale.say(0);
  scale.say(200);
  expect(pan.take(box).kind).toBe("taken");
});

test("more than a canteen's sample ever weighs is a mistake", () => {
  const { scale, pan } = rig();
  scale.say(1500);
  expect(pan.take(box)).toMatchObject({ kind: "refused", reason: "too-heavy" });
});

test("the entry holds the last frames of the stable window and the hash of all of them", () => {
  const { scale, pan } = rig();
  scale.say(150, { raw: Buffer.from("another weight") });
  const frames = ["1", "2", "3", "4", "5", "6", "7"].map((text) => Buffer.from(`frame ${text}`));
  for (const raw of frames) scale.say(180, { raw });
  const hash = createHash("sha256");
  for (const raw of frames) hash.update(Buffer.from([0, 0, 0, raw.byteLength])).update(raw);
  const taken = pan.take(box);
  expect(taken).toMatchObject({ weight: { frameCount: 7, framesSha256: hash.digest("hex") } });
  if (taken.kind !== "taken") throw new Error("taken");
  expect(taken.weight.lastFrames).toHaveLength(5);
});

test("tenths of a gram are dropped, never rounded up to the least weight", () => {
  const { scale, pan } = rig();
  fc.assert(
    fc.property(fc.integer({ min: -50_000, max: 50_000 }), (tenths) => {
      const sign = tenths < 0 ? "-" : "";
      const value = `${sign}${Math.floor(Math.abs(tenths) / 10)}.${Math.abs(tenths) % 10}`;
      scale.say(0, { grams: null, value, unit: "g" });
      expect(pan.live(box).grossG).toBe(Math.floor(tenths / 10) || 0);
      scale.say(0, {
        grams: null,
        value: `${sign}0.${String(Math.abs(tenths)).padStart(5, "0")}`,
        unit: "kg",
      });
      expect(pan.live(box).grossG).toBe(Math.floor(tenths / 100) || 0);
    }),
  );
});
