import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import sharp from "sharp";
import { verifyJournal } from "../../device/journal/verify.ts";
import { seededEntropy } from "../../device/platform/entropy.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import type { BrokerSettings } from "../../device/sync/mqtt-link.ts";
import { databaseFile, TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";
import type { ReferenceCloud } from "../../scripts/reference-cloud/reference-cloud.ts";
import { startTestCloud } from "../../scripts/reference-cloud/testing/rig.ts";
import { CardPayer, type Shown } from "./card-payer.ts";
import { writeKillConfig } from "./kill-config.ts";
import { TerminalProcess, type TerminalProcessOptions } from "./terminal-process.ts";

const clock = new SystemClock();
const FIRST_PAYMENT_MS_MAX = 300_000;
const DRAIN_MS_MAX = 300_000;
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
  readonly configFile: string;
  readonly dataFolder: string;
  /** Still to be charged. */
  readonly cards: string[];
  /** What the screen said. */
  readonly shown: Shown[] = [];
  readonly #options: CardSchoolOptions;
  readonly #people: ReadonlySet<string>;
  #cloud: ReferenceCloud;

  private constructor(options: CardSchoolOptions, cloud: ReferenceCloud, configFile: string) {
    const people = enrolCardHolders(cloud, options.people);
    this.#options = options;
    this.#cloud = cloud;
    this.configFile = configFile;
    this.dataFolder = dataFolderOf(options);
    this.#people = new Set(people.map(({ personId }) => personId));
    this.cards = people.map(({ card }) => card);
  }

  static async open(options: CardSchoolOptions): Promise<CardSchool> {
    mkdirSync(options.folder, { recursive: true });
    return new CardSchool(options, await startCloud(options), await writeConfig(options));
  }

  /** @returns puts the cloud back to what it was now, as from an old backup. */
  keepCloud(): () => Promise<void> {
    const file = join(cloudFolder(this.#options), "reference-cloud.db");
    const kept = `${file}.kept`;
    reading(file, (db) => db.prepare("VACUUM INTO ?").run(kept));
    return async () => {
      await this.#cloud.close();
      for (const suffix of ["-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
      copyFileSync(kept, file);
      this.#cloud = await startCloud(this.#options);
    };
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
      const [device] = this.#cloud.views.devices();
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

  prunedCount(): number {
    const select = "SELECT coalesce(max(seq), 0) FROM journal_base";
    return reading(this.database, (db) => db.prepare<[], number>(select).pluck().get() ?? 0);
  }

  /** Journal, cloud and screen against each other, and nobody twice. @returns what is wrong. */
  compare(): string[] {
    const problems = differences(this.database, this.#cloud, this.shown);
    const [device] = this.#cloud.views.devices();
    const { chain, conflictSeqs, damagedCount, missing } = device ?? {};
    if (chain !== "whole" || conflictSeqs?.length !== 0 || damagedCount !== 0 || missing?.length !== 0)
      problems.push(`the cloud's chain: ${JSON.stringify(device)}`);
    const charges = this.#cloud.views.charges(CHARGES_MAX);
    // Whoever comes again after midnight has another meal.
    const meals = charges
      .filter(({ personId }) => this.#people.has(personId))
      .map(({ personId, businessDate, periodId }) => `${personId} ${businessDate} ${periodId}`);
    if (new Set(meals).size !== meals.length) problems.push("somebody paid twice");
    // A cloud that was put back has lost what the terminal had pruned, and says so.
    if (device?.gone.length !== 0) return problems;
    const inCloud = new Map(charges.map(({ chargeId, personId }) => [chargeId, personId]));
    const lost = this.shown.filter(({ chargeId, personId }) => inCloud.get(chargeId) !== personId);
    if (lost.length > 0) problems.push(`${lost.length} shown as paid and not in the cloud`);
    return problems;
  }

  /** Whether the cloud has asked for what the terminal had pruned, and has taken its word for it. */
  hasGone(): boolean {
    return this.#cloud.views.devices().some(({ gone }) => gone.length > 0);
  }

  async close(): Promise<void> {
    await this.#cloud.close();
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

/** Each entry that the terminal holds is the cloud's; till, cloud and screen know of the same charges, also pruned ones. */
function differences(file: string, { views }: ReferenceCloud, shown: readonly Shown[]): string[] {
  const hashes = new Map<number, string>();
  for (let after = 0; ; ) {
    const page = views.entries(after, ENTRIES_AT_ONCE);
    for (const { seq, hash } of page) hashes.set(seq, hash);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.arrival;
  }
  const [device] = views.devices();
  const problems: string[] = [];
  const tell = (count: number, what: string): void => {
    if (count > 0) problems.push(`${count} ${what}`);
  };
  const { entries, charges } = reading(file, (db) => ({
    // What came while it stopped may still be on its way; what is pruned is removed in steps, which a stop may interrupt.
    entries: db
      .prepare<[number], { seq: number; hash: string }>(
        `SELECT seq, hash FROM journal
         WHERE seq <= ? AND seq > (SELECT coalesce(max(seq), 0) FROM journal_base)`,
      )
      .all(device?.ackedSeq ?? 0),
    charges: db.prepare<[], string>("SELECT charge_id FROM charge").pluck().all(),
  }));
  const [atTill, inCloud] = [
    new Set(charges),
    new Set(views.charges(CHARGES_MAX).map(({ chargeId }) => chargeId)),
  ];
  const wrong = entries.filter(({ seq, hash }) => hashes.get(seq) !== hash);
  tell(wrong.length, "entries of the journal are not so in the cloud");
  tell(without(inCloud, atTill), "charges of the cloud's are unknown to the till");
  if (device?.gone.length === 0) tell(without(atTill, inCloud), "charges of the till's are not in the cloud");
  const unknown = shown.filter(({ chargeId }) => !atTill.has(chargeId));
  tell(unknown.length, "shown as paid and unknown to the till");
  return problems;
}

const without = (all: ReadonlySet<string>, some: ReadonlySet<string>): number =>
  [...all].filter((one) => !some.has(one)).length;

const cloudFolder = ({ folder }: CardSchoolOptions): string => join(folder, "cloud");
const dataFolderOf = ({ folder, dataFolder = join(folder, "data") }: CardSchoolOptions): string => dataFolder;

const startCloud = (options: CardSchoolOptions): Promise<ReferenceCloud> =>
  startTestCloud(cloudFolder(options), options.cloudBroker);

function enrolCardHolders(
  cloud: ReferenceCloud,
  people: number,
): readonly { readonly personId: string; readonly card: string }[] {
  return Array.from({ length: people }, (_, index) => {
    const number = String(100_000 + index);
    const [personId, card] = [`p-${number}`, `C${number}`];
    cloud.ledger.put(
      {
        personId,
        number,
        displayName: `同学${number}`,
        groupName: "测试班",
        kind: "student",
        active: true,
        allergens: [],
        limits: { perChargeFenMax: null, perDayFenMax: null, overdraftFenMax: null, blockedPeriodIds: [] },
        consents: [],
        cards: [card],
        pinHash: null,
      },
      10_000,
    );
    return { personId, card };
  });
}

/** The engine works too: ten noisy pictures a second that hold nobody. */
async function writeConfig(options: CardSchoolOptions): Promise<string> {
  const { folder, terminalMqttUrl, caFile, seed } = options;
  const pictures = join(folder, "pictures");
  rmSync(pictures, { recursive: true, force: true });
  mkdirSync(pictures);
  const noise = Buffer.from(seededEntropy(seed).bytes(640 * 480 * 3));
  await sharp(noise, { raw: { width: 640, height: 480, channels: 3 } })
    .jpeg()
    .toFile(join(pictures, "noise.jpg"));
  return writeKillConfig(folder, dataFolderOf(options), {
    camera: { kind: "folder", folder: pictures, framePeriodMs: 100 },
    servingLine: {
      activation: "presence",
      shownMsMin: 300,
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
  });
}
