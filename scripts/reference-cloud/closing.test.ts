import { expect, it } from "vitest";
import { temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { VirtualClock } from "../../device/platform/virtual-clock.ts";
import { freePort } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { startTestCloud } from "./testing/rig.ts";

it("touches nothing after its end, whatever came while it closed", async () => {
  const virtual = new VirtualClock();
  const broker = brokerSettings(await freePort());
  const cloud = await startTestCloud(temporaryFolder(), broker, { clock: virtual, demoRoster: true });
  await virtual.advance(1000);
  const closing = cloud.close();
  cloud.ledger.topUp("top-up-1", "p-1001", 100);
  await closing;
  await virtual.advance(1000);
  expect(() => cloud.ledger.count()).toThrow("not open");
});
