import { dirname, join } from "node:path";
import type { Database } from "better-sqlite3";
import Sqlite from "better-sqlite3";
import type { EntryDraft } from "../../device/journal/journal-port.ts";
import { prepared } from "../../device/journal/prepared.ts";
import { isFault } from "../../device/platform/errors.ts";
import type { PlantedBug } from "./planted-bug.ts";
import { afterAppending, over, planted } from "./planting.ts";
import { TEMPERATURE_FILE } from "./school.ts";

/** Defects that would cost a kitchen a record: of alarms, weigh-ins, photos and samples. */
export const PLANTED_KITCHEN_BUGS: readonly PlantedBug[] = [
  /** A restart begins with a quiet cabinet. */
  planted("alarm-dropped-by-a-restart", {
    opened: (db) => {
      if (hasTable(db, "cabinet_alarm")) db.exec("DELETE FROM cabinet_alarm");
    },
  }),

  /** An alarm that has not been answered is raised anew, with an id of its own. */
  planted("alarm-raised-twice", {
    journal: (journal) =>
      afterAppending(journal, ({ kind, id, body }) => {
        if (kind !== "alarm.raised" || body["isAgain"] === true || id.startsWith(AGAIN)) return;
        journal.append({ kind, id: again(id), body: { ...body, alarmId: again(String(body["alarmId"])) } });
      }),
  }),

  /** What the probe does not say is taken for a good value. */
  planted("fault-ends-an-alarm", {
    kitchen: (kitchen, { journal, ids }) => {
      const { cabinets } = kitchen;
      let warmReadings = 0;
      cabinets.onChanged((cabinetId) => {
        for (const { alarmId, type, isActive, raisedAtMs } of cabinets.view(cabinetId)?.alarms ?? []) {
          if (alarmId === null || !isActive || type !== "high") continue;
          warmReadings += 1;
          if (warmReadings % 60 !== 0) continue;
          const body = { alarmId, cabinetId, clearedAtMs: raisedAtMs ?? 0 };
          try {
            journal.append({ id: ids.next(), kind: "alarm.cleared", body });
          } catch (error) {
            // Of a full disk nobody else is to hear: what is looked for is the alarm that ended.
            if (!isFault(error)) throw error;
          }
        }
      });
      return kitchen;
    },
  }),

  /** Whoever lost the answer to a power cut sends the weigh-in again, under a new id. */
  planted("weigh-in-doubled-after-a-crash", {
    journal: crashedBetween((last, id) => ({ ...last, id, body: { ...last.body, weighInId: id } })),
  }),

  /** A weigh-in that is struck is taken off the stock twice. */
  planted("strike-counted-twice", {
    journal: (journal, db) =>
      afterAppending(journal, ({ kind }) => {
        if (kind === "weighin.reversed")
          prepared(db, "UPDATE goods_stock SET balance_g = balance_g - 1000 WHERE balance_g > 1000").run();
      }),
  }),

  /** Room for a new photo is made of those that the cloud has not got yet. */
  planted("photo-deleted-before-its-receipt", {
    store: (store) => {
      const { db } = store;
      return over(store, {
        photos: over(store.photos, {
          putBoth: async (...of) => {
            prepared(db, "UPDATE photo SET acked_at_ms = 1 WHERE claimed = 1 AND acked_at_ms IS NULL").run();
            await store.photos.free(1_000_000);
            return store.photos.putBoth(...of);
          },
        }),
      });
    },
  }),

  /** Readings are kept for ever. */
  planted("temperatures-never-go", {
    kitchen: (kitchen, { db }) => {
      const file = new Sqlite(join(dirname(db.name), TEMPERATURE_FILE));
      for (const table of ["reading", "minute"])
        file.exec(`CREATE TRIGGER IF NOT EXISTS keep_${table} BEFORE DELETE ON ${table}
          BEGIN SELECT RAISE(IGNORE); END`);
      file.close();
      return kitchen;
    },
  }),

  /** One person throws a sample away whenever they like. */
  planted("sample-goes-too-early", {
    kitchen: (kitchen, { journal, ids }) => ({
      ...kitchen,
      samples: over(kitchen.samples, {
        dispose: ({ sampleIds }) => {
          const hours = { neededMs: KEEP_MS, wallMs: KEEP_MS, provenMs: KEEP_MS };
          for (const sampleId of sampleIds) {
            const disposedBy = { operatorId: "keeper", by: "pin" };
            const what = { sampleId, how: "after-hours", reason: null, note: "", ranMs: 0 };
            const body = { ...what, disposedBy, secondBy: null, hours };
            journal.append({ id: ids.next(), kind: "sample.disposed", body });
          }
          return Promise.resolve({ kind: "done", sampleIds });
        },
      }),
    }),
  }),

  /** The pan is taken for empty after each weighing. */
  planted("pan-counts-as-empty", {
    kitchen: (kitchen, { journal, ids }) => ({
      ...kitchen,
      receiving: over(kitchen.receiving, {
        command: async (operatorId, command) => {
          const answer = await kitchen.receiving.command(operatorId, command);
          const last = journal.entryBySeq(journal.head().seq);
          if (answer.kind !== "refused" || answer.gate !== "not-returned-to-zero") return answer;
          if (last?.kind !== "weighin.accepted") return answer;
          const id = ids.next();
          journal.append({ id, kind: last.kind, body: { ...last.body, weighInId: id } });
          return answer;
        },
      }),
    }),
  }),
];

const KEEP_MS = 48 * 3_600_000;
const AGAIN = "00000000";
const again = (id: string): string => `${AGAIN}${id.slice(AGAIN.length)}`;

function hasTable(db: Database, name: string): boolean {
  return prepared<[string], object>(db, "SELECT 1 FROM sqlite_schema WHERE name = ?").get(name) !== undefined;
}

/** The last weigh-in of a process is appended again by the next one. */
function crashedBetween(change: (last: EntryDraft, id: string) => EntryDraft): PlantedBug["journal"] {
  const lasts = new Map<string, EntryDraft>();
  let lives = 0;
  return (journal, db) => {
    lives += 1;
    const id = `0190dead-0000-7000-8000-${String(lives).padStart(12, "0")}`;
    const key = db.name.replace(/life-\d+/, "");
    let left = lasts.get(key);
    lasts.delete(key);
    return afterAppending(journal, (draft) => {
      if (draft.kind === "weighin.accepted") lasts.set(key, draft);
      if (left === undefined) return;
      const repeated = change(left, id);
      left = undefined;
      journal.append(repeated);
    });
  };
}
