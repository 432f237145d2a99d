import { expect, onTestFinished, test } from "vitest";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import type { AlarmSource } from "../../device/sync/alarm-uplink.ts";
import { startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { appendMany, RigCloud, RigTerminal } from "./testing/rig.ts";

/** A cabinet whose only alarm comes and goes as the test says. */
function playedSource(): AlarmSource & { raise(isRaised: boolean): void } {
  let isRaised = false;
  const listeners = new Set<(cabinetId: string) => void>();
  const alarm = {
    alarmId: "018f0000-0000-7000-8000-000000000001",
    type: "high",
    subject: "air",
    text: { zh: "温度过高", en: "too warm" },
    level: "major",
    state: "unacknowledged",
    isEscalated: false,
    raisedAtMs: 1,
  } as const;
  return {
    cabinetIds: () => ["fridge-1"],
    state: () => ({
      level: isRaised ? "major" : null,
      isSounding: isRaised,
      probes: [{ probeId: "air", milliC: 9000, fault: null }],
      alarms: isRaised ? [alarm] : [],
    }),
    onChanged: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    raise: (raised) => {
      isRaised = raised;
      for (const listener of listeners) listener("fridge-1");
    },
  };
}

const BACKLOG = 5000;

test("an alarm overtakes a backlog of thousands of entries, is retained, and its end is told too", async () => {
  const broker = await startAedes();
  onTestFinished(() => broker.close());
  const { journal } = journalFixture();
  appendMany(journal, BACKLOG);
  const first = await RigCloud.start(broker.port, temporaryFolder());
  await first.connected();
  const source = playedSource();
  source.raise(true);
  let waitingAtAlarm = 0;
  const terminal = new RigTerminal(journal, brokerSettings(broker.port), { alarms: source });
  onTestFinished(() => terminal.close());
  await first.until(({ alarms }) => alarms.all()[0]?.state.alarms.length === 1);
  waitingAtAlarm = terminal.sync.status().waitingCount;
  expect(waitingAtAlarm).toBeGreaterThan(BACKLOG / 2);
  source.raise(false);
  await first.until(({ alarms }) => alarms.all()[0]?.state.alarms.length === 0);
  source.raise(true);
  await first.until(({ alarms }) => alarms.all()[0]?.state.alarms.length === 1);
  await terminal.drained();
  await first.close();
  // Another cloud was told nothing: the broker kept it.
  const second = await RigCloud.start(broker.port, temporaryFolder());
  onTestFinished(() => second.close());
  await second.until(({ alarms }) => alarms.all()[0]?.state.level === "major");
  const { cabinets } = (await (await fetch(`${second.cloud.url}/api/cabinets`)).json()) as {
    cabinets: { cabinetId: string; device: string }[];
  };
  expect(cabinets).toMatchObject([{ cabinetId: "fridge-1", device: "t1" }]);
});
