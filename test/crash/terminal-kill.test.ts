import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { seededEntropy } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { createEmbeddedBroker } from "../../device/sync/embedded-broker.ts";
import { CardSchool } from "./card-school.ts";

/** `CANTEEN_KILLS=1000` for a long run by hand. */
const KILLS = Number(process.env["CANTEEN_KILLS"] ?? 50);
const SEED = Number(process.env["CANTEEN_SEED"] ?? 20260902);
const PEOPLE = Math.max(1000, KILLS * 60);
const LIFE_MS_MAX = 1500;
const KILL_MS_MAX = 20_000;
const clock = new SystemClock();

async function openSchool(): Promise<CardSchool> {
  const folder = mkdtempSync(join(tmpdir(), "canteen-terminal-kill-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const broker = createEmbeddedBroker({ port: 0, logger: silentLogger });
  const url = `mqtt://127.0.0.1:${await broker.start()}`;
  const school = await CardSchool.open({
    folder,
    terminalMqttUrl: url,
    cloudBroker: { url },
    people: PEOPLE,
    seed: SEED,
  });
  onTestFinished(async () => {
    await school.close();
    await broker.close();
  });
  return school;
}

describe("the terminal under kill -9", () => {
  it(
    `charges each card once over ${KILLS} kills under load, and the cloud holds what the screen showed (seed ${SEED})`,
    async () => {
      const school = await openSchool();
      const entropy = seededEntropy(SEED);
      await school.firstPayment();
      for (let kill = 1; kill <= KILLS; kill++) {
        const terminal = await school.start();
        const payer = school.pay(terminal);
        await clock.delay(entropy.uniform() * LIFE_MS_MAX);
        await terminal.kill();
        await payer.ended();
        expect(school.verify(), `after kill ${kill}`).toEqual([]);
      }
      const last = await school.start();
      expect(await school.drained()).toBeNull();
      expect(await last.stop()).toBe(0);
      expect(school.compare()).toEqual([]);
      // A run in which nothing was paid would prove nothing.
      expect(school.shown.length).toBeGreaterThan(KILLS);
      process.stdout.write(`${KILLS} kills, ${school.shown.length} payments shown\n`);
    },
    KILLS * KILL_MS_MAX,
  );
});
