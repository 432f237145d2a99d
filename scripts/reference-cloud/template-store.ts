import type { Database, Statement } from "better-sqlite3";
import type { TemplateDownMessage, TemplateUpMessage } from "../../device/sync/messages.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";

interface TemplateRow {
  readonly share_id: string;
  readonly from_device: string;
  readonly person_id: string;
  readonly model_id: string;
  readonly sealed: string;
}

/** Sealed templates: stored and forwarded as they came. There is no key here to open one. */
export class SealedTemplates {
  readonly #now: () => number;
  readonly #replace: (address: TerminalAddress, share: TemplateUpMessage) => void;
  readonly #undelivered: Statement<[string, string], TemplateRow>;
  readonly #delivered: Statement<[string, string, string]>;
  readonly #offerAgain: Statement<[string, string]>;
  readonly #remove: Statement<[string]>;

  constructor(db: Database, now: () => number) {
    this.#now = now;
    const removeOld = db.prepare(
      "DELETE FROM template WHERE site = ? AND person_id = ? AND model_id = ? AND share_id <> ?",
    );
    const insert = db.prepare(
      `INSERT OR IGNORE INTO template (share_id, site, from_device, person_id, model_id, sealed, received_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#replace = db.transaction(({ site, device }: TerminalAddress, share: TemplateUpMessage) => {
      const { shareId, personId, modelId, sealed } = share;
      removeOld.run(site, personId, modelId, shareId);
      insert.run(shareId, site, device, personId, modelId, sealed, this.#now());
    });
    this.#undelivered = db.prepare(
      `SELECT * FROM template t WHERE site = +? AND NOT EXISTS
       (SELECT 1 FROM template_outcome d WHERE d.share_id = t.share_id AND d.device = +?)
       ORDER BY received_at_ms LIMIT 200`,
    );
    this.#delivered = db.prepare(
      `INSERT OR REPLACE INTO template_outcome (share_id, device, outcome)
       SELECT share_id, ?, ? FROM template WHERE share_id = ?`,
    );
    this.#offerAgain = db.prepare(
      `DELETE FROM template_outcome WHERE device = ? AND outcome IN ('person-unknown', 'consent-missing')
       AND share_id IN (SELECT share_id FROM template WHERE site = ?)`,
    );
    this.#remove = db.prepare("DELETE FROM template WHERE person_id = ?");
  }

  /** Keeps a terminal's share; an older one of the same person and model goes. */
  take(address: TerminalAddress, share: TemplateUpMessage): void {
    this.#replace(address, share);
  }

  /** What this terminal has not answered for yet; its own shares among them, as their confirmation. */
  undelivered({ site, device }: TerminalAddress): TemplateDownMessage[] {
    return this.#undelivered.all(site, device).map((row) => ({
      v: 1,
      shareId: row.share_id,
      personId: row.person_id,
      modelId: row.model_id,
      sealed: row.sealed,
      fromDevice: row.from_device,
    }));
  }

  /** @param outcome `accepted`, or the code with which the terminal refused it. */
  delivered({ device }: TerminalAddress, shareId: string, outcome: string): void {
    this.#delivered.run(device, outcome, shareId);
  }

  /** Its roster has moved on: what it refused because person or consent had not reached it yet is due again. */
  offerAgain({ site, device }: TerminalAddress): void {
    this.#offerAgain.run(device, site);
  }

  /** Consent was withdrawn: the ciphertexts go here too. */
  forget(personId: string): void {
    this.#remove.run(personId);
  }
}
