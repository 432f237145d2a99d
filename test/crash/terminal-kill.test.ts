import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import { verifyJournal } from "../../device/journal/verify.ts";
import { seededEntropy } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { createEmbeddedBroker } from "../../device/sync/embedded-broker.ts";
import { freePort } from "../../device/sync/testing/brokers.ts";
import { databaseFile, TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";
import type { ReferenceCloud } from "../../scripts/reference-cloud/reference-cloud.ts";
import { startCloud } from "../end-to-end/school.ts";
import { CardPayer, type Shown } from "./card-payer.ts";
import { TerminalProcess } from "./terminal-process.ts";

/** `CANTEEN_KILLS=1000` for a long run by hand. */
const KILLS = Number(process.env["CANTEEN_KILLS"] ?? 50);
const SEED = Number(process.env["CANTEEN_SEED"] ?? 20260902);
const PEOPLE = Math.max(1000, KILLS * 60);
const LIFE_MS_MAX = 1500;
const KILL_MS_MAX = 20_000;
const clock = new SystemClock();

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "canteen-terminal-kill-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function openCloud(folder: string): Promise<{ cloud: ReferenceCloud; mqttUrl: string }> {
  const broker = createEmbeddedBroker({ port: 0, logger: silentLogger });
  const mqttUrl = `mqtt://127.0.0.1:${await broker.start()}`;
  const cloud = await startCloud(folder, mqttUrl, silentLogger, false);
  onTestFinished(async () => {
    await cloud.close();
    await broker.close();
  });
  return { cloud, mqttUrl };
}

function enrolCardHolders(cloud: ReferenceCloud): string[] {
  return Array.from({ length: PEOPLE }, (_, index) => {
    const number = String(100_000 + index);
    cloud.ledger.put(
      {
        personId: `p-${number}`,
        number,
        displayName: `同学${number}`,
        groupName: "测试班",
        kind: "student",
        active: true,
        allergens: [],
        limits: { perChargeFenMax: null, perDayFenMax: null, overdraftFenMax: null, blockedPeriodIds: [] },
        consents: [],
        cards: [`C${number}`],
        pinHash: null,
      },
      10_000,
    );
    return `C${number}`;
  });
}

/** The engine works too: ten noisy pictures a second that hold nobody. */
async function writeConfig(folder: string, mqttUrl: string): Promise<string> {
  const pictures = join(folder, "pictures");
  mkdirSync(pictures);
  const noise = Buffer.from(seededEntropy(SEED).bytes(640 * 480 * 3));
  await sharp(noise, { raw: { width: 640, height: 480, channels: 3 } })
    .jpeg()
    .toFile(join(pictures, "noise.jpg"));
  const file = join(folder, "canteen.yaml");
  const raw = {
    site: "kill-school",
    device: "terminal-1",
    dataFolder: join(folder, "data"),
    logLevel: "error",
    kiosk: { port: await freePort() },
    camera: { kind: "folder", folder: pictures, framePeriodMs: 100 },
    servingLine: {
      activation: "presence",
      shownMsMin: 300,
      mealPlan: {
        periods: [
          {
            id: "all-day",
            name: { zh: "全天", en: "All day" },
            from: "00:00",
            to: "24:00",
            pricing: { kind: "fixed", priceFen: 700 },
          },
        ],
      },
      limits: { offlineTotalFenMax: 100_000_000 },
    },
    mqtt: { url: mqttUrl, reconnectWaitMsMin: 100, reconnectWaitMsMax: 1000 },
  };
  writeFileSync(file, stringify(raw));
  return file;
}

describe("the terminal under kill -9", () => {
  it(
    `charges each card once over ${KILLS} kills under load, and the cloud holds what the screen showed (seed ${SEED})`,
    async () => {
      const folder = temporaryFolder();
      const { cloud, mqttUrl } = await openCloud(join(folder, "cloud"));
      const cards = enrolCardHolders(cloud);
      const configFile = await writeConfig(folder, mqttUrl);
      const database = databaseFile(join(folder, "data"));
      const entropy = seededEntropy(SEED);
      const shown: Shown[] = [];
      await firstPayment(configFile, cards, shown);
      for (let kill = 1; kill <= KILLS; kill++) {
        const terminal = await TerminalProcess.start(configFile);
        const payer = new CardPayer(terminal.url, cards, shown);
        await clock.delay(entropy.uniform() * LIFE_MS_MAX);
        await terminal.kill();
        await payer.ended();
        expect(verifyJournal(database, TERMINAL_PROJECTIONS), `after kill ${kill}`).toMatchObject({
          ok: true,
        });
      }
      const last = await TerminalProcess.start(configFile);
      await drained(cloud);
      expect(await last.stop()).toBe(0);
      compare(cloud, shown);
      process.stdout.write(`${KILLS} kills, ${shown.length} payments shown\n`);
    },
    KILLS * KILL_MS_MAX,
  );
});

/** The first life lasts until the people have come down from the cloud and one of them has paid. */
async function firstPayment(configFile: string, cards: string[], shown: Shown[]): Promise<void> {
  const terminal = await TerminalProcess.start(configFile);
  const payer = new CardPayer(terminal.url, cards, shown);
  const endMono = clock.mono() + 60_000;
  while (shown.length === 0 && clock.mono() < endMono) await clock.delay(50);
  await terminal.kill();
  await payer.ended();
  expect(shown.length).toBeGreaterThan(0);
}

/** Waits until the cloud's receipt covers the terminal's newest entry. */
async function drained(cloud: ReferenceCloud): Promise<void> {
  const endMono = clock.mono() + 60_000;
  for (;;) {
    const [device] = cloud.views.devices();
    if (device?.online === true && device.headSeq > 0 && device.ackedSeq >= device.headSeq) return;
    if (clock.mono() > endMono) throw new Error(`not drained: ${JSON.stringify(device)}`);
    await clock.delay(50);
  }
}

function compare(cloud: ReferenceCloud, shown: readonly Shown[]): void {
  const charges = cloud.views.charges(PEOPLE);
  const [device] = cloud.views.devices();
  expect(device).toMatchObject({ chain: "whole", conflictSeqs: [], damagedCount: 0, missing: [] });
  const people = charges.map(({ personId }) => personId);
  expect(new Set(people).size, "nobody paid twice").toBe(people.length);
  const inCloud = new Map(charges.map(({ chargeId, personId }) => [chargeId, personId]));
  const lost = shown.filter(({ chargeId, personId }) => inCloud.get(chargeId) !== personId);
  expect(lost, "shown as paid, not in the cloud").toEqual([]);
  // A run in which nothing was paid would prove nothing.
  expect(shown.length).toBeGreaterThan(KILLS);
}
