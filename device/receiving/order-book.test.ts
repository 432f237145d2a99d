import fc from "fast-check";
import { expect, test } from "vitest";
import { journalFixture } from "../journal/journal-fixture.ts";
import { receivingMigrations, SqliteOrderBook } from "./order-book.ts";
import type { OrderLine, PurchaseOrder } from "./order-port.ts";

const DAY = "2026-09-01";

const line = (lineId: string, more: Partial<OrderLine> = {}): OrderLine => ({
  lineId,
  product: { productId: `p-${lineId}`, name: "土豆" },
  unit: "kg",
  quantity: "12.5",
  packTareG: null,
  tolerance: { underBp: 500, overBp: 500 },
  priceFen: 320,
  gtins: [],
  temperatureMilliCMax: null,
  lotRequired: false,
  shelfDaysMin: null,
  ...more,
});

const order = (orderId: string, version: number, more: Partial<PurchaseOrder> = {}): PurchaseOrder => ({
  orderId,
  version,
  supplier: { supplierId: "s1", name: "绿源蔬菜" },
  dueDate: DAY,
  status: "open",
  lines: [line("1")],
  ...more,
});

function rig(priceFree = false) {
  const fixture = journalFixture({ migrations: [receivingMigrations] });
  const { db, journal, clock, ids } = fixture;
  return { ...fixture, book: new SqliteOrderBook({ db, journal, clock, ids, priceFree }) };
}

test("an order that came is there, and the record says which version came when", () => {
  const { book, journal } = rig();
  expect(book.apply({ after: 0, revision: 3, orders: [order("po-1", 1)] })).toEqual({
    kind: "applied",
    revision: 3,
  });
  expect(book.dueOn(DAY)).toEqual([order("po-1", 1)]);
  expect(journal.entryBySeq(1)).toMatchObject({
    kind: "orders.received",
    body: { revision: 3, orders: [{ orderId: "po-1", version: 1, lines: 1 }] },
  });
});

test("a repetition changes nothing, and a change that does not join asks for what is missing", () => {
  const { book, journal } = rig();
  const change = { after: 0, revision: 3, orders: [order("po-1", 1)] };
  book.apply(change);
  expect(book.apply(change)).toEqual({ kind: "stale" });
  expect(book.apply({ after: 5, revision: 6, orders: [order("po-2", 1)] })).toEqual({ kind: "gap", have: 3 });
  expect(book.find("po-2")).toBeUndefined();
  expect(journal.head().seq).toBe(1);
});

test("the newest version is in force, and an older one can still be looked up", () => {
  const { book } = rig();
  book.apply({ after: 0, revision: 1, orders: [order("po-1", 1)] });
  const changed = order("po-1", 2, { lines: [line("1", { quantity: "10" })] });
  book.apply({ after: 1, revision: 2, orders: [changed] });
  expect(book.find("po-1")).toEqual(changed);
  expect(book.find("po-1", 1)).toEqual(order("po-1", 1));
  expect(book.dueOn(DAY)).toEqual([changed]);
});

test("a version that was used before never takes the place of what it was used for, and the record says so", () => {
  const { book, journal } = rig();
  book.apply({ after: 0, revision: 1, orders: [order("po-1", 7), order("po-2", 3)] });
  const other = order("po-1", 7, { lines: [line("1", { quantity: "99" })] });
  const sent = [order("po-1", 5), other, order("po-2", 3)];
  for (const [at, offered] of sent.entries()) book.apply({ after: 1, revision: 2 + at, orders: [offered] });
  expect(book.find("po-1")).toEqual(order("po-1", 7));
  const kept = [2, 3, 4].map((seq) => journal.entryBySeq(seq)?.body["kept"]);
  expect(kept).toEqual([
    [{ orderId: "po-1", offeredVersion: 5, heldVersion: 7 }],
    [{ orderId: "po-1", offeredVersion: 7, heldVersion: 7 }],
    undefined,
  ]);
});

test("a cancelled order leaves the day's list, not the book", () => {
  const { book } = rig();
  book.apply({ after: 0, revision: 1, orders: [order("po-1", 1)] });
  book.apply({ after: 1, revision: 2, orders: [order("po-1", 2, { status: "cancelled" })] });
  expect(book.dueOn(DAY)).toEqual([]);
  expect(book.find("po-1")?.status).toBe("cancelled");
});

test("where money and goods are kept apart no price reaches the disk", () => {
  const { book, db } = rig(true);
  book.apply({ after: 0, revision: 1, orders: [order("po-1", 1)] });
  expect(book.find("po-1")?.lines[0]?.priceFen).toBeNull();
  const rows = db.prepare<[], { content: string }>("SELECT content FROM purchase_order").all();
  expect(rows.map(({ content }) => content).join()).not.toContain("320");
});

test("the book is the same after a restart", () => {
  const first = rig();
  first.book.apply({ after: 0, revision: 7, orders: [order("po-1", 4)] });
  const { db, journal, clock, ids } = first.reopen();
  const book = new SqliteOrderBook({ db, journal, clock, ids, priceFree: false });
  expect(book.revision()).toBe(7);
  expect(book.find("po-1")).toEqual(order("po-1", 4));
});

test("versions that no entry can quote any more go after more than a year", async () => {
  const { book, clock } = rig();
  book.apply({ after: 0, revision: 1, orders: [order("old", 1)] });
  await clock.advance(401 * 86_400_000);
  book.apply({ after: 1, revision: 2, orders: [order("new", 1)] });
  expect(book.find("old")).toBeUndefined();
  expect(book.find("new")).toEqual(order("new", 1));
});

test("whatever the order of arrival, the newest version wins and the revision never falls", () => {
  const change = fc.record({
    after: fc.nat(6),
    step: fc.integer({ min: 1, max: 3 }),
    id: fc.constantFrom("a", "b"),
    version: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const { book } = rig();
      const newest = new Map<string, number>();
      for (const { after, step, id, version } of changes) {
        const before = book.revision();
        const { kind } = book.apply({ after, revision: after + step, orders: [order(id, version)] });
        expect(book.revision()).toBe(kind === "applied" ? after + step : before);
        if (kind === "applied") newest.set(id, Math.max(newest.get(id) ?? 0, version));
      }
      for (const [id, version] of newest) expect(book.find(id)?.version).toBe(version);
    }),
    { numRuns: 30 },
  );
});

test("an order that came while the clock began at 1970 is still there once the clock is right", () => {
  const { book, clock } = rig();
  const rightMs = clock.now();
  clock.stepWall(-rightMs);
  book.apply({ after: 0, revision: 1, orders: [order("po-1", 1)] });
  clock.stepWall(rightMs);
  book.apply({ after: 1, revision: 2, orders: [order("po-2", 1)] });
  expect(book.dueOn(DAY).map(({ orderId }) => orderId)).toEqual(["po-1", "po-2"]);
});
