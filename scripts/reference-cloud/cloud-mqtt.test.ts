import type { Database } from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { systemEntropy } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { rosterMessageSchema } from "../../device/roster/roster-delta.ts";
import { rosterFixture } from "../../device/roster/roster-fixture.ts";
import type { OutgoingMessage } from "../../device/sync/mqtt-connection.ts";
import type { LinkListener } from "../../device/sync/mqtt-link.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { CHANNELS, topicOf } from "../../device/sync/topics.ts";
import { AlarmBoard } from "./alarm-board.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { CloudMqtt } from "./cloud-mqtt.ts";
import { DeviceBook } from "./device-book.ts";
import { JournalIntake } from "./journal-intake.ts";
import { OrderDesk } from "./order-desk.ts";
import { PeopleLedger } from "./people-ledger.ts";
import { PhotoIntake } from "./photo-intake.ts";
import { SealedTemplates } from "./template-store.ts";
import { person } from "./testing/person.ts";
import { clock, ids } from "./testing/rig.ts";

const t1 = { site: "s1", device: "t1" };
/** Three parts of a snapshot. */
const PEOPLE_COUNT = 1001;

/** The cloud's side on a line that takes everything; what it sends to the terminal's roster lies in `sent`. */
function cloudOn(db: Database) {
  const now = (): number => clock.now();
  const people = new PeopleLedger({ db, now, onChanged: () => {}, onConsentWithdrawn: () => {} });
  const sent: OutgoingMessage[] = [];
  const line: { listener?: LinkListener } = {};
  const mqtt = new CloudMqtt({
    broker: brokerSettings(0),
    intake: new JournalIntake(db, now, () => {}),
    devices: new DeviceBook(db, now),
    roster: people,
    templates: new SealedTemplates(db, now),
    photos: new PhotoIntake(db, temporaryFolder(), now),
    alarms: new AlarmBoard(now),
    orders: new OrderDesk(db, now),
    mealPlan: () => null,
    onChanged: () => {},
    ...{ clock, entropy: systemEntropy, ids, logger: silentLogger },
    makeLink: (_options, listener) => {
      line.listener = listener;
      return {
        start: () => {},
        state: () => ({ connection: "connected", reason: null }),
        publish: (message) => {
          if (message.topic === topicOf(t1, "roster")) sent.push(message);
          return Promise.resolve({ kind: "acked" });
        },
        close: () => Promise.resolve(),
      };
    },
  });
  const hear = (name: "online" | "reported", message: object): void => {
    CHANNELS[name].schema.parse(message);
    line.listener?.onMessage({ topic: topicOf(t1, name), payload: Buffer.from(JSON.stringify(message)) });
  };
  return { people, mqtt, sent, hear };
}

type Cloud = ReturnType<typeof cloudOn>;

/** A terminal that says what it has, and after each message what became of it. */
function terminalAt(cloud: () => Cloud) {
  const { roster } = rosterFixture();
  const common = { v: 1, atMs: 1 };
  return {
    roster,
    born: () =>
      cloud().hear("online", {
        ...common,
        ...{ online: true, connectionId: "c", contract: [1], software: "test", headSeq: 0, ackedSeq: 0 },
        ...{ rosterVersion: roster.version(), mealPlanVersion: null, ordersRevision: 0 },
      }),
    take: (message: OutgoingMessage) => {
      const applied = roster.apply(rosterMessageSchema.parse(JSON.parse(String(message.payload))));
      const version = roster.version();
      cloud().hear("reported", { ...common, what: "roster", version, status: applied.kind, code: null });
    },
  };
}

/** Lets the terminal have all that was sent, also what its answers cause. @returns how many messages. */
async function deliver(cloud: Cloud, take: (message: OutgoingMessage) => void): Promise<number> {
  let count = 0;
  for (; count < cloud.sent.length; count++) {
    const message = cloud.sent[count];
    if (message !== undefined) take(message);
    // The broker's answers let go what waits for the window.
    await new Promise(setImmediate);
    if (count > 50) throw new Error("the cloud sends without end");
  }
  return count;
}

it("sends everyone once to a terminal that lacks more than a message holds, however many parts it answers", async () => {
  const db = openCloudDatabase(":memory:");
  onTestFinished(() => void db.close());
  let cloud = cloudOn(db);
  const terminal = terminalAt(() => cloud);
  for (let number = 1; number <= PEOPLE_COUNT; number++) cloud.people.put(person(`p-${number}`), 100);
  for (const message of cloud.people.messagesSince(t1, 0))
    terminal.roster.apply(rosterMessageSchema.parse(message));
  // The cloud starts again, and cannot know whether what the terminal has is its own.
  cloud = cloudOn(db);
  cloud.people.topUp("top-up-1", "p-1", 50);
  terminal.born();
  expect(await deliver(cloud, terminal.take)).toBe(3);
  expect(terminal.roster.version()).toBe(cloud.people.version());
  expect(terminal.roster.account("p-1")?.balanceFen).toBe(150);
});

it("does not send everyone again because an account changes while the parts are on their way", async () => {
  const db = openCloudDatabase(":memory:");
  onTestFinished(() => void db.close());
  let cloud = cloudOn(db);
  const terminal = terminalAt(() => cloud);
  for (let number = 1; number <= PEOPLE_COUNT; number++) cloud.people.put(person(`p-${number}`), 100);
  for (const message of cloud.people.messagesSince(t1, 0))
    terminal.roster.apply(rosterMessageSchema.parse(message));
  cloud = cloudOn(db);
  cloud.people.topUp("top-up-1", "p-1", 50);
  terminal.born();
  let topUps = 1;
  const kinds: string[] = [];
  await deliver(cloud, (message) => {
    kinds.push(rosterMessageSchema.parse(JSON.parse(String(message.payload))).kind);
    terminal.take(message);
    if (topUps > 3) return;
    cloud.people.topUp(`top-up-${++topUps}`, "p-2", 1);
    cloud.mqtt.pushRoster();
  });
  expect(kinds.filter((kind) => kind === "snapshot")).toHaveLength(3);
  expect(terminal.roster.version()).toBe(cloud.people.version());
  expect(terminal.roster.account("p-2")?.balanceFen).toBe(103);
});
