/**
 * How long a terminal takes to load its gallery: rows from SQLite, each template opened with its person's key, brought
 * to the engine. `npm run bench:gallery-load`, or with people and templates each: `-- 17000 3`.
 */

import { createSecretKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { openDatabase } from "../device/journal/database.ts";
import { journalMigrations } from "../device/journal/journal-tables.ts";
import { openJournal } from "../device/journal/sqlite-journal.ts";
import { idSource, systemEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import { LiveGallery } from "../device/roster/live-gallery.ts";
import { rosterMigrations } from "../device/roster/roster-tables.ts";
import { openTemplateStore, type SqliteTemplateStore } from "../device/roster/template-store.ts";
import { securityMigrations } from "../device/security/security-tables.ts";
import { createFaceEngine } from "../models/face-engine.ts";
import { randomOf, randomUnits } from "./bench-search.ts";

const artifactsFolder = join(import.meta.dirname, "..", "models", "artifacts");
const runs = 3;

interface Took {
  readonly wallMs: number;
  /** Of this thread alone: what it would take with nothing else on the machine, the worker being faster. */
  readonly threadMs: number;
}

async function bench(peopleCount: number, templatesEach: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "canteen-bench-"));
  try {
    const engine = await createFaceEngine({ artifactsFolder });
    const clock = new SystemClock();
    const db = openDatabase({
      file: join(folder, "canteen.db"),
      clock,
      migrations: [journalMigrations, securityMigrations, rosterMigrations],
    });
    const journal = openJournal({ db, clock, timeTrust: { current: () => "synced" }, projections: [] });
    const templates = openTemplateStore({
      db,
      journal,
      clock,
      ids: idSource(clock, systemEntropy),
      entropy: systemEntropy,
      deviceKey: createSecretKey(systemEntropy.bytes(32)),
      embeddingLengths: new Map([[engine.model, engine.embeddingLength]]),
      sharing: false,
    });
    const shape = { model: engine.model, length: engine.embeddingLength, peopleCount, templatesEach };
    journal.transact(() => fill(templates, db, shape));
    const gallery = new LiveGallery({ engine, templates, logger: silentLogger });
    const opened = await best(async () => {
      for (const { templates: part } of templates.loadInParts(engine.model).parts) if (part.length < 0) break;
    });
    const loaded = await best(async () => void (await gallery.load()));
    const { acceptedCount, damagedCount } = gallery.health();
    if (acceptedCount !== peopleCount * templatesEach || damagedCount > 0)
      throw new Error("not all were loaded");
    report(`${peopleCount} people x ${templatesEach}: read and opened`, opened);
    report(`${peopleCount} people x ${templatesEach}: in the engine`, loaded);
    gallery.close();
    templates.close();
    await engine.close();
    db.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function fill(
  { vault }: SqliteTemplateStore,
  db: ReturnType<typeof openDatabase>,
  shape: {
    readonly model: string;
    readonly length: number;
    readonly peopleCount: number;
    readonly templatesEach: number;
  },
): void {
  const { model, length, peopleCount, templatesEach } = shape;
  const random = randomOf(1);
  const insert = db.prepare(
    `INSERT INTO person (person_id, number, display_name, group_name, kind, active, allergens, limits)
     VALUES (?, ?, 'x', 'x', 'student', 1, '[]', '{}')`,
  );
  for (let i = 0; i < peopleCount; i += 1) {
    const personId = `person-${i}`;
    insert.run(personId, personId);
    const templates = Array.from({ length: templatesEach }, (_, k) => ({
      templateId: `template-${i}-${k}`,
      embedding: randomUnits(1, length, random),
      quality: 0.9,
    }));
    vault.put({
      enrolmentId: personId,
      enrolledAtMs: 1,
      origin: "local",
      personId,
      modelId: model,
      templates,
    });
  }
}

async function best(work: () => Promise<void>): Promise<Took> {
  let took: Took = { wallMs: Number.POSITIVE_INFINITY, threadMs: Number.POSITIVE_INFINITY };
  for (let run = 0; run < runs; run += 1) {
    const began = performance.now();
    const cpu = process.threadCpuUsage();
    await work();
    const { user, system } = process.threadCpuUsage(cpu);
    took = {
      wallMs: Math.min(took.wallMs, performance.now() - began),
      threadMs: Math.min(took.threadMs, (user + system) / 1000),
    };
  }
  return took;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("a whole number from 1 to 999999");
  return Number(text);
}

function report(what: string, { wallMs, threadMs }: Took): void {
  const rounded = `${Math.round(wallMs)} ms, of which this thread's CPU ${Math.round(threadMs)} ms`;
  process.stdout.write(`${what}: ${rounded} (best of ${runs})\n`);
}

const program = new Command("bench-gallery-load")
  .description(
    "读取人脸库所需的时间 / how long a terminal takes to load its gallery from SQLite, decrypted, into the engine",
  )
  .argument("[people]", "人数 / people; without it 50,000 with 1 template and 17,000 with 3", wholeNumber)
  .argument("[templates]", "每人模板数 / templates of each", wholeNumber, 1)
  .parse();
const [people, each] = program.processedArgs as [number | undefined, number];
const sizes: readonly (readonly [number, number])[] =
  people === undefined
    ? [
        [50_000, 1],
        [17_000, 3],
      ]
    : [[people, each]];
process.stdout.write(
  `${availableParallelism()} cores, load ${loadavg()
    .map((load) => load.toFixed(1))
    .join(" ")}\n`,
);
for (const [peopleCount, templatesEach] of sizes) await bench(peopleCount, templatesEach);
