/**
 * `npm run bench:ingest [-- --workers 1,2,4 --terminals 16 --count 4000 --json]`: the backlogs of several terminals
 * (the real sync on journals in memory) through mosquitto's shared subscription to as many ingest workers, each a
 * process, into a PostgreSQL of its own that syncs each commit. Installs nothing; says what is missing.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { loadavg } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Pool } from "pg";
import { idSource, systemEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import { createSync } from "../device/sync/sync.ts";
import { startMosquitto } from "../device/sync/testing/brokers.ts";
import { FakeRoster } from "../device/sync/testing/fake-roster.ts";
import { MemoryJournal } from "../device/sync/testing/memory-journal.ts";
import { brokerSettings } from "../device/sync/testing/recording-link.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
import { INITDB, startPostgres } from "./reference-cloud/testing/postgres-server.ts";

const clock = new SystemClock();
const ids = idSource(clock, systemEntropy);

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "1,2,4" },
    terminals: { type: "string", default: "16" },
    count: { type: "string", default: "4000" },
    json: { type: "boolean", default: false },
  },
});
if (globSync(INITDB).length === 0) {
  process.stderr.write("PostgreSQL is missing (apt-get install postgresql)\n");
  process.exit(2);
}
const rows: Awaited<ReturnType<typeof measured>>[] = [];
for (const workers of values.workers.split(",").map(Number)) rows.push(await measured(workers));
process.stdout.write(values.json ? `${JSON.stringify({ load: loadavg(), rows })}\n` : textOf());

async function measured(workers: number) {
  const postgres = await startPostgres(["shared_buffers=256MB", "max_wal_size=2GB"]);
  const broker = await startMosquitto({ isQuiet: true, lines: ["max_queued_messages 100000"] });
  const processes = await Promise.all(
    Array.from({ length: workers }, (_, index) => startWorker(broker.port, postgres.host, `w${index}`)),
  );
  const pool = new Pool({ host: postgres.host, user: "postgres", database: "postgres" });
  const journals = Array.from({ length: Number(values.terminals) }, filled);
  const startMs = clock.mono();
  const cpuBefore = process.cpuUsage();
  const syncs = journals.map((journal, index) => drain(journal, index, broker.port));
  await Promise.all(syncs.map(({ done }) => done));
  const seconds = (clock.mono() - startMs) / 1000;
  const terminalsCpu = process.cpuUsage(cpuBefore);
  const entries = journals.length * Number(values.count);
  const { rows: found } = await pool.query<{ count: number; bytes: number }>(
    "SELECT count(*)::int AS count, pg_total_relation_size('entry')::int AS bytes FROM entry",
  );
  const row = {
    ...{ workers, entries, stored: found[0]?.count ?? 0, seconds: Math.round(seconds * 100) / 100 },
    perSecond: Math.round(entries / seconds),
    workersCpuSeconds: processes.map(({ pid }) => cpuSecondsOf(pid)),
    terminalsCpuSeconds: Math.round((terminalsCpu.user + terminalsCpu.system) / 10_000) / 100,
    brokerCpuSeconds: cpuSecondsOf(broker.pid()),
    bytesPerEntry: Math.round((found[0]?.bytes ?? 0) / entries),
    load: loadavg()[0],
  };
  for (const { sync } of syncs) await sync.close({ waitMsMax: 100 });
  await pool.end();
  for (const worker of processes) await worker.stop();
  await broker.close();
  await postgres.close();
  return row;
}

function filled(): MemoryJournal {
  const journal = new MemoryJournal(clock);
  for (let index = 0; index < Number(values.count); index++) {
    const id = ids.next();
    const body = {
      amountFen: 1200,
      businessDate: "2026-09-01",
      chargeId: id,
      method: "face",
      periodId: "lunch",
    };
    journal.append({ id, kind: "charge.made", body: { ...body, personId: `p-${index % 3000}` } });
  }
  return journal;
}

function drain(journal: MemoryJournal, index: number, port: number) {
  const sync = createSync({
    ...{
      address: { site: "s1", device: `t${index}` },
      software: "bench",
      broker: brokerSettings(port),
      journal,
    },
    ...{ receiptWaitMsMax: 15_000, batchesInFlightMax: 4, roster: new FakeRoster() },
    ...{ clock, entropy: systemEntropy, ids, logger: silentLogger },
  });
  const drained = Promise.withResolvers<void>();
  sync.onStatus(({ waitingCount }) => {
    if (waitingCount === 0) drained.resolve();
  });
  sync.start();
  return { sync, done: drained.promise };
}

async function startWorker(port: number, host: string, name: string) {
  const program = fileURLToPath(new URL("reference-cloud/ingest/main.ts", import.meta.url));
  const argv = [program, "--mqtt", `mqtt://127.0.0.1:${port}`, "--postgres", host, "--name", name];
  const child = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) if (line === "connected") break;
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

function textOf(): string {
  return rows
    .map(
      ({
        workers,
        entries,
        stored,
        seconds,
        perSecond,
        workersCpuSeconds,
        brokerCpuSeconds,
        bytesPerEntry,
        load,
      }) =>
        `${workers} workers: ${entries} entries in ${seconds} s, ${perSecond}/s; ${stored} stored, ${bytesPerEntry} bytes each; processor: workers ${workersCpuSeconds.join(" + ")} s, broker ${brokerCpuSeconds} s; load ${load?.toFixed(1)}\n`,
    )
    .join("");
}
