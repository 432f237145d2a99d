import type { Database } from "better-sqlite3";
import { type CloudDeliveries, deliveriesOf } from "./delivery-views.ts";
import type { DeviceBook, DeviceRow } from "./device-book.ts";
import type { JournalIntake } from "./journal-intake.ts";
import { type CloudSamples, samplesOf } from "./sample-views.ts";

/** What the page and the API show of a terminal. */
export interface DeviceView {
  readonly site: string;
  readonly device: string;
  readonly online: boolean;
  readonly seenAtMs: number;
  readonly software: string;
  readonly headSeq: number;
  readonly ackedSeq: number;
  readonly missing: readonly (readonly [number, number])[];
  readonly conflictSeqs: readonly number[];
  /** Entries that this cloud lost and the terminal no longer holds: from, to. */
  readonly gone: readonly (readonly [number, number])[];
  readonly damagedCount: number;
  readonly chain: "whole" | "gap" | "conflict";
  readonly rosterVersion: number;
}

export interface EntryView {
  /** Order of arrival over all terminals; give it as `after` to go on. */
  readonly arrival: number;
  readonly site: string;
  readonly device: string;
  readonly seq: number;
  readonly id: string;
  readonly kind: string;
  readonly atMs: number;
  readonly timeTrust: string;
  readonly body: unknown;
  readonly prevHash: string;
  readonly hash: string;
  readonly receivedAtMs: number;
}

export interface ChargeView {
  readonly arrival: number;
  readonly site: string;
  readonly device: string;
  readonly seq: number;
  readonly chargeId: string;
  readonly personId: string;
  readonly displayName: string;
  readonly groupName: string;
  readonly periodId: string;
  readonly periodName: { readonly zh: string; readonly en: string } | null;
  readonly businessDate: string;
  readonly amountFen: number;
  readonly method: string;
  readonly atMs: number;
  readonly receivedAtMs: number;
  readonly voided: boolean;
  /** The diner said that the terminal took them for somebody else. */
  readonly disputed: boolean;
  /** Whether the receipt covers it: everything before it is stored too. */
  readonly receipted: boolean;
}

/** Read side for HTTP. */
export class CloudViews {
  readonly #devices: DeviceBook;
  readonly #intake: JournalIntake;
  readonly #entries: (after: number, countMax: number) => EntryRow[];
  readonly #charges: (countMax: number) => ChargeRow[];
  readonly #db: Database;

  constructor(db: Database, devices: DeviceBook, intake: JournalIntake) {
    this.#db = db;
    this.#devices = devices;
    this.#intake = intake;
    const entries = db.prepare<[number, number], EntryRow>(
      "SELECT * FROM entry WHERE arrival > ? ORDER BY arrival LIMIT ?",
    );
    this.#entries = (after, countMax) => entries.all(after, countMax);
    const charges = db.prepare<[number], ChargeRow>(CHARGES_SQL);
    this.#charges = (countMax) => charges.all(countMax);
  }

  deliveries(): CloudDeliveries {
    return deliveriesOf(this.#db);
  }

  samples(nowMs: number): CloudSamples {
    return samplesOf(this.#db, nowMs);
  }

  devices(): DeviceView[] {
    return this.#devices.all().map((row) => this.#deviceView(row));
  }

  entries(after: number, countMax: number): EntryView[] {
    return this.#entries(after, countMax).map((row) => ({
      arrival: row.arrival,
      site: row.site,
      device: row.device,
      seq: row.seq,
      id: row.id,
      kind: row.kind,
      atMs: row.at_ms,
      timeTrust: row.time_trust,
      body: JSON.parse(row.body),
      prevHash: row.prev_hash,
      hash: row.hash,
      receivedAtMs: row.received_at_ms,
    }));
  }

  /** Newest first. */
  charges(countMax: number): ChargeView[] {
    return this.#charges(countMax).map((row) => ({
      arrival: row.arrival,
      site: row.site,
      device: row.device,
      seq: row.seq,
      chargeId: row.charge_id,
      personId: row.person_id,
      displayName: row.display_name ?? "",
      groupName: row.group_name ?? "",
      periodId: row.period_id ?? "",
      periodName: row.period_name === null ? null : JSON.parse(row.period_name),
      businessDate: row.business_date ?? "",
      amountFen: row.amount_fen,
      method: row.method ?? "",
      atMs: row.at_ms,
      receivedAtMs: row.received_at_ms,
      voided: row.voided === 1,
      disputed: row.disputed === 1,
      receipted: row.seq <= row.acked_seq,
    }));
  }

  #deviceView(row: DeviceRow): DeviceView {
    const { missing, conflicts, ackedSeq } = this.#intake.receipt(row, null);
    return {
      site: row.site,
      device: row.device,
      online: row.online === 1,
      seenAtMs: row.seen_at_ms,
      software: row.software,
      headSeq: Math.max(row.head_seq, ackedSeq),
      ackedSeq,
      missing,
      conflictSeqs: conflicts.map(({ seq }) => seq),
      gone: this.#intake.gone(row),
      damagedCount: row.damaged_count,
      chain: conflicts.length > 0 ? "conflict" : missing.length > 0 ? "gap" : "whole",
      rosterVersion: row.roster_version,
    };
  }
}

interface EntryRow {
  readonly arrival: number;
  readonly site: string;
  readonly device: string;
  readonly seq: number;
  readonly id: string;
  readonly kind: string;
  readonly at_ms: number;
  readonly time_trust: string;
  readonly body: string;
  readonly prev_hash: string;
  readonly hash: string;
  readonly received_at_ms: number;
}

interface ChargeRow
  extends Pick<EntryRow, "arrival" | "site" | "device" | "seq" | "at_ms" | "received_at_ms"> {
  readonly charge_id: string;
  readonly person_id: string;
  readonly display_name: string | null;
  readonly group_name: string | null;
  readonly period_id: string | null;
  readonly period_name: string | null;
  readonly business_date: string | null;
  readonly amount_fen: number;
  readonly method: string | null;
  readonly voided: number;
  readonly disputed: number;
  readonly acked_seq: number;
}

const CHARGES_SQL = `
SELECT e.arrival, e.site, e.device, e.seq, e.at_ms, e.received_at_ms, d.acked_seq,
  e.body ->> '$.chargeId' AS charge_id,
  e.body ->> '$.personId' AS person_id,
  p.content ->> '$.displayName' AS display_name,
  p.content ->> '$.groupName' AS group_name,
  e.body ->> '$.periodId' AS period_id,
  e.body -> '$.periodName' AS period_name,
  e.body ->> '$.businessDate' AS business_date,
  e.body ->> '$.amountFen' AS amount_fen,
  e.body ->> '$.method' AS method,
  EXISTS (SELECT 1 FROM entry v WHERE v.kind = 'charge.voided'
    AND v.body ->> '$.chargeId' = e.body ->> '$.chargeId') AS voided,
  EXISTS (SELECT 1 FROM entry x WHERE x.kind = 'identity.disputed'
    AND x.body ->> '$.chargeId' = e.body ->> '$.chargeId') AS disputed
FROM entry e
JOIN device d ON d.site = e.site AND d.device = e.device
LEFT JOIN person p ON p.person_id = e.body ->> '$.personId'
WHERE e.kind = 'charge.made'
ORDER BY e.arrival DESC LIMIT ?`;
