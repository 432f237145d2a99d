import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import sharp from "sharp";
import { stringify } from "yaml";
import { verifyJournal } from "../../device/journal/verify.ts";
import { idSource, seededEntropy, systemEntropy } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import type { BrokerSettings } from "../../device/sync/mqtt-link.ts";
import { freePort } from "../../device/sync/testing/brokers.ts";
import { databaseFile, TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";
import { type ReferenceCloud, startReferenceCloud } from "../../scripts/reference-cloud/reference-cloud.ts";
import { CardPayer, type Shown } from "./card-payer.ts";
import { TerminalProcess, type TerminalProcessOptions } from "./terminal-process.ts";

const clock = new SystemClock();
const FIRST_PAYMENT_MS_MAX = 90_000;
const DRAIN_MS_MAX = 120_000;
const CHARGES_MAX = 1_000_000;
const ENTRIES_AT_ONCE = 1000;

export interface CardSchoolOptions {
  readonly folder: string;
  /** Where the terminal finds its broker. */
  readonly terminalMqttUrl: string;
  readonly caFile?: string;
  /** Where the cloud finds it. */
  readonly cloudBroker: Pick<BrokerSettings, "url" | "caFile">;
  readonly people: number;
  /** Default: a folder of the school's. */
  readonly dataFolder?: string;
  readonly seed: number;
}

/** A school of people with cards, a real cloud, and one terminal that runs in a process of its own. */
export class CardSchool {
  readonly cloud: ReferenceCloud;
  readonly configFile: string;
  readonly dataFolder: string;
  /** Still to be charged. */
  readonly cards: string[];
  /** What the screen said. */
  readonly shown: Shown[] = [];

  private constructor(cloud: ReferenceCloud, configFile: string, dataFolder: string, cards: string[]) {
    this.cloud = cloud;
    this.configFile = configFile;
    this.dataFolder = dataFolder;
    this.cards = cards;
  }

  static async open(options: CardSchoolOptions): Promise<CardSchool> {
    const { folder, cloudBroker, people, dataFolder = join(folder, "data") } = options;
    mkdirSync(folder, { recursive: true });
    const cloud = await startReferenceCloud({
      broker: { ...CLOUD_BROKER, ...cloudBroker },
      dataFolder: join(folder, "cloud"),
      httpHost: "127.0.0.1",
      httpPort: 0,
      demoRoster: false,
      clock,
      entropy: systemEntropy,
      ids: idSource(clock, systemEntropy),
      logger: silentLogger,
    });
    const cards = enrolCardHolders(cloud, people);
    return new CardSchool(cloud, await writeConfig(options, dataFolder), dataFolder, cards);
  }

  get database(): string {
    return databaseFile(this.dataFolder);
  }

  start(options?: TerminalProcessOptions): Promise<TerminalProcess> {
    return TerminalProcess.start(this.configFile, options);
  }

  pay(terminal: TerminalProcess): CardPayer {
    return new CardPayer(terminal.url, this.cards, this.shown);
  }

  /** The first life lasts until the people have come down from the cloud and one of them has paid. */
  async firstPayment(): Promise<void> {
    const terminal = await this.start();
    const payer = this.pay(terminal);
    const endMono = clock.mono() + FIRST_PAYMENT_MS_MAX;
    while (this.shown.length === 0 && clock.mono() < endMono) await clock.delay(50);
    await terminal.kill();
    await payer.ended();
    if (this.shown.length === 0) throw new Error("nobody could pay");
  }

  /**
   * Waits until the cloud has what is in the terminal's journal now. Asks the file: what the cloud last heard of the
   * terminal's newest entry may be from before a broken line. @returns why it does not; null: it does.
   */
  async drained(waitMsMax = DRAIN_MS_MAX): Promise<string | null> {
    const headSeq = newestSeq(this.database);
    const endMono = clock.mono() + waitMsMax;
    for (;;) {
      const [device] = this.cloud.views.devices();
      if (device !== undefined && device.ackedSeq >= headSeq) return null;
      if (clock.mono() > endMono) return `not drained to ${headSeq}: ${JSON.stringify(device)}`;
      await clock.delay(50);
    }
  }

  /** `journal verify`, beside the terminal or without it. @returns what is wrong. */
  verify(): string[] {
    const found = verifyJournal(this.database, TERMINAL_PROJECTIONS);
    return found.ok ? [] : [`journal verify: ${JSON.stringify(found)}`];
  }

  entryCount(): number {
    return newestSeq(this.database);
  }

  /** Journal, cloud and screen against each other, and nobody twice. @returns what is wrong. */
  compare(): string[] {
    const problems = differences(this.database, this.cloud);
    const [device] = this.cloud.views.devices();
    const { chain, conflictSeqs, damagedCount, missing } = device ?? {};
    if (chain !== "whole" || conflictSeqs?.length !== 0 || damagedCount !== 0 || missing?.length !== 0)
      problems.push(`the cloud's chain: ${JSON.stringify(device)}`);
    const charges = this.cloud.views.charges(CHARGES_MAX);
    const people = charges.map(({ personId }) => personId);
    if (new Set(people).size !== people.length) problems.push("somebody paid twice");
    const inCloud = new Map(charges.map(({ chargeId, personId }) => [chargeId, personId]));
    const lost = this.shown.filter(({ chargeId, personId }) => inCloud.get(chargeId) !== personId);
    if (lost.length > 0) problems.push(`${lost.length} shown as paid and not in the cloud`);
    return problems;
  }

  async close(): Promise<void> {
    await this.cloud.close();
  }
}

function reading<T>(file: string, read: (db: Database.Database) => T): T {
  const db = new Database(file, { readonly: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
}

function newestSeq(file: string): number {
  const select = "SELECT coalesce(max(seq), 0) FROM journal";
  return reading(file, (db) => db.prepare<[], number>(select).pluck().get() ?? 0);
}

/** Each entry that the terminal holds is the cloud's, and the till knows of the same charges, also of pruned entries. */
function differences(file: string, { views }: ReferenceCloud): string[] {
  const hashes = new Map<number, string>();
  for (let after = 0; ; ) {
    const page = views.entries(after, ENTRIES_AT_ONCE);
    for (const { seq, hash } of page) hashes.set(seq, hash);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.arrival;
  }
  return reading(file, (db) => {
    const problems: string[] = [];
    // What came while it stopped may still be on its way.
    const ackedSeq = views.devices()[0]?.ackedSeq ?? 0;
    const entries = db
      .prepare<[number], { seq: number; hash: string }>("SELECT seq, hash FROM journal WHERE seq <= ?")
      .all(ackedSeq);
    const other = entries.filter(({ seq, hash }) => hashes.get(seq) !== hash);
    if (other.length > 0) problems.push(`${other.length} entries of the journal are not so in the cloud`);
    const charged = db.prepare<[], string>("SELECT charge_id FROM charge").pluck().all().sort();
    const inCloud = views
      .charges(CHARGES_MAX)
      .map(({ chargeId }) => chargeId)
      .sort();
    if (charged.join() !== inCloud.join())
      problems.push(`the till knows of ${charged.length} charges, the cloud of ${inCloud.length}`);
    return problems;
  });
}

const CLOUD_BROKER: BrokerSettings = {
  url: "",
  protocolVersion: "auto",
  keepAliveMs: 30_000,
  reconnectWaitMsMin: 100,
  reconnectWaitMsMax: 500,
  username: undefined,
  passwordFile: undefined,
  caFile: undefined,
};

function enrolCardHolders(cloud: ReferenceCloud, people: number): string[] {
  return Array.from({ length: people }, (_, index) => {
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
async function writeConfig(
  { folder, terminalMqttUrl, caFile, seed }: CardSchoolOptions,
  dataFolder: string,
): Promise<string> {
  const pictures = join(folder, "pictures");
  rmSync(pictures, { recursive: true, force: true });
  mkdirSync(pictures);
  const noise = Buffer.from(seededEntropy(seed).bytes(640 * 480 * 3));
  await sharp(noise, { raw: { width: 640, height: 480, channels: 3 } })
    .jpeg()
    .toFile(join(pictures, "noise.jpg"));
  const file = join(folder, "canteen.yaml");
  const raw = {
    site: "kill-school",
    device: "terminal-1",
    dataFolder,
    logLevel: "error",
    kiosk: { port: await freePort() },
    camera: { kind: "folder", folder: pictures, framePeriodMs: 100 },
    storage: { freeBytesMin: 1_000_000 },
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
    mqtt: {
      url: terminalMqttUrl,
      reconnectWaitMsMin: 100,
      reconnectWaitMsMax: 1000,
      keepAliveMs: 5000,
      receiptWaitMsMax: 3000,
      ...(caFile === undefined ? {} : { caFile }),
    },
  };
  writeFileSync(file, stringify(raw));
  return file;
}
