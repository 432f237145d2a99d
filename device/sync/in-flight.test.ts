import { describe, expect, it, onTestFinished } from "vitest";
import { hasTool } from "../../test/require-tool.ts";
import type { PublishOutcome } from "./mqtt-connection.ts";
import { startAedes, startMosquitto, type TestBroker } from "./testing/brokers.ts";
import { brokerSettings, RecordingLink } from "./testing/recording-link.ts";

/** What becomes of `count` messages that are handed over in one go. */
async function outcomes(broker: TestBroker, count: number): Promise<Record<string, number>> {
  onTestFinished(() => broker.close());
  const terminal = await new RecordingLink(brokerSettings(broker.port)).connected();
  onTestFinished(() => terminal.link.close({ waitMsMax: 0 }));
  const all: PublishOutcome[] = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      terminal.link.publish({ topic: "canteen/v1/s1/t1/up/journal", payload: `${index}`, retain: false }),
    ),
  );
  const counted: Record<string, number> = {};
  for (const { kind } of all) counted[kind] = (counted[kind] ?? 0) + 1;
  return counted;
}

describe("messages without PUBACK", () => {
  it("are sixteen at most, and the rest is told that there is no room", async () => {
    expect(await outcomes(await startAedes(), 20)).toEqual({ acked: 16, busy: 4 });
  });

  describe.runIf(hasTool("mosquitto"))("through mosquitto", () => {
    it("are sixteen at most where the broker would take twenty", async () => {
      expect(await outcomes(await startMosquitto(), 20)).toEqual({ acked: 16, busy: 4 });
    });

    it("are as few as the broker's receive maximum", async () => {
      const broker = await startMosquitto({ lines: ["max_inflight_messages 3"] });
      expect(await outcomes(broker, 20)).toEqual({ acked: 3, busy: 17 });
    });
  });
});
