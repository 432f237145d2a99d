import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "better-sqlite3";
import fc from "fast-check";
import mqtt from "mqtt";
import { expect, onTestFinished, test } from "vitest";
import {
  type JournalFixture,
  journalFixture,
  temporaryFolder,
} from "../../device/journal/journal-fixture.ts";
import { receivingMigrations, SqliteOrderBook } from "../../device/receiving/order-book.ts";
import { MESSAGE_BYTES_MAX } from "../../device/sync/messages.ts";
import { ordersSchema } from "../../device/sync/order-messages.ts";
import { startAedes } from "../../device/sync/testing/brokers.ts";
import { brokerSettings } from "../../device/sync/testing/recording-link.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { demoOrder, seedDemoOrders } from "./demo-orders.ts";
import { OrderDesk, type WrittenOrder } from "./order-desk.ts";
import { databaseFile, RigCloud, RigTerminal } from "./testing/rig.ts";

const DAY = "2026-09-01";

function openBook({ priceFree = false } = {}): JournalFixture & { readonly book: SqliteOrderBook } {
  const fixture = journalFixture({ migrations: [receivingMigrations] });
  const { db, journal, clock, ids } = fixture;
  return { ...fixture, book: new SqliteOrderBook({ db, journal, clock, ids, priceFree }) };
}

function openDesk(folder: string): OrderDesk {
  const db = openCloudDatabase(databaseFile(folder));
  onTestFinished(() => void db.close());
  return new OrderDesk(db, () => Date.parse(`${DAY}T00:00:00Z`));
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

test("a terminal where money and goods are kept apart is sent no price, at its start and with a change", async () => {
  const broker = await startAedes();
  onTestFinished(() => broker.close());
  const cloud = await RigCloud.start(broker.port, temporaryFolder());
  onTestFinished(() => cloud.close());
  seedDemoOrders(cloud.cloud.orders, DAY);
  const line = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`);
  onTestFinished(() => line.endAsync(true));
  const heard = new Map<string, string>();
  line.on("message", (topic, payload) => heard.set(topic, `${heard.get(topic) ?? ""}${payload}`));
  await line.subscribeAsync("canteen/v1/s1/+/down/orders");
  const [apart, together] = [openBook({ priceFree: true }), openBook()];
  const open = (device: string, { journal, book }: typeof apart): void => {
    const address = { site: "s1", device };
    const terminal = new RigTerminal(journal, brokerSettings(broker.port), { orders: book, address });
    onTestFinished(() => terminal.close());
  };
  open("apart", apart);
  open("together", together);
  const books = [apart.book, together.book];
  for (const book of books) await expect.poll(() => book.dueOn(DAY).length).toBe(3);
  seedDemoOrders(cloud.cloud.orders, "2026-09-02");
  cloud.cloud.mqtt.pushOrders();
  for (const book of books) await expect.poll(() => book.dueOn("2026-09-02").length).toBe(3);
  const priceIn = (device: string) =>
    /"priceFen":[^n]/.test(heard.get(`canteen/v1/s1/${device}/down/orders`) ?? "");
  await expect.poll(() => heard.get("canteen/v1/s1/apart/down/orders")).toContain("2026-09-02");
  await expect.poll(() => priceIn("together")).toBe(true);
  expect(priceIn("apart")).toBe(false);
});

test("hundreds of orders come in messages that join each other", () => {
  const desk = openDesk(temporaryFolder());
  for (let day = 1; day <= 28; day += 1) seedDemoOrders(desk, `2026-02-${String(day).padStart(2, "0")}`);
  const { book } = openBook();
  expect(bringUp(book, desk)).toEqual(Array.from({ length: 5 }, () => "applied"));
  expect(book.revision()).toBe(desk.revision());
  expect(bringUp(book, desk)).toEqual([]);
});

test("orders of as many lines as the contract allows come in messages that a terminal takes", () => {
  const desk = openDesk(temporaryFolder());
  const name = "冷鲜去骨鸡腿肉".repeat(11);
  const [line] = demoOrder("po", DAY).lines;
  if (line === undefined) throw new Error("the demo orders nothing");
  const lines = Array.from({ length: 200 }, (_, index) => ({
    ...line,
    lineId: `line-${index}-${"x".repeat(50)}`,
    product: { productId: `product-${index}-${"x".repeat(48)}`, name },
    gtins: Array.from({ length: 10 }, (__, of) => String(10_000_000_000_000 + index * 10 + of)),
  }));
  for (let order = 0; order < 20; order++) desk.put({ ...demoOrder(`po-${order}`, DAY), lines });
  const messages = desk.messagesSince(0);
  expect(messages.flatMap(({ orders }) => orders)).toHaveLength(20);
  for (const message of messages) {
    expect(ordersSchema.safeParse(message).success).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(MESSAGE_BYTES_MAX);
  }
  const { book } = openBook();
  expect(new Set(bringUp(book, desk))).toEqual(new Set(["applied"]));
  expect(book.dueOn(DAY)).toHaveLength(20);
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

/** One order's way through: what the desk sends, and what the terminals' journals then say, until all is said. */
function settle(desk: OrderDesk, terminals: readonly Terminal[]): void {
  for (let isNews = true; isNews; ) {
    isNews = false;
    for (const terminal of terminals) {
      isNews = bringUp(terminal.book, desk).length > 0 || isNews;
      const { journal } = terminal;
      for (const entry of journal.readAfter(terminal.heardSeq, { countMax: 1000, bytesMax: 1e7 })) {
        isNews = desk.heard(entry.body) || isNews;
        terminal.heardSeq = entry.seq;
      }
    }
  }
}

type Terminal = ReturnType<typeof openBook> & { heardSeq: number };
const newTerminal = (): Terminal => ({ ...openBook(), heardSeq: 0 });

const written = (orderId: string, quantity: string): WrittenOrder => {
  const made = demoOrder(orderId, DAY);
  return { ...made, lines: made.lines.map((line) => ({ ...line, quantity })) };
};

test("after a restore no terminal keeps another order than the cloud's, whatever either of them was told", () => {
  const change = fc.record({
    orderId: fc.constantFrom("a", "b", "c"),
    quantity: fc.constantFrom("1", "2", "3"),
  });
  const told = fc.record({ change, terminal: fc.constantFrom(0, 1, null) });
  const some = fc.array(told, { maxLength: 6 });
  fc.assert(
    fc.property(some, some, some, (before, lost, since) => {
      // Seconds between the changes of one time: the clock of a restored cloud has gone on.
      let now = Date.parse("2026-09-01T00:00:00Z");
      const open = (file: string): OrderDesk => {
        const db = openCloudDatabase(file);
        db.pragma("synchronous = OFF");
        opened.push(db);
        return new OrderDesk(db, () => (now += 1000));
      };
      const opened: Database[] = [];
      const terminals = [newTerminal(), newTerminal()];
      const work = (desk: OrderDesk, steps: typeof before): void => {
        for (const { change, terminal } of steps) {
          desk.put(written(change.orderId, change.quantity));
          const to = terminals[terminal ?? -1];
          if (to !== undefined) bringUp(to.book, desk);
        }
      };
      const folder = temporaryFolder();
      const first = open(join(folder, "first.db"));
      work(first, before);
      opened[0]?.exec(`VACUUM INTO '${join(folder, "backup.db")}'`);
      work(first, lost);
      const restored = open(join(folder, "backup.db"));
      work(restored, since);
      // What the old cloud had of the journals is lost with it: the terminals send them again.
      settle(restored, terminals);
      for (const orderId of ["a", "b", "c"]) {
        const own = restored.find(orderId);
        for (const { book } of terminals)
          if (own === undefined) expect(isLost(restored, orderId) || !isKnown(book, orderId)).toBe(true);
          else expect(book.find(orderId)).toEqual(own);
      }
      for (const db of opened) db.close();
    }),
    { numRuns: 25 },
  );
});

const isKnown = (book: SqliteOrderBook, orderId: string): boolean => book.find(orderId) !== undefined;
const isLost = (desk: OrderDesk, orderId: string): boolean =>
  desk.lost(100).some((order) => order.orderId === orderId);

test("a version that terminals hold is never used for other contents, also of an order that the cloud forgot", () => {
  const terminal = newTerminal();
  const before = openDesk(temporaryFolder());
  for (const quantity of ["10", "20", "30"]) before.put(written("po-1", quantity));
  settle(before, [terminal]);
  expect(terminal.book.find("po-1")?.version).toBe(3);
  terminal.heardSeq = 0;
  const restored = openDesk(temporaryFolder());
  settle(restored, [terminal]);
  expect(restored.lost(10)).toEqual([{ orderId: "po-1", version: 3 }]);
  expect(restored.put(written("po-1", "99")).version).toBe(4);
  expect(restored.lost(10)).toEqual([]);
  settle(restored, [terminal]);
  expect(terminal.book.find("po-1")).toEqual(restored.find("po-1"));
  expect(restored.heard({ orders: "not orders" })).toBe(false);
});

test("a cloud that is put back from a backup while terminals hold newer orders brings them to its own, over the broker", async () => {
  const broker = await startAedes();
  onTestFinished(() => broker.close());
  const folder = temporaryFolder();
  const first = await RigCloud.start(broker.port, folder);
  const { journal, book } = openBook();
  first.cloud.orders.put(written("po-1", "10"));
  const terminal = new RigTerminal(journal, brokerSettings(broker.port), { orders: book });
  onTestFinished(() => terminal.close());
  await expect.poll(() => book.find("po-1")?.version).toBe(1);
  await first.close();
  const backup = join(temporaryFolder(), "backup.db");
  copyFileSync(databaseFile(folder), backup);
  const second = await RigCloud.start(broker.port, folder);
  for (const quantity of ["20", "30"]) second.cloud.orders.put(written("po-1", quantity));
  second.cloud.orders.put(written("po-2", "7"));
  await second.connected();
  second.cloud.mqtt.pushOrders();
  await expect.poll(() => [book.find("po-1")?.version, book.find("po-2")?.version]).toEqual([3, 1]);
  await second.close();
  copyFileSync(backup, databaseFile(folder));
  for (const beside of ["-wal", "-shm"]) rmSync(`${databaseFile(folder)}${beside}`, { force: true });
  const restored = await RigCloud.start(broker.port, folder);
  onTestFinished(() => restored.close());
  await expect.poll(() => book.find("po-1")).toMatchObject({ version: 4, lines: [{ quantity: "10" }] });
  expect(restored.cloud.orders.find("po-1")).toEqual(book.find("po-1"));
  await expect.poll(() => restored.cloud.orders.lost(10)).toEqual([{ orderId: "po-2", version: 1 }]);
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
  const { lines, ...rest } = written("po-1", "10");
  const plain = lines.map(({ tolerance: _, ...line }) => line);
  const made = await fetch(`${cloud.cloud.url}/api/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...rest, lines: plain }),
  });
  expect(await made.json()).toMatchObject({
    order: { lines: [{ tolerance: { underBp: 500, overBp: 500 } }] },
  });
});
