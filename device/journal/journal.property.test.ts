import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exportJournal, verifyExport } from "./journal-export.ts";
import { type JournalFixture, journalFixture, tallyProjection } from "./journal-fixture.ts";
import type { EntryDraft, JsonObject } from "./journal-port.ts";
import { verifyJournal } from "./verify.ts";

type Act =
  | { readonly do: "append"; readonly name: string }
  | { readonly do: "repeat"; readonly which: number }
  | { readonly do: "conflict"; readonly which: number }
  | { readonly do: "restart" }
  | { readonly do: "transact"; readonly acts: readonly Act[]; readonly keep: boolean };

const name = fc.constantFrom("rice", "soup");
const { acts } = fc.letrec<{ acts: Act[]; act: Act }>((tie) => ({
  act: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    { weight: 5, arbitrary: fc.record({ do: fc.constant("append" as const), name }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("repeat" as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("conflict" as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("transact" as const), acts: tie("acts"), keep: fc.boolean() }),
    },
  ),
  acts: fc.array(tie("act"), { maxLength: 12 }),
}));

class ChangedMind extends Error {}

/** What the journal should hold, in the simplest words. */
interface Model {
  drafts: EntryDraft[];
}

function run(fixture: JournalFixture, model: Model, acts: readonly Act[], depth: number): JournalFixture {
  let current = fixture;
  for (const act of acts) {
    if (act.do === "restart") {
      if (depth === 0) current = current.reopen();
    } else if (act.do === "transact") {
      transact(current, model, act, depth);
    } else {
      appendOne(current, model, act);
    }
  }
  return current;
}

function appendOne(
  { journal, ids }: JournalFixture,
  model: Model,
  act: Exclude<Act, { do: "transact" }>,
): void {
  if (act.do === "restart") return;
  if (act.do === "append") {
    const draft = { id: ids.next(), kind: "tally.counted", body: { name: act.name } };
    // The projection allows nine of a name; the tenth must leave no trace.
    if (model.drafts.filter((known) => known.body["name"] === act.name).length >= 9) {
      expect(() => journal.append(draft)).toThrow("CHECK");
      return;
    }
    expect(journal.append(draft)).toMatchObject({
      kind: "appended",
      entry: { seq: model.drafts.length + 1 },
    });
    model.drafts.push(draft);
    return;
  }
  const known = model.drafts[act.which % Math.max(1, model.drafts.length)];
  if (known === undefined) return;
  if (act.do === "repeat") {
    expect(journal.append(known)).toMatchObject({ kind: "exists", entry: { id: known.id } });
  } else {
    expect(() => journal.append({ ...known, body: { name: "other" } })).toThrow("other content");
  }
}

function transact(
  fixture: JournalFixture,
  model: Model,
  act: Extract<Act, { do: "transact" }>,
  depth: number,
): void {
  const before = [...model.drafts];
  try {
    fixture.journal.transact(() => {
      run(fixture, model, act.acts, depth + 1);
      if (!act.keep) throw new ChangedMind();
    });
  } catch (error) {
    if (!(error instanceof ChangedMind)) throw error;
    model.drafts = before;
  }
}

describe("the journal", () => {
  it("is one gapless chain after any appends, repeats, conflicts, rollbacks and restarts", async () => {
    await fc.assert(
      fc.asyncProperty(acts, async (sequence) => {
        const model: Model = { drafts: [] };
        const fixture = run(journalFixture({ projections: [tallyProjection] }), model, sequence, 0);
        const { file, journal, db } = fixture;
        const entries = journal.readAfter(0, { countMax: 1000, bytesMax: 1e7 });
        expect(entries.map(({ id, kind, body }) => ({ id, kind, body }))).toEqual(model.drafts);
        expect(entries.map(({ seq }) => seq)).toEqual(model.drafts.map((_, index) => index + 1));
        expect(verifyJournal(file, [tallyProjection])).toMatchObject({ ok: true, head: journal.head() });
        const exported = await verifyExport(exportJournal(file, { fromSeq: 1, toSeq: null }));
        expect(exported.ok).toBe(model.drafts.length > 0);
        db.close();
      }),
      { numRuns: 60 },
    );
  });

  it("gives any JSON body back as it was, under a hash that checks", () => {
    const number = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, min: -1e9, max: 1e9 }));
    const { body } = fc.letrec<{ value: unknown; body: JsonObject }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.boolean(),
        number.filter((value) => !Object.is(value, -0)),
        fc.string({ unit: "binary" }),
        fc.array(tie("value"), { maxLength: 4 }),
        tie("body"),
      ),
      body: fc.dictionary(fc.string({ unit: "binary" }), tie("value"), {
        maxKeys: 4,
      }) as fc.Arbitrary<JsonObject>,
    }));
    const { journal, ids, file } = journalFixture();
    fc.assert(
      fc.property(body, (drawn) => {
        const { entry } = journal.append({ id: ids.next(), kind: "tally.counted", body: { drawn } });
        expect(entry.body["drawn"]).toEqual({ ...drawn });
      }),
      { numRuns: 200 },
    );
    expect(verifyJournal(file, [])).toMatchObject({ ok: true });
  });
});
