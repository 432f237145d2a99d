import { expect, it } from "vitest";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { PacedSender } from "./paced-sender.ts";

const PERIOD_MS = 100;

it("sends the first change at once, and of the many that follow only the newest, each period", async () => {
  const clock = new VirtualClock();
  let reading = 0;
  const sent: number[] = [];
  const sender = new PacedSender(clock, PERIOD_MS, () => sent.push(reading) > 0);
  for (reading = 1; reading <= 25; reading += 1) {
    sender.changed();
    await clock.advance(10);
  }
  await clock.advance(PERIOD_MS);
  expect(sent).toEqual([1, 10, 20, 26]);
  await clock.advance(10 * PERIOD_MS);
  expect(sent).toHaveLength(4);
});

it("tries again after the period when nobody could be told, without a new change", async () => {
  const clock = new VirtualClock();
  const heard: boolean[] = [];
  const sender = new PacedSender(clock, PERIOD_MS, () => heard.push(heard.length === 2) === 3);
  sender.changed();
  await clock.advance(5 * PERIOD_MS);
  expect(heard).toEqual([false, false, true]);
});

it("sends nothing more once it is closed", async () => {
  const clock = new VirtualClock();
  let sentCount = 0;
  const sender = new PacedSender(clock, PERIOD_MS, () => {
    sentCount += 1;
    return true;
  });
  sender.changed();
  sender.changed();
  sender.close();
  await clock.advance(5 * PERIOD_MS);
  expect(sentCount).toBe(1);
});
