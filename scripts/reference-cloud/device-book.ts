import type { Database, Statement } from "better-sqlite3";
import type { HealthMessage, OnlineMessage } from "../../device/sync/messages.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";

export interface DeviceRow {
  readonly site: string;
  readonly device: string;
  readonly acked_seq: number;
  readonly online: number;
  readonly connection_id: string | null;
  readonly seen_at_ms: number;
  readonly software: string;
  readonly head_seq: number;
  readonly roster_version: number;
  readonly meal_plan_version: string | null;
  readonly damaged_count: number;
}

const SEEN_PERIOD_MS = 1000;

type Where = [site: string, device: string];

/** What is known of each terminal beside its journal. */
export class DeviceBook {
  readonly #now: () => number;
  readonly #seenMs = new Map<string, number>();
  readonly #add: Statement<Where>;
  readonly #birth: Statement<[string, string, number, number, string | null, number, ...Where]>;
  readonly #death: Statement<[...Where, string]>;
  readonly #health: Statement<[string, number, number, number, ...Where]>;
  readonly #seen: Statement<[number, ...Where]>;
  readonly #get: Statement<Where, DeviceRow>;
  readonly #all: Statement<[], DeviceRow>;
  readonly #forget: Statement<[]>;

  constructor(db: Database, now: () => number) {
    this.#now = now;
    const here = "site = ? AND device = ?";
    this.#add = db.prepare("INSERT OR IGNORE INTO device (site, device) VALUES (?, ?)");
    this.#birth = db.prepare(
      `UPDATE device SET online = 1, connection_id = ?, software = ?, head_seq = ?, roster_version = ?,
       meal_plan_version = ?, seen_at_ms = ? WHERE ${here}`,
    );
    // A will of an older connection than the newest birth's is late news.
    this.#death = db.prepare(`UPDATE device SET online = 0 WHERE ${here} AND connection_id = ?`);
    this.#health = db.prepare(
      `UPDATE device SET online = 1, connection_id = ?, head_seq = ?, roster_version = ?, seen_at_ms = ?
       WHERE ${here}`,
    );
    this.#seen = db.prepare(`UPDATE device SET seen_at_ms = ? WHERE ${here}`);
    this.#get = db.prepare(`SELECT * FROM device WHERE ${here}`);
    this.#forget = db.prepare("UPDATE device SET online = 0");
    this.#all = db.prepare("SELECT * FROM device ORDER BY site, device");
  }

  /** After a start, and without a broker, nobody is known to be there until they say so. */
  forgetOnline(): void {
    this.#forget.run();
  }

  online({ site, device }: TerminalAddress, message: OnlineMessage): void {
    this.#add.run(site, device);
    if (!message.online) {
      this.#death.run(site, device, message.connectionId);
      return;
    }
    const { connectionId, software, headSeq, rosterVersion, mealPlanVersion } = message;
    this.#birth.run(
      ...([
        connectionId,
        software,
        headSeq,
        rosterVersion,
        mealPlanVersion,
        this.#now(),
        site,
        device,
      ] as const),
    );
  }

  health({ site, device }: TerminalAddress, message: HealthMessage): void {
    this.#add.run(site, device);
    const { connectionId, headSeq, rosterVersion } = message;
    this.#health.run(connectionId, headSeq, rosterVersion, this.#now(), site, device);
  }

  /** A commit for each message of a backlog would cost more than the entries in it. */
  seen({ site, device }: TerminalAddress): void {
    const key = `${site}/${device}`;
    const nowMs = this.#now();
    if (Math.abs(nowMs - (this.#seenMs.get(key) ?? Number.NEGATIVE_INFINITY)) < SEEN_PERIOD_MS) return;
    this.#seenMs.set(key, nowMs);
    this.#add.run(site, device);
    this.#seen.run(nowMs, site, device);
  }

  get({ site, device }: TerminalAddress): DeviceRow | undefined {
    return this.#get.get(site, device);
  }

  all(): DeviceRow[] {
    return this.#all.all();
  }
}
