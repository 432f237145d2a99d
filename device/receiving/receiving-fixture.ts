import type { Scale, ScaleReading, ScaleState } from "../../firmware-bridge/ports/scale.ts";
import type { ScanEvent, Scanner, ScanRefusal } from "../../firmware-bridge/ports/scanner.ts";
import type { Thermometer, ThermometerReading } from "../../firmware-bridge/ports/thermometer.ts";
import { type JournalFixture, journalFixture } from "../journal/journal-fixture.ts";
import type { PhotoStudio, TakePhoto } from "../photos/studio-port.ts";
import { silentLogger } from "../platform/logger.ts";
import type { SignatureDesk, SignOutcome } from "../signatures/signature-port.ts";
import type { GoodsCode, ScannedCode } from "./goods-code.ts";
import { createGoodsLedger, type GoodsLedger } from "./goods-ledger.ts";
import { goodsProjection } from "./goods-projection.ts";
import { receivingMigrations, SqliteOrderBook } from "./order-book.ts";
import type { OrderLine, PurchaseOrder } from "./order-port.ts";
import { createReceiving, type ReceivingOptions } from "./receiving.ts";
import type { Receiving, ReceivingAnswer, ReceivingCommand } from "./receiving-port.ts";
import type { ReceivingLists } from "./receiving-view.ts";
import type { BenchScale } from "./scale-bench.ts";

/** A receiving place over a real journal, with devices that a test moves by hand. For tests only. */

export const DAY = "2026-09-01";
export const LIMITS = { unit: "kg", minG: 200, maxG: 60_000, divisionG: 10 } as const;

export function orderLine(lineId: string, more: Partial<OrderLine> = {}): OrderLine {
  return {
    lineId,
    product: { productId: `p-${lineId}`, name: `货品${lineId}` },
    unit: "kg",
    quantity: "10",
    packTareG: null,
    tolerance: { underBp: 500, overBp: 500 },
    priceFen: 500,
    gtins: [],
    temperatureMilliCMax: null,
    lotRequired: false,
    shelfDaysMin: null,
    ...more,
  };
}

export function purchaseOrder(orderId: string, lines: readonly OrderLine[], version = 1): PurchaseOrder {
  return {
    orderId,
    version,
    supplier: { supplierId: "s1", name: "绿源蔬菜" },
    dueDate: DAY,
    status: "open",
    lines,
  };
}

const named = (id: string) => ({ id, name: { zh: id, en: id } });

export const LISTS: ReceivingLists = {
  containers: [{ ...named("box"), tareG: 1500 }],
  overrideReasons: [named("needed"), named("camera-broken")],
  rejectReasons: [named("not-fresh"), named("not-delivered")],
  strikeReasons: [named("wrong-line")],
  binReasons: [named("spoiled")],
};

/** A scale whose readings a test says. */
export class HandScale implements Scale {
  readonly label: string;
  readonly #readings = new Set<(reading: ScaleReading) => void>();
  readonly #states = new Set<(state: ScaleState) => void>();
  readonly #mono: () => number;
  readonly commands: string[] = [];
  #state: ScaleState = { kind: "live" };

  constructor(label: string, mono: () => number) {
    this.label = label;
    this.#mono = mono;
  }

  state(): ScaleState {
    return this.#state;
  }
  onReading(listener: (reading: ScaleReading) => void): () => void {
    this.#readings.add(listener);
    return () => this.#readings.delete(listener);
  }
  onState(listener: (state: ScaleState) => void): () => void {
    this.#states.add(listener);
    return () => this.#states.delete(listener);
  }
  open(): void {}
  async command(command: string): Promise<{ readonly kind: "done" }> {
    this.commands.push(command);
    return { kind: "done" };
  }
  health(): never {
    throw new Error("nobody asks");
  }
  async close(): Promise<void> {}

  enter(state: ScaleState): void {
    this.#state = state;
    for (const listener of this.#states) listener(state);
  }

  say(grams: number | null, more: Partial<ScaleReading> = {}): void {
    for (const listener of this.#readings) listener(weightReading(grams, this.#mono(), more));
  }
}

export function weightReading(
  grams: number | null,
  receivedMonoMs: number,
  more: Partial<ScaleReading> = {},
): ScaleReading {
  const value = grams === null ? null : kilograms(grams);
  return {
    value,
    resolution: value === null ? null : "0.001",
    unit: value === null ? null : "kg",
    grams,
    mode: "gross",
    gross: value,
    tare: null,
    net: null,
    stable: value !== null,
    stableFrom: "wire",
    overload: false,
    underload: false,
    zero: grams === 0,
    deviceTime: null,
    receivedMonoMs,
    raw: Buffer.from(`ST,GS,${(value ?? "").padStart(9)} kg`, "latin1"),
    ...more,
  };
}

function kilograms(grams: number): string {
  const digits = String(Math.abs(grams)).padStart(4, "0");
  return `${grams < 0 ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

export class HandThermometer implements Thermometer {
  readonly label = "probe";
  readonly #listeners = new Set<(reading: ThermometerReading) => void>();
  state(): { readonly kind: "live" } {
    return { kind: "live" };
  }
  onState(): () => void {
    return () => {};
  }
  onReading(listener: (reading: ThermometerReading) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  open(): void {}
  async close(): Promise<void> {}

  say(milliC: number | null, receivedMonoMs: number, fault: string | null = null): void {
    const reading = {
      probe: "core",
      celsius: milliC === null ? null : String(milliC / 1000),
      milliC,
      humidityPercent: null,
      fault,
      receivedMonoMs,
      raw: new Uint8Array(),
    };
    for (const listener of this.#listeners) listener(reading);
  }
}

export class HandScanner implements Scanner {
  readonly label = "scanner";
  readonly #scans = new Set<(scan: ScanEvent) => void>();
  readonly #refusals = new Set<(refusal: ScanRefusal) => void>();
  state(): { readonly kind: "live" } {
    return { kind: "live" };
  }
  onState(): () => void {
    return () => {};
  }
  onScan(listener: (scan: ScanEvent) => void): () => void {
    this.#scans.add(listener);
    return () => this.#scans.delete(listener);
  }
  onRefused(listener: (refusal: ScanRefusal) => void): () => void {
    this.#refusals.add(listener);
    return () => this.#refusals.delete(listener);
  }
  open(): void {}
  async close(): Promise<void> {}

  scan(text: string): void {
    for (const listener of this.#scans) listener({ text, symbology: null, ais: null, receivedMonoMs: 0 });
  }
  refuse(reason: ScanRefusal["reason"]): void {
    for (const listener of this.#refusals) listener({ reason, receivedMonoMs: 0 });
  }
}

/** Hashes that look like hashes: the nth photo's. */
export function hashOf(index: number): string {
  return index.toString(16).padStart(64, "0");
}

export interface ReceivingRig extends JournalFixture {
  readonly receiving: Receiving;
  readonly ledger: GoodsLedger;
  readonly book: SqliteOrderBook;
  readonly scale: HandScale;
  readonly other: HandScale;
  readonly thermometer: HandThermometer;
  readonly scanner: HandScanner;
  readonly claimed: string[];
  /** The next photos; a taken one each time once they are used up. */
  readonly photos: (TakePhoto | Promise<TakePhoto>)[];
  readonly signatures: SignOutcome[];
  readonly asked: { right: string; notOperatorIds: readonly string[] }[];
  readonly captions: string[][];
  readonly codes: Map<string, GoodsCode>;
  receive(orders: readonly PurchaseOrder[]): void;
  /** As the keeper, whom every test begins as. */
  act(command: ReceivingCommand, operatorId?: string): Promise<ReceivingAnswer>;
  /** Empties the pan, puts goods on it, and waits until they lie still. */
  put(grams: number, scale?: HandScale): void;
  /** Stops and starts again over the same file. */
  restart(): Promise<ReceivingRig>;
}

export interface RigOptions {
  readonly priceFree?: boolean;
  readonly hasStudio?: boolean;
  readonly reuse?: JournalFixture;
  readonly more?: Partial<ReceivingOptions>;
}

const OPERATORS = ["keeper", "second", "manager"];

export function receivingRig(options: RigOptions = {}): ReceivingRig {
  const fixture =
    options.reuse ?? journalFixture({ migrations: [receivingMigrations], projections: [goodsProjection] });
  const { db, journal, clock, ids } = fixture;
  const priceFree = options.priceFree ?? false;
  const book = new SqliteOrderBook({ db, journal, clock, ids, priceFree });
  const ledger = createGoodsLedger(db);
  const scale = new HandScale("one", () => clock.mono());
  const other = new HandScale("two", () => clock.mono());
  const thermometer = new HandThermometer();
  const scanner = new HandScanner();
  const claimed: string[] = [];
  const photos: (TakePhoto | Promise<TakePhoto>)[] = [];
  const signatures: SignOutcome[] = [];
  const asked: { right: string; notOperatorIds: readonly string[] }[] = [];
  const captions: string[][] = [];
  const codes = new Map<string, GoodsCode>();
  let taken = 0;
  const studio: PhotoStudio = {
    take: async ({ caption }) => {
      captions.push([...caption.lines]);
      const next = photos.shift();
      if (next !== undefined) return next;
      taken += 2;
      return {
        kind: "taken",
        photo: {
          photoSha256: hashOf(taken),
          thumbnailSha256: hashOf(taken + 1),
          offMs: 40,
          cameraLabel: "browser",
          facesBlurred: 0,
        },
      };
    },
    ready: () => ({ kind: "ready" }),
    close: async () => {},
  };
  const receiving = createReceiving({
    scales: new Map([
      ["one", bench(scale, "one")],
      ["two", bench(other, "two")],
    ]),
    thermometers: new Map([["probe", thermometer]]),
    scanners: [scanner],
    readCode: ({ text }: ScannedCode) => codes.get(text) ?? { kind: "text", text },
    orders: book,
    journal,
    ledger,
    photos: { claim: (hashes) => void claimed.push(...hashes) },
    studio: options.hasStudio === false ? null : studio,
    desk: desk(signatures, asked),
    operatorAtPage: () => "keeper",
    operatorName: () => null,
    lists: LISTS,
    priceFree,
    localTime: (atMs) => {
      const text = new Date(atMs).toISOString();
      return { day: text.slice(0, 10), time: text.slice(11, 19) };
    },
    clock,
    ids,
    logger: silentLogger,
    ...options.more,
  });
  let revision = book.revision();
  return {
    ...fixture,
    receiving,
    ledger,
    book,
    scale,
    other,
    thermometer,
    scanner,
    claimed,
    photos,
    signatures,
    asked,
    captions,
    codes,
    receive: (orders) => {
      book.apply({ after: revision, revision: revision + 1, orders });
      revision += 1;
    },
    act: (command, operatorId = "keeper") => receiving.command(operatorId, command),
    put: (grams, on = scale) => {
      on.say(0);
      on.say(grams, { stable: false });
      on.say(grams);
    },
    restart: async () => {
      await receiving.close();
      return receivingRig({ ...options, reuse: fixture.reopen() });
    },
  };
}

function bench(scale: Scale, scaleId: string): BenchScale {
  const { minG, maxG, divisionG } = LIMITS;
  const identity = {
    scaleId,
    label: `秤 ${scaleId}`,
    serialNumber: "A-1",
    verifiedOn: "2026-03-01",
    minG,
    maxG,
    divisionG,
    protocol: "stgs-text",
    protocolOptions: {},
  };
  return { scale, limits: LIMITS, identity };
}

/** Signs as the manager unless a test has said otherwise; a face waits until it is cancelled. */
function desk(
  outcomes: SignOutcome[],
  asked: { right: string; notOperatorIds: readonly string[] }[],
): SignatureDesk {
  return {
    byPin: async ({ right, notOperatorIds, operatorId }) => {
      asked.push({ right, notOperatorIds });
      const said = outcomes.shift();
      if (said !== undefined) return said;
      if (notOperatorIds.includes(operatorId)) return { kind: "refused", reason: "same-person" };
      if (right === "override" && operatorId !== "manager") return { kind: "refused", reason: "no-right" };
      return { kind: "signed", signature: { operatorId, displayName: operatorId, by: "pin" } };
    },
    byFace: ({ signal }) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve({ kind: "not-recognised", reason: "cancelled" })),
      ),
    signers: ({ right, notOperatorIds }) =>
      OPERATORS.filter(
        (operatorId) =>
          !notOperatorIds.includes(operatorId) && (right === "keep" || operatorId === "manager"),
      ).map((operatorId) => ({ operatorId, displayName: operatorId, faceKnown: false })),
  };
}
