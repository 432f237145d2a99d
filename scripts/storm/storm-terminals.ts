/**
 * Some hundred terminals in one process: the real sync over real sockets, on journals in memory and without a screen.
 * `node scripts/storm/storm-terminals.ts PORT FIRST COUNT SPREAD_MS [CA_FILE]`, over TLS with the last; a line of JSON each
 * quarter of a second tells how they are. Ends with its input.
 */
import { idSource, seededEntropy, systemEntropy } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { createSync } from "../../device/sync/sync.ts";
import type { Sync } from "../../device/sync/sync-port.ts";
import { FakeRoster } from "../../device/sync/testing/fake-roster.ts";
import { MemoryJournal } from "../../device/sync/testing/memory-journal.ts";

export interface StormCount {
  readonly connected: number;
  /** Connected, and each entry has its receipt. */
  readonly quiet: number;
  /** Connections made since the start. */
  readonly made: number;
  readonly entries: number;
  readonly receipted: number;
}

const REPORT_PERIOD_MS = 250;
/** A charge each seven seconds and terminal: a canteen at noon. */
const CHARGE_PERIOD_MS = 7000;
/** The first connections are spread by hand: what is measured is the return. */
const START_PER_S = 150;

const [port = 0, first = 0, count = 0, spreadMs = 0] = process.argv.slice(2, 6).map(Number);
const caFile = process.argv[6] ?? "";
const server =
  caFile === "" ? { url: `mqtt://127.0.0.1:${port}` } : { url: `mqtts://127.0.0.1:${port}`, caFile };
const clock = new SystemClock();
const ids = idSource(clock, systemEntropy);
const entropy = seededEntropy(first + 1);
const terminals: { readonly sync: Sync; readonly journal: MemoryJournal }[] = [];
let made = 0;

function startTerminal(number: number): void {
  const journal = new MemoryJournal(clock);
  let wasConnected = false;
  const sync = createSync({
    ...{ address: { site: `s${number % 100}`, device: `t${number}` }, software: "storm", journal },
    broker: {
      ...server,
      ...{ protocolVersion: 5, keepAliveMs: 30_000 },
      ...{ reconnectWaitMsMin: 1000, reconnectSpreadMs: spreadMs, reconnectWaitMsMax: 60_000 },
    },
    ...{ receiptWaitMsMax: 15_000, batchesInFlightMax: 4, roster: new FakeRoster() },
    ...{ clock, entropy: systemEntropy, ids, logger: silentLogger },
  });
  sync.onStatus(({ connection }) => {
    const isConnected = connection === "connected";
    if (isConnected && !wasConnected) made += 1;
    wasConnected = isConnected;
  });
  sync.start();
  const charge = (): void => {
    const id = ids.next();
    const body = { amountFen: 1200, businessDate: "2026-09-01", chargeId: id, method: "face" };
    journal.append({ id, kind: "charge.made", body: { ...body, periodId: "lunch", personId: "p-1" } });
  };
  charge();
  clock.after(entropy.uniform() * CHARGE_PERIOD_MS, () => clock.every(CHARGE_PERIOD_MS, charge));
  terminals.push({ sync, journal });
}

function counted(): StormCount {
  let [connected, quiet, entries, receipted] = [0, 0, 0, 0];
  for (const { sync, journal } of terminals) {
    const isConnected = sync.status().connection === "connected";
    if (isConnected) connected += 1;
    // Charges go on: a terminal with the newest one on its way is as quiet as it gets.
    if (isConnected && journal.head().seq - journal.ackedSeq() <= 1) quiet += 1;
    entries += journal.head().seq;
    receipted += journal.ackedSeq();
  }
  return { connected, quiet, made, entries, receipted };
}

for (let index = 0; index < count; index++)
  clock.after((index * 1000) / START_PER_S, () => startTerminal(first + index));
clock.every(REPORT_PERIOD_MS, () => process.stdout.write(`${JSON.stringify(counted())}\n`));
process.stdin.resume().once("end", () => process.exit(0));
