import fc from "fast-check";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { temporaryFolder } from "../../../device/journal/journal-fixture.ts";
import type { JournalEntry } from "../../../device/journal/journal-port.ts";
import { systemEntropy } from "../../../device/platform/entropy.ts";
import { silentLogger } from "../../../device/platform/logger.ts";
import { startMosquitto } from "../../../device/sync/testing/brokers.ts";
import { MemoryJournal } from "../../../device/sync/testing/memory-journal.ts";
import { brokerSettings } from "../../../device/sync/testing/recording-link.ts";
import { hasTool } from "../../../test/require-tool.ts";
import { openCloudDatabase } from "../cloud-database.ts";
import { JournalIntake } from "../journal-intake.ts";
import { batchOf, entriesOf } from "../testing/entries.ts";
import { INITDB, type PostgresServer, startPostgres } from "../testing/postgres-server.ts";
import { appendMany, clock, databaseFile, ids, oneTo, RigTerminal } from "../testing/rig.ts";
import { IngestWorker } from "./ingest-worker.ts";
import { PostgresIntake } from "./postgres-intake.ts";
import { createIngestTables } from "./postgres-tables.ts";

const NOW_MS = 42;
let server: PostgresServer;
let device = 0;

/** A connection of its own: another worker. */
async function intake(): Promise<{ readonly pool: Pool; readonly intake: PostgresIntake }> {
  const pool = new Pool({ host: server.host, user: "postgres", database: "postgres", max: 4 });
  // A connection that is still closing when the server stops is told so, and nobody waits for it any more.
  pool.on("error", () => {});
  await createIngestTables(pool);
  onTestFinished(() => pool.end());
  return { pool, intake: new PostgresIntake(pool, () => NOW_MS) };
}

/** A terminal that no other test has. */
function newAddress(): { site: string; device: string } {
  device += 1;
  return { site: "s1", device: `t${device}` };
}

const plain = (count: number, text = ""): JournalEntry[] =>
  entriesOf(
    oneTo(count).map((number) => ({ kind: "temperature.summary", body: { number, text, share: 0.1 } })),
  );

describe.runIf(hasTool(INITDB))("ingest on PostgreSQL", () => {
  beforeAll(async () => {
    // What is tried here is what it stores, not what a power cut leaves.
    server = await startPostgres(["fsync=off"]);
  });
  afterAll(() => server.close());

  it("answers as the reference intake does, whatever comes in whatever order", async () => {
    const ours = await intake();
    const [mine, other] = [plain(12), plain(12, "of a terminal with the same name")];
    const db = openCloudDatabase(databaseFile(temporaryFolder()));
    onTestFinished(() => void db.close());
    db.pragma("synchronous = OFF");
    const reference = new JournalIntake(
      db,
      () => NOW_MS,
      () => {},
    );
    const piece = fc.record({
      from: fc.nat(11),
      count: fc.nat(5),
      source: fc.constantFrom("mine", "mine", "mine", "mine", "other", "damaged"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        const address = newAddress();
        for (const { from, count, source } of pieces) {
          const entries = { mine, other, damaged: mine }[source].slice(from, from + count);
          const sent =
            source === "damaged" ? entries.map((entry) => ({ ...entry, body: { other: 1 } })) : entries;
          const batch = batchOf(sent);
          expect(await ours.intake.take(address, batch)).toEqual(reference.take(address, batch));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("gives back each body as it came: the hash is over it", async () => {
    const { intake: to, pool } = await intake();
    const address = newAddress();
    const entries = entriesOf([
      { kind: "temperature.summary", body: { z: 1, a: [0.1, 12.5, 1.5e-7], text: '学校\u0001"' } },
    ]);
    await to.take(address, batchOf(entries));
    const { rows } = await pool.query(
      "SELECT body FROM entry WHERE terminal = (SELECT id FROM terminal WHERE device = $1)",
      [address.device],
    );
    expect(rows[0].body).toEqual(JSON.parse(JSON.stringify(entries[0]?.body)));
  });

  it("stores each entry once when two workers take one terminal's batches at once, repeated and out of order", async () => {
    const [first, second] = [await intake(), await intake()];
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(oneTo(30), { minLength: 30 }),
        fc.array(fc.nat(29), { maxLength: 20 }),
        async (order, repeated) => {
          const address = newAddress();
          const entries = plain(60);
          const parts = [...order.map((part) => part - 1), ...repeated];
          const receipts = await Promise.all(
            parts.map((part, index) =>
              (index % 2 === 0 ? first : second).intake.take(
                address,
                batchOf(entries.slice(part * 2, part * 2 + 2)),
              ),
            ),
          );
          expect(Math.max(...receipts.map(({ ackedSeq }) => ackedSeq))).toBe(60);
          const { rows } = await first.pool.query<{ seq: string }>(
            `SELECT seq FROM entry WHERE terminal = (SELECT id FROM terminal WHERE device = $1) ORDER BY seq`,
            [address.device],
          );
          expect(rows.map(({ seq }) => Number(seq))).toEqual(oneTo(60));
        },
      ),
      { numRuns: 5 },
    );
  });

  it("keeps the terminals of a school apart, first met by all workers at once", async () => {
    const workers = [await intake(), await intake()];
    const addresses = oneTo(6).map(newAddress);
    const entries = plain(4);
    const receipts = await Promise.all(
      addresses.flatMap((address) => workers.map((worker) => worker.intake.take(address, batchOf(entries)))),
    );
    expect(receipts.map(({ ackedSeq }) => ackedSeq)).toEqual(receipts.map(() => 4));
  });

  it.runIf(hasTool("mosquitto"))(
    "takes terminals' backlogs through a shared subscription, and goes on when a worker is gone",
    async () => {
      const broker = await startMosquitto();
      onTestFinished(() => broker.close());
      const { pool } = await intake();
      const start = async (name: string): Promise<IngestWorker> => {
        const ready = Promise.withResolvers<void>();
        const worker = new IngestWorker({
          ...{ broker: brokerSettings(broker.port), name, group: "ingest", concurrency: 2 },
          intake: (await intake()).intake,
          ...{ clock, entropy: systemEntropy, ids, logger: silentLogger },
          onState: ({ connection }) => {
            if (connection === "connected") ready.resolve();
          },
        });
        worker.start();
        onTestFinished(() => worker.close());
        await ready.promise;
        return worker;
      };
      const workers = [await start("a"), await start("b")];
      const journals = oneTo(3).map(() => new MemoryJournal(clock));
      for (const journal of journals) appendMany(journal, 1500);
      const addresses = journals.map(newAddress);
      const terminals = journals.map((journal, index) => {
        const address = addresses[index] ?? newAddress();
        return new RigTerminal(journal, brokerSettings(broker.port), { address });
      });
      onTestFinished(async () => void (await Promise.all(terminals.map((terminal) => terminal.close()))));
      await terminals[0]?.until(() => (journals[0]?.ackedSeq() ?? 0) > 0);
      await workers[0]?.close();
      await Promise.all(terminals.map((terminal) => terminal.drained()));
      for (const address of addresses) {
        const { rows } = await pool.query(
          `SELECT count(*)::int AS count, max(seq)::int AS top FROM entry
           WHERE terminal = (SELECT id FROM terminal WHERE device = $1)`,
          [address.device],
        );
        expect(rows).toEqual([{ count: 1500, top: 1500 }]);
      }
      expect(journals.map((journal) => journal.ackedSeq())).toEqual([1500, 1500, 1500]);
    },
  );
});
