/**
 * One ingest worker as a program; several share the work. `--postgres` is what PostgreSQL calls a host: a name, or the
 * folder of its socket.
 */
import { parseArgs } from "node:util";
import { Pool } from "pg";
import { idSource, systemEntropy } from "../../../device/platform/entropy.ts";
import { createLogger } from "../../../device/platform/logger.ts";
import { SystemClock } from "../../../device/platform/system-clock.ts";
import { IngestWorker } from "./ingest-worker.ts";
import { PostgresIntake } from "./postgres-intake.ts";
import { createIngestTables } from "./postgres-tables.ts";

const { values } = parseArgs({
  options: {
    mqtt: { type: "string", default: "mqtt://127.0.0.1:1883" },
    postgres: { type: "string", default: "/var/run/postgresql" },
    user: { type: "string", default: "postgres" },
    database: { type: "string", default: "postgres" },
    name: { type: "string", default: `w${process.pid}` },
    /** Empty: no shared subscription, for a broker that has none; then there can be only one worker. */
    group: { type: "string", default: "ingest" },
    concurrency: { type: "string", default: "4" },
  },
});
const clock = new SystemClock();
const concurrency = Number(values.concurrency);
const pool = new Pool({
  ...{ host: values.postgres, user: values.user, database: values.database },
  max: concurrency,
});
const logger = createLogger("warn");
pool.on("error", (error) => logger.error({ error: String(error) }, "a connection to PostgreSQL broke"));
await createIngestTables(pool);
const worker = new IngestWorker({
  broker: {
    ...{ url: values.mqtt, protocolVersion: "auto", keepAliveMs: 30_000 },
    ...{ reconnectWaitMsMin: 500, reconnectWaitMsMax: 5000 },
  },
  ...{ name: values.name, group: values.group === "" ? null : values.group, concurrency },
  intake: new PostgresIntake(pool, () => clock.now()),
  ...{ clock, entropy: systemEntropy, ids: idSource(clock, systemEntropy), logger },
  onState: ({ connection }) => process.stdout.write(`${connection}\n`),
});
worker.start();
const stopped = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.resolve());
// With the program that started it.
process.stdin.resume().once("end", () => stopped.resolve());
await stopped.promise;
await worker.close();
await pool.end();
