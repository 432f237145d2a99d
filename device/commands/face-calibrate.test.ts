import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { artifactsForTests, samplePhoto } from "../../models/artifacts-for-tests.ts";
import { seededRandom } from "../../models/calibration/calibrate-gallery.ts";
import { syntheticGallery } from "../../models/calibration/synthetic-gallery.ts";
import { demoConfig } from "../config/demo-config.ts";
import { systemEntropy } from "../platform/entropy.ts";
import { silentLogger } from "../platform/logger.ts";
import { SystemClock } from "../platform/system-clock.ts";
import { rosterPerson } from "../roster/roster-fixture.ts";
import { databaseFile } from "../terminal-database.ts";
import { openTerminalStore } from "../terminal-store.ts";
import { runCaptured } from "./captured-io.ts";

const model = "frf512-mfn192-flip-look2";
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-calibrate-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function enrolInvented(dataFolder: string): Promise<void> {
  const config = demoConfig({ dataFolder, cameraFolder: null, mqttUrl: "mqtt://127.0.0.1:1" });
  const store = await openTerminalStore({
    config,
    clock: new SystemClock(),
    entropy: systemEntropy,
    logger: silentLogger,
  });
  try {
    const people = Map.groupBy(
      syntheticGallery({
        model,
        embeddingLength: 704,
        peopleCount: 40,
        templatesPerPerson: 2,
        twins: [[3, 30]],
        random: seededRandom(),
      }),
      ({ personId }) => personId,
    );
    const roster = [...people.keys()].map((personId) => rosterPerson(personId));
    store.roster.apply({ v: 1, kind: "delta", from: 0, to: 1, people: roster, removed: [] });
    store.journal.transact(() => {
      for (const [personId, templates] of people) {
        store.templates.vault.put({
          enrolmentId: `e-${personId}`,
          enrolledAtMs: 1,
          origin: "local",
          personId,
          modelId: model,
          templates: templates.map((template) => ({ ...template, quality: 0.5 })),
        });
      }
    });
  } finally {
    await store.close();
  }
}

const digest = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

describe("face calibrate", () => {
  it("works out thresholds and look-alikes of a data folder, and leaves the folder as it was", async () => {
    await enrolInvented(folder);
    const before = digest(databaseFile(folder));
    const { exitCode, stdout, stderr } = await runCaptured(
      ["face", "calibrate", "--data", folder, "--json"],
      { folder },
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({
      model,
      peopleCount: 40,
      templateCount: 80,
      targetMet: true,
      fpirMax: 0.001,
    });
    expect(found.similarityMin).toBeGreaterThanOrEqual(0.52);
    expect(found.lookAlikes).toMatchObject([{ personIds: ["p00003", "p00030"] }]);
    expect(digest(databaseFile(folder))).toBe(before);

    const asText = await runCaptured(["face", "calibrate", "--data", folder, "--fpir", "0.01"], { folder });
    expect(asText.stdout).toMatch(/40 人 \/ people, 80 张/);
    expect(asText.stdout).toMatch(/目标 \/ target 1 %/);
    expect(asText.stdout).toContain("p00003  p00030");
  });

  it("says so where there is no data folder, and refuses a share that is none", async () => {
    const missing = await runCaptured(["face", "calibrate", "--data", join(folder, "none")], { folder });
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toContain("数据目录");
    expect((await runCaptured(["face", "calibrate", "--fpir", "2"], { folder })).exitCode).toBe(2);
  });

  it("takes photos by person instead, and names what holds no face", async () => {
    await artifactsForTests();
    for (const person of ["a", "b"]) mkdirSync(join(folder, person));
    writeFileSync(join(folder, "a", "1.jpg"), readFileSync(samplePhoto(1)));
    writeFileSync(join(folder, "b", "1.jpg"), readFileSync(samplePhoto(2)));
    writeFileSync(join(folder, "b", "2.png"), "no picture");
    const { exitCode, stdout, stderr } = await runCaptured(["face", "calibrate", "--set", folder, "--json"], {
      folder,
    });
    expect(exitCode).toBe(0);
    expect(stderr).toContain(join("b", "2.png"));
    expect(JSON.parse(stdout)).toMatchObject({ model, peopleCount: 2, templateCount: 2, cohortShare: 1 });
  });
});
