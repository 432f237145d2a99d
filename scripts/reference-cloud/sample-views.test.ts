import type { Database } from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { HOUR_MS, type SampleRig, sampleRig } from "../../device/sample-cabinet/sample-fixture.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { samplesOf } from "./sample-views.ts";
import { databaseFile } from "./testing/rig.ts";

const LI = { by: "pin", operatorId: "li", pin: "1234" } as const;
const CHEN = { by: "pin", operatorId: "chen", pin: "1234" } as const;

function cloud(): Database {
  const db = openCloudDatabase(databaseFile(temporaryFolder()));
  onTestFinished(() => void db.close());
  return db;
}

/** What a terminal recorded, as the intake stores it. */
function ingest(db: Database, device: string, rig: SampleRig): void {
  const add = db.prepare(
    `INSERT OR IGNORE INTO entry (site, device, seq, id, kind, at_ms, time_trust, body, prev_hash, hash, received_at_ms)
     VALUES ('s1', ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
  );
  for (const { seq, id, kind, atMs, timeTrust, body, prevHash, hash } of rig.entries())
    add.run(device, seq, id, kind, atMs, timeTrust, JSON.stringify(body), prevHash, hash);
}

test("samples are shown in their slots until they leave, and then how, by whom and how long they were kept", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  await rig.store("tomato-egg", "2", 200);
  const db = cloud();
  ingest(db, "t1", rig);
  expect(samplesOf(db, rig.clock.now()).samples).toMatchObject([
    { dish: { dishId: "tomato-egg" }, slotId: "2", netG: 180, state: "keeping", left: null },
    { dish: { dishId: "rice" }, slotId: "1", netG: 160, state: "keeping", storedBy: "li" },
  ]);
  await rig.clock.advance(48 * HOUR_MS + 30_000);
  expect(samplesOf(db, rig.clock.now()).samples.map(({ state }) => state)).toEqual(["due", "due"]);
  const disposed = await rig.samples.dispose({ sampleIds: [rig.sampleId("rice")], first: LI });
  expect(disposed.kind).toBe("done");
  ingest(db, "t1", rig);
  const [, rice] = samplesOf(db, rig.clock.now()).samples;
  expect(rice).toMatchObject({
    state: "disposed",
    left: { how: "after-hours", by: "li", secondBy: null, neededMs: 48 * HOUR_MS },
  });
  expect(rice?.left?.provenMs).toBeGreaterThanOrEqual(48 * HOUR_MS);
});

test("a seized sample keeps its chain of custody: who handed it over, to whom, under which document and seal", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  const custody = {
    authority: "雁塔区市场监管局",
    officer: "赵某",
    documentNumber: "2026-09-001",
    sealNumber: "F-77",
  };
  const request = { sampleIds: [rig.sampleId("rice")], ...custody, note: "", first: LI, second: CHEN };
  expect((await rig.samples.seize(request)).kind).toBe("done");
  const db = cloud();
  ingest(db, "t1", rig);
  expect(samplesOf(db, rig.clock.now()).samples).toMatchObject([
    { state: "seized", custody, left: { how: "seized", by: "li", secondBy: "chen" } },
  ]);
});

test("a dish that was never sampled stands out until a late sample of it comes", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  await rig.clock.advance(3 * HOUR_MS);
  const db = cloud();
  ingest(db, "t1", rig);
  expect(samplesOf(db, rig.clock.now()).missed).toMatchObject([
    { dish: { dishId: "tomato-egg" }, sampledLate: false },
  ]);
  await rig.store("tomato-egg", "2");
  ingest(db, "t1", rig);
  const { samples, missed } = samplesOf(db, rig.clock.now());
  expect(missed).toMatchObject([{ dish: { dishId: "tomato-egg" }, sampledLate: true }]);
  expect(samples[0]).toMatchObject({ dish: { dishId: "tomato-egg" }, isLate: true });
});

test("a dish whose sample was struck after its meal was checked stands out as one without", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  await rig.store("tomato-egg", "2");
  await rig.clock.advance(3 * HOUR_MS);
  const sampleId = rig.sampleId("rice");
  await rig.samples.void({ sampleId, reason: "wrong-dish", note: "", first: LI, second: CHEN });
  const db = cloud();
  ingest(db, "t1", rig);
  expect(samplesOf(db, rig.clock.now()).missed).toMatchObject([
    { dish: { dishId: "rice" }, meal: { periodId: "lunch" }, sampledLate: false },
  ]);
});

test("a sample is overdue when its terminal says so, until it leaves; the same id of another terminal is another sample", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  const db = cloud();
  ingest(db, "t1", rig);
  ingest(db, "t2", rig);
  const body = { type: "sample-overdue", subject: rig.sampleId("rice") };
  db.prepare(
    `INSERT INTO entry (site, device, seq, id, kind, at_ms, time_trust, body, prev_hash, hash, received_at_ms)
       VALUES ('s1', 't2', 1000, '018f0000-0000-7000-8000-000000000001', 'alarm.raised', 0, 'synced', ?, '', '', 0)`,
  ).run(JSON.stringify(body));
  expect(samplesOf(db, rig.clock.now()).samples).toMatchObject([
    { device: "t2", state: "overdue" },
    { device: "t1", state: "keeping" },
  ]);
});

test("what is too old for the page is left out, and said; an entry of a later release is counted", async () => {
  const rig = sampleRig();
  await rig.store("rice", "1");
  await rig.store("tomato-egg", "2");
  const db = cloud();
  ingest(db, "t1", rig);
  expect(samplesOf(db, rig.clock.now())).toMatchObject({ isOlderLeftOut: false, unknownCount: 0 });
  const { samples, isOlderLeftOut } = samplesOf(db, rig.clock.now(), 1);
  expect(samples.map(({ dish }) => dish.dishId)).toEqual(["tomato-egg"]);
  expect(isOlderLeftOut).toBe(true);
  db.prepare(
    `INSERT INTO entry (site, device, seq, id, kind, at_ms, time_trust, body, prev_hash, hash, received_at_ms)
       VALUES ('s1', 't1', 1000, '018f0000-0000-7000-8000-000000000001', 'sample.disposed', 0, 'synced', '{"by":1}', '', '', 0)`,
  ).run();
  const later = samplesOf(db, rig.clock.now());
  expect(later.samples).toHaveLength(2);
  expect(later.unknownCount).toBe(1);
});
