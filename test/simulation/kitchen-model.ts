import { existsSync } from "node:fs";
import type { Database } from "better-sqlite3";
import { z } from "zod";
import { prepared } from "../../device/journal/prepared.ts";
import type { CabinetView } from "../../device/sample-cabinet/cabinet-port.ts";
import { broken } from "./violation.ts";

/** A row of the journal as the model reads it. */
export interface KitchenRow {
  readonly seq: number;
  readonly id: string;
  readonly kind: string;
  readonly body: string;
}

const photo = z.looseObject({ photoSha256: z.string().optional(), thumbnailSha256: z.string().optional() });
const weighInBody = z.looseObject({
  weighInId: z.string(),
  product: z.looseObject({ productId: z.string() }),
  pieces: z.int(),
  weight: z.looseObject({ netG: z.int(), shownG: z.int() }).nullable(),
});
const reversedBody = z.looseObject({ weighInId: z.string(), kind: z.string() });
const raisedBody = z.looseObject({ alarmId: z.string(), key: z.string(), isAgain: z.boolean() });
const alarmBody = z.looseObject({ alarmId: z.string() });
const storedBody = z.looseObject({
  sampleId: z.string(),
  meal: z.looseObject({ date: z.string(), periodId: z.string() }),
  dish: z.looseObject({ dishId: z.string() }),
  weight: z.looseObject({ grossG: z.int() }),
  cabinetId: z.string(),
  slotId: z.string(),
});
const person = z.looseObject({ operatorId: z.string() }).nullable().optional();
const leftBody = z.looseObject({
  sampleId: z.string(),
  how: z.string().optional(),
  disposedBy: person,
  secondBy: person,
  struckBy: person,
  handedBy: person,
  witness: person,
});
const photoBody = z.looseObject({ photo: photo.nullable().optional() });

interface WeighIn {
  readonly kind: string;
  readonly productId: string;
  readonly grams: number;
  readonly loadG: number;
  isStruck: boolean;
}

interface Occurrence {
  readonly alarmId: string;
  readonly key: string;
  isCleared: boolean;
  isAcknowledged: boolean;
}

interface Sample {
  readonly dish: string;
  readonly slot: string;
  readonly portionG: number;
  /** True time at which its entry was seen first. */
  readonly storedMs: number;
  hasLeft: boolean;
}

/** What the world says about the alarm that an entry ends. */
export interface KitchenTruth {
  nowMs(): number;
  /** When the probe said last that the air is cold enough for the alarm to end. */
  lastColdMs(): number;
  /** The cloud has the bytes of this photo. */
  cloudHasPhoto(sha256: string): boolean;
}

const KEEP_MS = 48 * 3_600_000;
/** Quartz, and a start after a power cut in the middle of the commit: the model sees the entry only then. */
const KEEP_SLACK_MS = 300_000;
/** `high` of the one probe: over 8 °C, and cleared half a degree below. */
const HIGH_KEY = /\/high\/air$/;
export const HIGH_MILLI_C = 8000;
/** An entry follows its alarm by as long as a disk is full, at most. */
const COLD_MS_MAX = 600_000;

/**
 * What one terminal's entries about goods, alarms and samples must be, told by its rows: plain maps, no code of the
 * projections, the ledger or the machines.
 */
export class KitchenModel {
  readonly #device: string;
  readonly #truth: KitchenTruth;
  readonly #weighIns = new Map<string, WeighIn>();
  /** By what lay on the pan: the weigh-in that counts. */
  readonly #loads = new Map<number, string>();
  readonly #stockG = new Map<string, number>();
  readonly #alarms = new Map<string, Occurrence>();
  /** By key: the occurrence that is not over. */
  readonly #open = new Map<string, Occurrence>();
  readonly #samples = new Map<string, Sample>();
  readonly #portions = new Map<number, string>();
  readonly #photos = new Set<string>();

  constructor(device: string, truth: KitchenTruth) {
    this.#device = device;
    this.#truth = truth;
  }

  /** Whether this load is on record, and not struck. */
  hasLoad(grams: number): boolean {
    return this.#loads.has(grams);
  }

  hasPortion(grams: number): boolean {
    return this.#portions.has(grams);
  }

  take(row: KitchenRow): void {
    const where = `${this.#device} seq ${row.seq}`;
    const body: unknown = JSON.parse(row.body);
    this.#notePhotos(body);
    switch (row.kind) {
      case "weighin.accepted":
      case "weighin.issued":
      case "weighin.rejected":
        this.#takeWeighIn(row, weighInBody.parse(body), where);
        break;
      case "weighin.reversed":
        this.#takeStrike(reversedBody.parse(body), where);
        break;
      case "alarm.raised":
        this.#takeRaised(raisedBody.parse(body), where);
        break;
      case "alarm.cleared":
        this.#takeCleared(alarmBody.parse(body).alarmId, where);
        break;
      case "alarm.acknowledged":
        this.#takeAcknowledged(alarmBody.parse(body).alarmId, where);
        break;
      case "sample.stored":
        this.#takeStored(storedBody.parse(body), where);
        break;
      case "sample.disposed":
      case "sample.voided":
      case "sample.seized":
        this.#takeLeft(row.kind, leftBody.parse(body), where);
        break;
    }
  }

  /** A page says that a load was taken. */
  shownTaken(weighInId: string, loadG: number): void {
    const weighIn = this.#weighIns.get(weighInId);
    if (weighIn === undefined || weighIn.loadG !== loadG)
      throw broken("weigh-in-not-in-journal", `${this.#device} shows ${weighInId} of ${loadG} g as taken`);
  }

  /** A page says that a portion was stored. */
  shownStored(portionG: number): void {
    if (!this.hasPortion(portionG))
      throw broken("sample-not-in-journal", `${this.#device} shows a sample of ${portionG} g as stored`);
  }

  /** The terminal's own sums against these. */
  checkStock(db: Database): void {
    const rows = prepared<[], { product_id: string; balance_g: number }>(
      db,
      "SELECT product_id, balance_g FROM goods_stock",
    ).all();
    for (const { product_id: productId, balance_g: haveG } of rows) {
      const wantedG = this.#stockG.get(productId) ?? 0;
      if (haveG !== wantedG)
        throw broken("stock-wrong", `${this.#device} has ${haveG} g of ${productId}, should have ${wantedG}`);
    }
    if (rows.length < this.#stockG.size)
      throw broken("stock-wrong", `${this.#device} knows ${rows.length} products of ${this.#stockG.size}`);
  }

  /** What nobody has acknowledged is on the page, whatever else became of it: nothing ends silently. */
  checkAlarms(view: CabinetView): void {
    const shown = new Set(view.alarms.map(({ alarmId }) => alarmId));
    for (const { alarmId, key, isAcknowledged } of this.#open.values())
      if (!isAcknowledged && !shown.has(alarmId))
        throw broken("alarm-ended", `${this.#device} does not show ${key}, which nobody has acknowledged`);
  }

  /** The condition holds, has held for its delay, and the probe has said so all the time. */
  mustAlarm(view: CabinetView): void {
    if (!view.alarms.some(({ key }) => HIGH_KEY.test(key)))
      throw broken("alarm-missing", `${this.#device} is warm and does not alarm`);
  }

  /** A photo that an entry quotes is here or in the cloud. */
  checkPhotos(photoFile: (sha256: string) => string): void {
    for (const sha256 of this.#photos) {
      if (this.#truth.cloudHasPhoto(sha256)) this.#photos.delete(sha256);
      else if (!existsSync(photoFile(sha256)))
        throw broken("photo-lost", `${this.#device} lost ${sha256.slice(0, 12)} before the cloud had it`);
    }
  }

  /** @returns how many photos the cloud still lacks. */
  photosMissing(): number {
    return [...this.#photos].filter((sha256) => !this.#truth.cloudHasPhoto(sha256)).length;
  }

  #notePhotos(body: unknown): void {
    const parsed = photoBody.safeParse(body);
    if (!parsed.success) return;
    const { photoSha256, thumbnailSha256 } = parsed.data.photo ?? {};
    for (const sha256 of [photoSha256, thumbnailSha256]) if (sha256 !== undefined) this.#photos.add(sha256);
  }

  #takeWeighIn({ id, kind }: KitchenRow, body: z.infer<typeof weighInBody>, where: string): void {
    const { weighInId, product, weight } = body;
    if (weighInId !== id) throw broken("weigh-in-wrong", `${where} carries another id`);
    const [grams, loadG] = [weight?.netG ?? 0, weight?.shownG ?? 0];
    const weighIn: WeighIn = { kind, productId: product.productId, grams, loadG, isStruck: false };
    this.#weighIns.set(weighInId, weighIn);
    if (kind === "weighin.rejected") return;
    if (this.#loads.has(loadG)) throw broken("weigh-in-twice", `${where}: ${loadG} g are on record already`);
    this.#loads.set(loadG, weighInId);
    this.#count(weighIn, 1);
  }

  #takeStrike({ weighInId, kind }: z.infer<typeof reversedBody>, where: string): void {
    const weighIn = this.#weighIns.get(weighInId);
    if (weighIn === undefined || weighIn.isStruck || weighIn.kind !== `weighin.${kind}`)
      throw broken("strike-wrong", `${where} strikes ${weighInId}`);
    weighIn.isStruck = true;
    if (weighIn.kind === "weighin.rejected") return;
    this.#loads.delete(weighIn.loadG);
    this.#count(weighIn, -1);
  }

  #count({ kind, productId, grams }: WeighIn, sign: 1 | -1): void {
    const direction = kind === "weighin.issued" ? -1 : 1;
    this.#stockG.set(productId, (this.#stockG.get(productId) ?? 0) + sign * direction * grams);
  }

  #takeRaised({ alarmId, key, isAgain }: z.infer<typeof raisedBody>, where: string): void {
    const open = this.#open.get(key);
    if (isAgain) {
      if (open?.alarmId !== alarmId || !open.isCleared)
        throw broken("alarm-twice", `${where}: ${key} comes back and was not gone`);
      open.isCleared = false;
      return;
    }
    if (open !== undefined || this.#alarms.has(alarmId))
      throw broken("alarm-twice", `${where}: ${key} is raised and was not over`);
    const occurrence = { alarmId, key, isCleared: false, isAcknowledged: false };
    this.#alarms.set(alarmId, occurrence);
    this.#open.set(key, occurrence);
  }

  #takeCleared(alarmId: string, where: string): void {
    const occurrence = this.#alarms.get(alarmId);
    if (occurrence === undefined || occurrence.isCleared)
      throw broken("alarm-ended", `${where} clears ${alarmId}`);
    const warmMs = this.#truth.nowMs() - this.#truth.lastColdMs();
    if (HIGH_KEY.test(occurrence.key) && warmMs > COLD_MS_MAX)
      throw broken("alarm-ended", `${where} clears ${occurrence.key}, warm since ${warmMs} ms`);
    occurrence.isCleared = true;
    this.#closeIfOver(occurrence);
  }

  #takeAcknowledged(alarmId: string, where: string): void {
    const occurrence = this.#alarms.get(alarmId);
    if (occurrence === undefined || occurrence.isAcknowledged)
      throw broken("alarm-ended", `${where} acknowledges ${alarmId}`);
    occurrence.isAcknowledged = true;
    this.#closeIfOver(occurrence);
  }

  #closeIfOver(occurrence: Occurrence): void {
    if (occurrence.isCleared && occurrence.isAcknowledged && this.#open.get(occurrence.key) === occurrence)
      this.#open.delete(occurrence.key);
  }

  #takeStored(body: z.infer<typeof storedBody>, where: string): void {
    const { sampleId, meal, dish, weight, cabinetId, slotId } = body;
    const sample: Sample = {
      dish: `${meal.date} ${meal.periodId} ${dish.dishId}`,
      slot: `${cabinetId} ${slotId}`,
      portionG: weight.grossG,
      storedMs: this.#truth.nowMs(),
      hasLeft: false,
    };
    for (const other of this.#samples.values())
      if (!other.hasLeft && (other.dish === sample.dish || other.slot === sample.slot))
        throw broken("sample-twice", `${where}: ${sample.dish} in ${sample.slot} beside ${other.dish}`);
    if (this.#portions.has(sample.portionG))
      throw broken("sample-twice", `${where}: a portion of ${sample.portionG} g is two samples`);
    this.#portions.set(sample.portionG, sampleId);
    this.#samples.set(sampleId, sample);
  }

  #takeLeft(kind: string, body: z.infer<typeof leftBody>, where: string): void {
    const sample = this.#samples.get(body.sampleId);
    if (sample === undefined || sample.hasLeft) throw broken("sample-gone", `${where}: ${body.sampleId}`);
    sample.hasLeft = true;
    const first = body.disposedBy ?? body.struckBy ?? body.handedBy;
    const second = body.secondBy ?? body.witness;
    const isByTwo = second !== undefined && second !== null && second.operatorId !== first?.operatorId;
    const keptMs = this.#truth.nowMs() - sample.storedMs;
    const isOver = kind === "sample.disposed" && keptMs >= KEEP_MS - KEEP_SLACK_MS;
    if (!isByTwo && !isOver)
      throw broken("sample-too-early", `${where}: kept ${Math.round(keptMs / 60_000)} min, and one signed`);
    if (kind === "sample.voided") this.#portions.delete(sample.portionG);
  }
}
