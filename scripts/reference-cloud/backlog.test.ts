import { describe, expect, it, onTestFinished } from "vitest";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { startMosquitto } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { TcpProxy } from "../../device/sync/testing/tcp-proxy.ts";
import { hasTool } from "../../test/require-tool.ts";
import { oneTo, RigCloud, RigTerminal } from "./testing/rig.ts";

/** Some seconds of each line; unpaced, all of it would be on the line at once. */
const LINES = [
  ["1 Mbit/s", 128 * 1024, 200],
  ["48 kbit/s", 6000, 20],
  ["19.2 kbit/s", 2400, 8],
] as const;

describe.runIf(hasTool("mosquitto"))("a backlog behind a slow line, through mosquitto", () => {
  it.each(LINES)(
    "never has more on a line of %s than that carries in a second: an alarm would wait for no more",
    async (_name, bytesPerSecond, entryCount) => {
      const broker = await startMosquitto();
      onTestFinished(() => broker.close());
      const cloud = await RigCloud.start(broker.port, temporaryFolder());
      onTestFinished(() => cloud.close());
      await cloud.connected();
      const line = await TcpProxy.start(broker.port);
      onTestFinished(() => line.close());
      line.throttle(bytesPerSecond);
      const { journal, ids } = journalFixture();
      journal.transact(() => {
        for (let count = 0; count < entryCount; count++)
          journal.append({ id: ids.next(), kind: "test.entry", body: { text: "x".repeat(700) } });
      });
      const terminal = new RigTerminal(journal, brokerSettings(line.port), {
        receiptWaitMsMax: 15_000,
        waits: {},
      });
      onTestFinished(() => terminal.close());
      await terminal.drained();
      expect(cloud.storedSeqs()).toEqual(oneTo(entryCount));
      expect(line.queuedBytesMax).toBeLessThan(bytesPerSecond);
    },
  );
});
