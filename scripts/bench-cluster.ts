/**
 * `npm run bench:cluster [-- --per-round N --json]`: a terminal (real sync, journal on disk) that sells all the time,
 * against a cluster of three NATS nodes on this machine. The node that serves the terminal is killed (kill -9), comes
 * back, then the one that serves the cloud. Compares cloud and journal entry by entry. Installs nothing; says what is
 * missing.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openDatabase } from "../device/journal/database.ts";
import { journalMigrations } from "../device/journal/journal-tables.ts";
import { openJournal } from "../device/journal/sqlite-journal.ts";
import { idSource, systemEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import { createSync } from "../device/sync/sync.ts";
import { FakeRoster } from "../device/sync/testing/fake-roster.ts";
import { brokerSettings } from "../device/sync/testing/recording-link.ts";
import { withSystemFolders } from "../test/require-tool.ts";
import { FrontDoor } from "./cluster/front-door.ts";
import { type ClusterNode, startNatsCluster } from "./cluster/nats-cluster.ts";
import { openCloudDatabase } from "./reference-cloud/cloud-database.ts";
import { IngestWorker } from "./reference-cloud/ingest/ingest-worker.ts";
import { JournalIntake } from "./reference-cloud/journal-intake.ts";

const clock = new SystemClock();
const ids = idSource(clock, systemEntropy);
const SELL_PERIOD_MS = 5;
const WAIT_MS_MAX = 180_000;
const address = { site: "s1", device: "t1" };

const { values } = parseArgs({
  options: { "per-round": { type: "string", default: "1000" }, json: { type: "boolean", default: false } },
});
const perRound = Number(values["per-round"]);
try {
  execFileSync("nats-server", ["--version"], { env: withSystemFolders(), stdio: "ignore" });
} catch {
  process.stderr.write("nats-server is missing (apt-get install nats-server)\n");
  process.exit(2);
}
process.exitCode = (await run()) ? 0 : 1;

async function run(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "canteen-cluster-bench-"));
  const cluster = await startNatsCluster();
  const startMs = clock.mono();
  await cluster.ready();
  const readyMs = Math.round(clock.mono() - startMs);
  const [a = 0, b = 0, c = 0] = cluster.nodes.map(({ port }) => port);
  const terminalDoor = await FrontDoor.open([a, b, c]);
  const cloudDoor = await FrontDoor.open([c, b, a]);
  const cloudDb = openCloudDatabase(join(folder, "cloud.db"));
  const taken = { batches: 0, entries: 0 };
  const intake = new JournalIntake(
    cloudDb,
    () => clock.now(),
    () => {},
  );
  const common = { clock, entropy: systemEntropy, ids, logger: silentLogger };
  const worker = new IngestWorker({
    ...{ broker: brokerSettings(cloudDoor.port), name: "cluster", group: null, concurrency: 1, ...common },
    intake: {
      take: async (from, batch) => {
        taken.batches += 1;
        taken.entries += batch.entries.length;
        return intake.take(from, batch);
      },
    },
  });
  worker.start();
  const db = openDatabase({ file: join(folder, "terminal.db"), clock, migrations: [journalMigrations] });
  const journal = openJournal({ db, clock, timeTrust: { current: () => "synced" }, projections: [] });
  const sync = createSync({
    ...{ address, software: "bench", broker: brokerSettings(terminalDoor.port), journal },
    ...{ receiptWaitMsMax: 2000, batchesInFlightMax: 4, roster: new FakeRoster(), ...common },
    waits: { ackWaitMsMax: 5000, receiptWaitMsLimit: 10_000 },
  });
  sync.start();
  const selling = clock.every(SELL_PERIOD_MS, () => {
    const id = ids.next();
    journal.append({ id, kind: "charge.made", body: { amountFen: 1200, chargeId: id, method: "face" } });
  });
  const rounds: { readonly killed: string; readonly silentMs: number }[] = [];
  for (const door of [terminalDoor, cloudDoor]) {
    const goal = journal.ackedSeq() + perRound;
    await until(() => journal.ackedSeq() >= goal);
    const node = cluster.nodes.find(({ port }) => port === door.servedBy);
    if (node === undefined) throw new Error("a node serves it");
    rounds.push({ killed: node.name, silentMs: await killed(node) });
    node.start();
    await cluster.ready();
  }
  selling.cancel();
  await until(() => sync.status().waitingCount === 0);
  const headSeq = journal.head().seq;
  const stored = cloudDb
    .prepare<[], { seq: number; hash: string }>("SELECT seq, hash FROM entry ORDER BY seq")
    .all();
  const lost = headSeq - new Set(stored.map(({ seq }) => seq)).size;
  const twice = stored.length - new Set(stored.map(({ seq }) => seq)).size;
  const different = stored.filter(({ seq, hash }) => journal.entryBySeq(seq)?.hash !== hash).length;
  const report = {
    ...{ readyMs, rounds, entries: headSeq, stored: stored.length, lost, twice, different },
    ...{ sentTwice: taken.entries - stored.length, batches: taken.batches, load: loadavg()[0] },
  };
  await sync.close({ waitMsMax: 500 });
  await worker.close();
  await terminalDoor.close();
  await cloudDoor.close();
  await cluster.close();
  db.close();
  cloudDb.close();
  rmSync(folder, { recursive: true, force: true });
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : textOf(report));
  return lost === 0 && twice === 0 && different === 0;

  /** @returns how long no receipt came. */
  async function killed(node: ClusterNode): Promise<number> {
    await node.kill();
    const goneMs = clock.mono();
    const acked = journal.ackedSeq();
    // What was on its way comes first; then as many again as the terminal sells in a second.
    await until(() => journal.ackedSeq() > acked + 1000 / SELL_PERIOD_MS);
    return Math.round(clock.mono() - goneMs);
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = clock.mono() + WAIT_MS_MAX;
  while (!condition()) {
    if (clock.mono() > deadline) throw new Error("the cluster did not come to rest in three minutes");
    await clock.delay(20);
  }
}

function textOf(report: {
  readonly readyMs: number;
  readonly rounds: readonly { readonly killed: string; readonly silentMs: number }[];
  readonly entries: number;
  readonly stored: number;
  readonly lost: number;
  readonly twice: number;
  readonly different: number;
  readonly sentTwice: number;
  readonly load: number | undefined;
}): string {
  const { readyMs, rounds, entries, stored, lost, twice, different, sentTwice, load } = report;
  return [
    `three NATS nodes, ready after ${(readyMs / 1000).toFixed(1)} s`,
    ...rounds.map(
      ({ killed, silentMs }) => `${killed} killed: receipts again after ${(silentMs / 1000).toFixed(1)} s`,
    ),
    `${entries} entries, ${stored} stored: ${lost} lost, ${twice} twice, ${different} different; ${sentTwice} came again`,
    `load ${load?.toFixed(1)}`,
    "",
  ].join("\n");
}
