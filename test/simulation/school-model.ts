import type { Database } from "better-sqlite3";
import { prepared } from "../../device/journal/prepared.ts";
import type { CheckoutView } from "../../device/serving-line/serving-line-port.ts";
import { BATCH_BYTES_MAX, MESSAGE_BYTES_MAX } from "../../device/sync/messages.ts";
import type { OutgoingMessage } from "../../device/sync/mqtt-connection.ts";
import { type Charge, changesOf, JournalModel, type Row } from "./journal-model.ts";
import { LIMITS, MEALS, type MealOfDay, mealAt } from "./school.ts";
import { broken } from "./violation.ts";

/** Meals begin and end by clocks that may be off by seconds, and whoever began before the end is served. */
const MEAL_EDGE_MS = 60_000;

/** QoS 1 messages without PUBACK. */
const IN_FLIGHT_MAX = 16;
/** A line that loses one message in ten needs some; a terminal that sends the same for ever needs more. */
const BATCHES_IN_VAIN_MAX = 300;

interface CloudEntry {
  readonly arrival: number;
  readonly device: string;
  readonly seq: number;
  readonly hash: string;
}

/**
 * What must hold in a school, whatever goes wrong: each terminal's journal by itself, what screens said against it,
 * the cloud against it, and everybody's money.
 */
export class SchoolModel {
  readonly journals = new Map<string, JournalModel>();
  readonly #nowMs: () => number;
  readonly #cashFen = new Map<string, number>();
  readonly #topUps = new Set<string>();
  /** By device: the most that the cloud has ever had without a hole. */
  readonly #cloudHadSeq = new Map<string, number>();
  /** Further meals that an operator asked for: how many charges there may be at most. */
  readonly #operatorIntents = new Map<string, number>();
  readonly #operatorCharges = new Map<string, number>();
  readonly #databases = new Map<string, Database>();
  /** By device: the charge whose receipt its screen shows. */
  readonly #receiptShown = new Map<string, string>();
  /** By device: batches handed over since the receipt moved. */
  readonly #batches = new Map<string, { readonly ackedSeq: number; readonly sentCount: number }>();
  #cloudArrival = 0;
  #cloudSeen: Database | null = null;
  #cloudChanges: () => number = () => 0;
  #cloudChangesSeen = -1;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** @param read told of each entry, for rules about more than money. */
  addTerminal(device: string, read: (row: Row) => void = () => {}): JournalModel {
    const charged = (charge: Charge): void => this.#onCharge(journal, charge);
    const journal = new JournalModel(device, { charged, read });
    this.journals.set(device, journal);
    return journal;
  }

  opened(device: string, db: Database, durable: { committedSeq: number; doubtfulSeq: number | null }): void {
    this.#databases.set(device, db);
    this.#journal(device).opened(db, durable.committedSeq, durable.doubtfulSeq);
  }

  off(device: string, committedSeq: number): void {
    this.#journal(device).off(committedSeq);
    this.#databases.delete(device);
  }

  /** The office takes money for somebody; the same id again is the same money. */
  paidIn(id: string, personId: string, amountFen: number): void {
    if (this.#topUps.has(id)) return;
    this.#topUps.add(id);
    this.#cashFen.set(personId, (this.#cashFen.get(personId) ?? 0) + amountFen);
  }

  /** An operator allows somebody a further meal. The same `id` again is the same wish. */
  operatorWishes(personId: string, { businessDate, mealId }: MealOfDay): void {
    const key = `${personId} ${businessDate} ${mealId}`;
    this.#operatorIntents.set(key, (this.#operatorIntents.get(key) ?? 0) + 1);
  }

  /** A client hands a message to the broker. */
  sent(clientId: string, { topic, payload }: OutgoingMessage, inFlightCount: number): void {
    const bytes = Buffer.byteLength(payload);
    if (bytes > MESSAGE_BYTES_MAX || inFlightCount > IN_FLIGHT_MAX)
      throw broken("line-budget", `${clientId} sends ${bytes} bytes, ${inFlightCount} in flight`);
    const [, device] = /^canteen\/v1\/[^/]+\/([^/]+)\/up\/journal$/.exec(topic) ?? [];
    if (device === undefined || typeof payload !== "string" || payload.endsWith('"entries":[]}')) return;
    if (bytes > BATCH_BYTES_MAX) throw broken("line-budget", `${clientId} sends a batch of ${bytes} bytes`);
    const { ackedSeq } = this.#journal(device);
    const before = this.#batches.get(device);
    const sentCount = before?.ackedSeq === ackedSeq ? before.sentCount + 1 : 1;
    if (sentCount > BATCHES_IN_VAIN_MAX)
      throw broken("line-budget", `${device} has sent ${sentCount} batches since its last receipt`);
    this.#batches.set(device, { ackedSeq, sentCount });
  }

  /** After each turn. */
  observe(cloud: Database): void {
    for (const journal of this.journals.values()) journal.observe();
    if (cloud !== this.#cloudSeen) {
      this.#cloudSeen = cloud;
      this.#cloudChanges = changesOf(cloud);
      this.#cloudChangesSeen = -1;
    }
    const changes = this.#cloudChanges();
    if (changes !== this.#cloudChangesSeen) this.#observeCloud(cloud);
    this.#cloudChangesSeen = changes;
    for (const [device, journal] of this.journals) {
      if (journal.ackedSeq > (this.#cloudHadSeq.get(device) ?? 0))
        throw broken("receipt-too-high", `${device} believes ${journal.ackedSeq} to be in the cloud`);
    }
  }

  /** The cloud was put back from a copy: what it has arrives anew. */
  cloudRestored(): void {
    this.#cloudArrival = 0;
  }

  /** @param visitorId who stands in front, null: nobody. */
  shown(device: string, view: CheckoutView, visitorId: string | null): void {
    if (view.kind === "paid") this.#onPaid(device, view.receipt, visitorId);
    if (view.kind !== "refused" || view.reason !== "meal-already-charged") return;
    const { earlier } = view;
    const charge = earlier === null ? undefined : this.#journal(device).charge(earlier.chargeId);
    if (earlier !== null && (charge === undefined || charge.personId !== visitorId))
      throw broken("wrong-person", `${device} tells ${visitorId} of somebody else's meal`);
  }

  /** A screen names somebody's balance. */
  checkShownBalance(device: string, personId: string, shownFen: number): void {
    const haveFen = this.#journal(device).balanceFen(personId);
    if (haveFen !== null && haveFen !== shownFen)
      throw broken("balance-wrong", `${device} shows ${shownFen} to ${personId}, who has ${haveFen}`);
  }

  /** Everything that the terminals hold for people and what the cloud holds agrees with what happened. */
  checkMoney(cloud: Database, personIds: readonly string[]): void {
    for (const personId of personIds) {
      let wantedFen = this.#cashFen.get(personId) ?? 0;
      for (const journal of this.journals.values()) wantedFen += journal.effectFen(personId, 0);
      const row = prepared<[string], { balance_fen: number }>(
        cloud,
        "SELECT balance_fen FROM person WHERE person_id = ?",
      ).get(personId);
      if (row?.balance_fen !== wantedFen)
        throw broken(
          "cloud-balance-wrong",
          `${personId} has ${row?.balance_fen} there, should have ${wantedFen}`,
        );
      for (const [device, journal] of this.journals) {
        const haveFen = journal.balanceFen(personId);
        if (haveFen !== null && haveFen !== wantedFen)
          throw broken("balance-wrong", `${personId} has ${haveFen} at ${device}, should have ${wantedFen}`);
      }
    }
  }

  #journal(device: string): JournalModel {
    const journal = this.journals.get(device);
    if (journal === undefined) throw new Error(`no terminal ${device}`);
    return journal;
  }

  #observeCloud(cloud: Database): void {
    const rows = prepared<[number], CloudEntry>(
      cloud,
      "SELECT arrival, device, seq, hash FROM entry WHERE arrival > ? ORDER BY arrival",
    ).all(this.#cloudArrival);
    if (rows.length === 0) return;
    for (const { arrival, device, seq, hash } of rows) {
      if (this.#journal(device).hashAt(seq) !== hash)
        throw broken("cloud-has-more", `the cloud has ${device} seq ${seq}, which is not in its journal`);
      this.#cloudArrival = arrival;
    }
    for (const row of prepared<[], { device: string; acked_seq: number }>(
      cloud,
      "SELECT device, acked_seq FROM device",
    ).all())
      this.#cloudHadSeq.set(row.device, Math.max(this.#cloudHadSeq.get(row.device) ?? 0, row.acked_seq));
  }

  #onPaid(
    device: string,
    receipt: Extract<CheckoutView, { kind: "paid" }>["receipt"],
    visitorId: string | null,
  ): void {
    const journal = this.#journal(device);
    journal.observe();
    const charge = journal.charge(receipt.chargeId);
    // The receipt stays on the screen as it was, while the account goes on.
    if (charge !== undefined && this.#receiptShown.get(device) === charge.chargeId) return;
    this.#receiptShown.set(device, receipt.chargeId);
    if (charge === undefined || charge.voided)
      throw broken("paid-not-in-journal", `${device} shows ${receipt.chargeId}`);
    if (charge.personId !== receipt.personId || charge.amountFen !== receipt.amountFen)
      throw broken("paid-not-in-journal", `${device} shows another person or amount than it wrote`);
    if (charge.personId !== visitorId)
      throw broken("wrong-person", `${device} charges ${charge.personId} where ${visitorId} stands`);
    this.checkShownBalance(device, charge.personId, receipt.balanceFen);
  }

  #onCharge(journal: JournalModel, charge: Charge): void {
    const { device } = journal;
    const where = `${device} seq ${charge.seq}`;
    this.#checkMeal(charge, where);
    this.#checkLimits(journal, charge, where);
    if (charge.operatorId !== null) this.#checkOperator(charge, where);
    const db = this.#databases.get(device);
    if (db === undefined || charge.method !== "face") return;
    const live = prepared<[string], { n: number }>(
      db,
      "SELECT count(*) AS n FROM consent WHERE person_id = ? AND scope = 'face' AND withdrawn_at_ms IS NULL",
    ).get(charge.personId)?.n;
    if (live !== 1) throw broken("charged-without-consent", `${where}: ${charge.personId} by face`);
  }

  #checkMeal({ businessDate, periodId, amountFen, personId }: Charge, where: string): void {
    const now = this.#nowMs();
    const possible = [now - MEAL_EDGE_MS, now, now + MEAL_EDGE_MS].map(mealAt);
    if (!possible.some((meal) => meal?.businessDate === businessDate && meal.mealId === periodId))
      throw broken("meal-of-another-time", `${where}: ${personId} for ${businessDate} ${periodId}`);
    const meal = MEALS.find(({ id }) => id === periodId);
    const isStaff = Number(personId.slice(2)) % 10 === 0;
    if (meal !== undefined && amountFen !== meal.priceFen - (isStaff ? 0 : meal.subsidyFen))
      throw broken("charge-wrong", `${where}: ${amountFen} for ${periodId}`);
  }

  #checkLimits(journal: JournalModel, { personId, seq }: Charge, where: string): void {
    // A charge that a dead process left behind is found when the account may have changed since.
    if (seq !== journal.headSeq) return;
    const balanceFen = journal.balanceFen(personId);
    if (balanceFen !== null && balanceFen < -LIMITS.overdraftFenMax)
      throw broken("limit-exceeded", `${where}: ${personId} is ${balanceFen} down`);
    if (journal.unacknowledgedFen() > LIMITS.offlineTotalFenMax)
      throw broken("limit-exceeded", `${where}: ${journal.unacknowledgedFen()} fen unknown to the cloud`);
  }

  #checkOperator({ personId, businessDate, periodId }: Charge, where: string): void {
    const key = `${personId} ${businessDate} ${periodId}`;
    const made = (this.#operatorCharges.get(key) ?? 0) + 1;
    this.#operatorCharges.set(key, made);
    if (made > (this.#operatorIntents.get(key) ?? 0))
      throw broken("charged-twice", `${where}: more further meals of ${personId} than were asked for`);
  }
}
