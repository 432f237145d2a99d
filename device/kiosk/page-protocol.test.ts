import { expect, test } from "vitest";
import { cabinetCommandSchema } from "./cabinet-protocol.ts";
import { receivingCommandSchema } from "./receiving-protocol.ts";

/** An emoji that was cut in the middle. */
const HALF = "\ud83c";
const signer = { by: "pin", operatorId: "li", pin: "1" };

test.each([
  { kind: "choose-not-ordered", name: "韭菜", gtin: null },
  { kind: "set-goods", lot: "L7" },
  { kind: "start-issue", productId: "p-1", target: { kind: "meal", mealId: "lunch" } },
])("no half character gets from the receiving page into an entry: $kind", (command) => {
  expect(receivingCommandSchema.safeParse(command).success).toBe(true);
  const broken = JSON.parse(JSON.stringify(command).replace(/韭菜|L7|lunch/, HALF));
  expect(receivingCommandSchema.safeParse(broken).success).toBe(false);
});

test("goods that were on no order can be weighed out by the name they were given, however long", () => {
  const productId = `unlisted:${"菜".repeat(80)}`;
  const command = { kind: "start-issue", productId, target: { kind: "meal", mealId: "lunch" } };
  expect(receivingCommandSchema.safeParse(command).success).toBe(true);
});

test.each([
  { kind: "shelve", key: "fridge/high", durationMs: 3_600_000, reason: "等待维修", signer },
  { kind: "acknowledge", alarmId: "a-1", action: { code: "other", text: "等待维修" }, signer },
])("nor from the cabinet's: $kind", (command) => {
  expect(cabinetCommandSchema.safeParse(command).success).toBe(true);
  const broken = JSON.parse(JSON.stringify(command).replace("等待维修", HALF));
  expect(cabinetCommandSchema.safeParse(broken).success).toBe(false);
});
