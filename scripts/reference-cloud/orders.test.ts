import { expect, onTestFinished, test } from "vitest";
import {
  type JournalFixture,
  journalFixture,
  temporaryFolder,
} from "../../device/journal/journal-fixture.ts";
import { receivingMigrations, SqliteOrderBook } from "../../device/receiving/order-book.ts";
import { startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { seedDemoOrders } from "./demo-orders.ts";
import { OrderDesk } from "./order-desk.ts";
import { databaseFile, RigCloud, RigTerminal } from "./testing/rig.ts";

const DAY = "2026-09-01";

function openBook(): JournalFixture & { readonly book: SqliteOrderBook } {
  const fixture = journalFixture({ migrations: [receivingMigrations] });
  const { db, journal, clock, ids } = fixture;
  return { ...fixture, book: new SqliteOrderBook({ db, journal, clock, ids, priceFree: false }) };
}

function openDesk(folder: string): OrderDesk {
  const db = openCloudDatabase(databaseFile(folder));
  onTestFinished(() => void db.close());
  return new OrderDesk(db);
}

/** All that the desk would send to this book, applied. */
function bringUp(book: SqliteOrderBook, desk: OrderDesk): readonly string[] {
  return desk.messagesSince(book.revision()).map((message) => book.apply(message).kind);
}

test("orders reach a terminal at its start, and a change while it is there", async () => {
  const broker = await startAedes();
  onTestFinished(() => broker.close());
  const cloud = await RigCloud.start(broker.port, temporaryFolder());
  onTestFinished(() => cloud.close());
  seedDemoOrders(cloud.cloud.orders, DAY);
  const { journal, book } = openBook();
  const terminal = new RigTerminal(journal, brokerSettings(broker.port), { orders: book });
  onTestFinished(() => terminal.close());
  await expect.poll(() => book.dueOn(DAY).length).toBe(3);
  const [first] = book.dueOn(DAY);
  if (first === undefined) throw new Error("no order came");
  const { version: _version, ...written } = first;
  const answer = await fetch(`${cloud.cloud.url}/api/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...written, status: "cancelled" }),
  });
  expect(answer.status).toBe(200);
  await expect.poll(() => book.find(first.orderId)).toMatchObject({ status: "cancelled", version: 2 });
  await terminal.drained();
  expect(cloud.storedSeqs()).toHaveLength(journal.head().seq);
});

test("hundreds of orders come in messages that join each other", () => {
  const desk = openDesk(temporaryFolder());
  for (let day = 1; day <= 28; day += 1) seedDemoOrders(desk, `2026-02-${String(day).padStart(2, "0")}`);
  const { book } = openBook();
  expect(bringUp(book, desk)).toEqual(Array.from({ length: 5 }, () => "applied"));
  expect(book.revision()).toBe(desk.revision());
  expect(bringUp(book, desk)).toEqual([]);
});

test("a desk that was restored from a backup goes on above what a terminal knows", () => {
  const { book } = openBook();
  const before = openDesk(temporaryFolder());
  seedDemoOrders(before, DAY);
  seedDemoOrders(before, "2026-09-02");
  bringUp(book, before);
  const restored = openDesk(temporaryFolder());
  seedDemoOrders(restored, "2026-09-03");
  bringUp(book, restored);
  expect(book.dueOn("2026-09-03")).toHaveLength(3);
  expect(book.dueOn("2026-09-02")).toHaveLength(3);
});

test("the page's API refuses an order that the contract would not let through", async () => {
  const broker = await startAedes();
  onTestFinished(() => broker.close());
  const cloud = await RigCloud.start(broker.port, temporaryFolder());
  onTestFinished(() => cloud.close());
  const answer = await fetch(`${cloud.cloud.url}/api/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ orderId: "po-1", lines: [] }),
  });
  expect(answer.status).toBe(400);
  const due = await fetch(`${cloud.cloud.url}/api/orders?due=${DAY}`);
  expect(await due.json()).toEqual({ orders: [] });
});
