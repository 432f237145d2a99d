import { generateKeyPairSync, sign } from "node:crypto";
import { join } from "node:path";
import { startCheckpoints } from "../journal/checkpoint-writer.ts";
import { openDatabase } from "../journal/database.ts";
import { startPruning } from "../journal/pruning.ts";
import { openJournal } from "../journal/sqlite-journal.ts";
import { idSource, systemEntropy } from "../platform/entropy.ts";
import { silentLogger } from "../platform/logger.ts";
import { SystemClock } from "../platform/system-clock.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { databaseFile, TERMINAL_MIGRATIONS, TERMINAL_PROJECTIONS } from "../terminal-database.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/**
 * Lets a year pass in a terminal's data folder, so that all it held before goes. For tests only.
 * @returns the last number that went, and the time then.
 */
export async function pruneFolder(
  folder: string,
): Promise<{ readonly baseSeq: number; readonly nowMs: number }> {
  const clock = new VirtualClock();
  clock.stepWall(new SystemClock().now() - clock.now());
  const file = databaseFile(join(folder, "data"));
  const db = openDatabase({ file, clock, migrations: TERMINAL_MIGRATIONS });
  const timeTrust = { current: () => "synced" as const };
  const projections = TERMINAL_PROJECTIONS;
  const journal = openJournal({ db, clock, timeTrust, projections });
  const ids = idSource(clock, systemEntropy);
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64url");
  const signer = { publicKey: raw, sign: (bytes: Uint8Array) => sign(null, bytes, privateKey) };
  const common = { journal, clock, ids, site: "school", device: "line-1", logger: silentLogger };
  const checkpoints = startCheckpoints({ ...common, signer, periodMs: MINUTE_MS });
  const pruning = startPruning({
    ...{ ...common, db, timeTrust, projections, publicKey: raw },
    ...{ keptMs: 180 * DAY_MS, bytesMax: 1e12, mayWrite: () => true, prunedCountMin: 1 },
  });
  const write = async (): Promise<void> => {
    journal.append({
      id: ids.next(),
      kind: "device.clock-confirmed",
      body: { operatorId: "li", atMs: clock.now() },
    });
    await clock.advance(2 * MINUTE_MS);
  };
  await write();
  clock.stepWall(365 * DAY_MS);
  await write();
  journal.acknowledge(journal.head().seq);
  pruning.look();
  while (pruning.isAtWork()) await clock.advance(MINUTE_MS);
  const { seq: baseSeq } = journal.base();
  checkpoints.close();
  pruning.close();
  db.close();
  return { baseSeq, nowMs: clock.now() };
}
