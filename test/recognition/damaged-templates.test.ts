/** Templates that were damaged on the disk, through the store, the live gallery and the engine with its models. */

import { createSecretKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../device/journal/database.ts";
import { journalMigrations } from "../../device/journal/journal-tables.ts";
import { openJournal } from "../../device/journal/sqlite-journal.ts";
import { idSource, systemEntropy } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { LiveGallery } from "../../device/roster/live-gallery.ts";
import { rosterMigrations } from "../../device/roster/roster-tables.ts";
import { openTemplateStore } from "../../device/roster/template-store.ts";
import { securityMigrations } from "../../device/security/security-tables.ts";
import { artifactsForTests, samplePhoto } from "../../models/artifacts-for-tests.ts";
import { createFaceEngine } from "../../models/face-engine.ts";
import type { FaceEngine } from "../../models/face-engine-port.ts";

const folder = mkdtempSync(path.join(tmpdir(), "canteen-damaged-"));
let engine: FaceEngine;
let picture: Buffer;

beforeAll(async () => {
  engine = await createFaceEngine({
    artifactsFolder: await artifactsForTests(),
    packId: "mobile-face-net-192",
  });
  picture = await sharp(samplePhoto(5))
    .extract({ left: 880, top: 60, width: 640, height: 480 })
    .jpeg()
    .toBuffer();
}, 600_000);

afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

test("a damaged ciphertext, a row of another person and a damaged key are named and left out of the gallery, and the others are matched", async () => {
  const clock = new SystemClock();
  const migrations = [journalMigrations, securityMigrations, rosterMigrations];
  const db = openDatabase({ file: path.join(folder, "canteen.db"), clock, migrations });
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
  const [seen] = (await engine.analyze({ bytes: Uint8Array.from(picture) })).faces;
  if (seen === undefined) throw new Error("the picture shows a face");
  const put = (personId: string, ...embeddings: readonly Float32Array[]) => {
    db.prepare(
      `INSERT INTO person (person_id, number, display_name, group_name, kind, active, allergens, limits)
       VALUES (?, ?, 'x', 'x', 'student', 1, '[]', '{}')`,
    ).run(personId, personId);
    const sealed = embeddings.map((embedding, i) => ({
      templateId: `${personId}-${i}`,
      embedding,
      quality: 0.9,
    }));
    const common = {
      enrolmentId: personId,
      enrolledAtMs: 1,
      origin: "local" as const,
      modelId: engine.model,
    };
    templates.vault.put({ ...common, personId, templates: sealed });
  };
  const axis = (at: number) => new Float32Array(engine.embeddingLength).fill(1, at, at + 1);
  journal.transact(() => {
    // All but Eva are the face in the picture: whoever was taken from a damaged row would win.
    put("ann", seen.embedding, axis(1));
    for (const personId of ["bob", "cy", "dan"]) put(personId, seen.embedding);
    put("eva", axis(2));
  });
  const flipped = "UPDATE template SET sealed = ? WHERE template_id = ?";
  const sealedOf = (id: string) =>
    db.prepare<[string], Buffer>("SELECT sealed FROM template WHERE template_id = ?").pluck().get(id);
  const damagedBytes = Buffer.from(sealedOf("bob-0") ?? []);
  damagedBytes[40] = (damagedBytes[40] ?? 0) ^ 1;
  db.prepare(flipped).run(damagedBytes, "bob-0");
  // Somebody else's row in one's own place, and a key that is none.
  db.prepare(flipped).run(sealedOf("bob-0"), "ann-1");
  db.prepare(flipped).run(sealedOf("ann-0"), "dan-0");
  db.prepare("UPDATE person_key SET wrapped = ? WHERE person_id = 'cy'").run(Buffer.alloc(61, 1));

  const warned: unknown[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => void warned.push(fields) };
  const gallery = new LiveGallery({ engine, templates, logger });
  expect(await gallery.load()).toEqual({ acceptedCount: 2, damagedCount: 4 });
  expect(warned).toEqual([
    { templateId: "ann-1", code: "template-damaged" },
    { templateId: "bob-0", code: "template-damaged" },
    { templateId: "cy-0", code: "key-damaged" },
    { templateId: "dan-0", code: "template-damaged" },
  ]);
  const { faces } = await engine.observe({ bytes: Uint8Array.from(picture) });
  expect(faces[0]?.search.best).toEqual({ personId: "ann", similarity: expect.closeTo(1, 1) });
  expect(faces[0]?.search.runnerUp?.personId).toBe("eva");
  expect(faces[0]?.search.runnerUp?.similarity).toBeLessThan(0.5);
  gallery.close();
  templates.close();
  db.close();
});
