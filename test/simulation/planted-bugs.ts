import type { Database } from "better-sqlite3";
import type { Journal } from "../../device/journal/journal-port.ts";
import { prepared } from "../../device/journal/prepared.ts";
import { fen } from "../../device/platform/units.ts";
import type { RosterStore } from "../../device/roster/roster-store.ts";
import type { OutgoingMessage } from "../../device/sync/mqtt-connection.ts";
import type { PlantedBug } from "./planted-bug.ts";
import { PLANTED_KITCHEN_BUGS } from "./planted-kitchen-bugs.ts";
import { afterAppending, over, overLink, planted } from "./planting.ts";

/**
 * One defect of each kind that would cost somebody money or a record, planted at a seam. A test lets the simulator
 * look for each of them: a simulator that finds nothing proves nothing.
 */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  /** better-sqlite3's own default for WAL: a commit that was shown is gone after a power cut. */
  planted("commit-not-synced", { opened: (db) => void db.pragma("synchronous = NORMAL") }),

  /** The uplink hears of an entry before its transaction is through. */
  planted("published-before-commit", {
    journal: (journal) => {
      const listeners = new Set<() => void>();
      return over(journal, {
        append: (draft) =>
          journal.transact(() => {
            const result = journal.append(draft);
            for (const listener of listeners) listener();
            return result;
          }),
        onAppended: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      });
    },
  }),

  /** A receipt is taken to cover what was sent since. */
  planted("receipt-closes-too-much", {
    journal: (journal) => over(journal, { acknowledge: () => journal.acknowledge(journal.head().seq) }),
  }),

  /** The broker's PUBACK is taken for the cloud's receipt. */
  planted("puback-closes-entries", {
    link: (makeLink, { journal }) =>
      overLink(makeLink, (link, message) => {
        const outcome = link.publish(message);
        const to = lastSeqOf(message);
        if (to !== null)
          void outcome.then(({ kind }) => {
            if (kind === "acked" && to > journal.ackedSeq()) journal.acknowledge(to);
          });
        return outcome;
      }),
  }),

  /** After a reconnect the outbox goes on behind the entry that was on its way. */
  planted("outbox-skips-after-reconnect", {
    journal: (journal) =>
      over(journal, {
        readAfter: (afterSeq, limits) => {
          const entries = journal.readAfter(afterSeq, limits);
          return afterSeq % 7 === 3 ? entries.slice(1) : entries;
        },
      }),
  }),

  /** A cloud that was put back from a copy asks for less than it had, and is not believed. */
  planted("lower-receipt-ignored", {
    journal: (journal) =>
      over(journal, {
        acknowledge: (ackedSeq) => {
          if (ackedSeq > journal.ackedSeq()) journal.acknowledge(ackedSeq);
        },
        readAfter: (afterSeq, limits) => journal.readAfter(Math.max(afterSeq, journal.ackedSeq()), limits),
      }),
  }),

  /** The same press, sent again with the same id, is a new charge. */
  planted("duplicate-not-recognised", {
    line: (line) =>
      over(line, {
        chargeAgain: ({ chargeId: _chargeId, ...request }) => line.chargeAgain(request),
      }),
  }),

  /** A command is carried out each time it comes. */
  planted("command-applied-twice", {
    store: (store) =>
      over(store, {
        commandLog: { outcomeOf: () => undefined, applyOnce: (_id, _atMs, work) => work() },
      }),
  }),

  /** Who had which meal is not written down. */
  planted("meal-claim-missing", {
    journal: (journal, db) =>
      afterAppending(journal, ({ kind, id }) => {
        if (kind === "charge.made") forgetClaim(db, id);
      }),
  }),

  /** Tables that follow from an entry are written in a transaction of their own, after it. */
  planted("projection-outside-the-transaction", {
    journal: (journal, db) => {
      let depth = 0;
      let late: (() => void)[] = [];
      const transact = <T>(work: () => T): T => {
        depth += 1;
        let result: T;
        try {
          result = journal.transact(work);
        } finally {
          depth -= 1;
        }
        const writes = late;
        if (depth === 0) late = [];
        if (depth === 0 && writes.length > 0)
          journal.transact(() => {
            for (const write of writes) write();
          });
        return result;
      };
      const append: Journal["append"] = (draft) =>
        transact(() => {
          const result = journal.append(draft);
          if (draft.kind === "charge.made" && result.kind === "appended") {
            const claim = prepared<[string], Claim>(db, SELECT_CLAIM).get(draft.id);
            forgetClaim(db, draft.id);
            if (claim !== undefined)
              late.push(() => void prepared(db, INSERT_CLAIM).run(...Object.values(claim)));
          }
          return result;
        });
      return over(journal, { transact, append });
    },
  }),

  /** A void gives back one fen too much. */
  planted("balance-off-by-one-after-a-void", {
    journal: (journal, db) =>
      afterAppending(journal, ({ kind }) => {
        if (kind !== "charge.voided") return;
        prepared(
          db,
          "UPDATE account_effect SET person_sum_fen = person_sum_fen + 1 WHERE seq = (SELECT max(seq) FROM account_effect)",
        ).run();
      }),
  }),

  /** A delta of the roster is taken although one before it is missing. */
  planted("roster-delta-out-of-order", {
    store: (store) => {
      const roster: RosterStore = over(store.roster, {
        apply: (message) =>
          store.roster.apply(
            message.kind === "delta" && message.from > store.roster.version()
              ? { ...message, from: store.roster.version() }
              : message,
          ),
      });
      return over(store, { roster });
    },
  }),

  /** A balance that comes down is taken to lack everything that was charged here since the last sync. */
  planted("account-base-counts-twice", {
    store: (store) => {
      const roster: RosterStore = over(store.roster, {
        account: (personId) => {
          const account = store.roster.account(personId);
          return account === undefined || account.throughSeq === 0
            ? account
            : { ...account, throughSeq: account.throughSeq - 1 };
        },
      });
      return over(store, { roster });
    },
  }),

  /** A wall clock that somebody set is believed: another meal begins, and everybody may eat again. */
  planted("clock-step-opens-a-second-meal", {
    store: (store) => over(store, { timeTrust: over(store.timeTrust, { current: () => "synced" as const }) }),
  }),

  /** What the cloud does not know yet has no limit. */
  planted("offline-limit-ignored", {
    store: (store) => over(store, { ledger: over(store.ledger, { unacknowledgedFen: () => fen(0) }) }),
  }),

  /** A withdrawn consent is not looked at when a face pays. */
  planted("withdrawn-face-still-pays", {
    store: (store) => over(store, { roster: over(store.roster, { hasConsent: () => true }) }),
  }),

  /** Now and then a card is read as its neighbour's. */
  planted("card-names-the-neighbour", {
    store: (store) => {
      let reads = 0;
      const roster: RosterStore = over(store.roster, {
        personByCard: (cardToken) => {
          reads += 1;
          if (reads % 20 !== 0) return store.roster.personByCard(cardToken);
          return store.roster.personByCard(
            cardToken.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10)),
          );
        },
      });
      return over(store, { roster });
    },
  }),

  /** An entry is corrected in place. */
  planted("entry-edited-later", {
    journal: (journal, db) =>
      afterAppending(journal, ({ kind }) => {
        if (kind !== "charge.voided") return;
        db.exec("DROP TRIGGER IF EXISTS journal_never_updated");
        prepared(
          db,
          `UPDATE journal SET body = json_set(body, '$.voidedLater', 1)
           WHERE seq = (SELECT max(seq) - 1 FROM journal)`,
        ).run();
      }),
  }),

  /** The cloud books an entry again when it comes again after a restore. */
  planted("cloud-books-twice", {
    post: (people, address, entry) => {
      people.post(address, entry);
      if (entry.seq % 50 === 0) people.post(address, { ...entry, id: `${entry.id}-again` });
    },
  }),

  ...PLANTED_KITCHEN_BUGS,
];

/** Where a batch of entries ends; null for every other message. */
function lastSeqOf({ topic, payload }: OutgoingMessage): number | null {
  if (!topic.endsWith("/up/journal") || typeof payload !== "string") return null;
  const { entries, to } = JSON.parse(payload) as {
    readonly entries: readonly unknown[];
    readonly to: number;
  };
  return entries.length === 0 ? null : to;
}

interface Claim {
  readonly person_id: string;
  readonly business_date: string;
  readonly period_id: string;
  readonly claim_no: number;
  readonly charge_id: string;
}
const SELECT_CLAIM =
  "SELECT person_id, business_date, period_id, claim_no, charge_id FROM meal_claim WHERE charge_id = ?";
const INSERT_CLAIM =
  "INSERT INTO meal_claim (person_id, business_date, period_id, claim_no, charge_id) VALUES (?, ?, ?, ?, ?)";

function forgetClaim(db: Database, chargeId: string): void {
  prepared(db, "DELETE FROM meal_claim WHERE charge_id = ?").run(chargeId);
}
