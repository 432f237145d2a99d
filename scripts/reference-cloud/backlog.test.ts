import { describe, expect, it, onTestFinished } from "vitest";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { startMosquitto } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { TcpProxy } from "../../device/sync/testing/tcp-proxy.ts";
import { hasTool } from "../../test/require-tool.ts";
import { oneTo, RigCloud, RigTerminal } from "./testing/rig.ts";

const BYTES_PER_SECOND = 128 * 1024;
/** Nearly two seconds of the line; unpaced, all of it would be on the line at once. */
const ENTRY_COUNT = 200;

describe.runIf(hasTool("mosquitto"))("a backlog behind a slow line, through mosquitto", () => {
  it("never has more on the line than the line carries in a second: an alarm would wait for no more", async () => {
    const broker = await startMosquitto();
    onTestFinished(() => broker.close());
    const cloud = await RigCloud.start(broker.port, temporaryFolder());
    onTestFinished(() => cloud.close());
    await cloud.connected();
    const line = await TcpProxy.start(broker.port);
    onTestFinished(() => line.close());
    line.throttle(BYTES_PER_SECOND);
    const { journal, ids } = journalFixture();
    journal.transact(() => {
      for (let count = 0; count < ENTRY_COUNT; count++)
        journal.append({ id: ids.next(), kind: "test.entry", body: { text: "x".repeat(700) } });
    });
    const terminal = new RigTerminal(journal, brokerSettings(line.port), { receiptWaitMsMax: 15_000 });
    onTestFinished(() => terminal.close());
    await terminal.drained();
    expect(cloud.storedSeqs()).toEqual(oneTo(ENTRY_COUNT));
    expect(line.queuedBytesMax).toBeLessThan(BYTES_PER_SECOND);
  });
});
