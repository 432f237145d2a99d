import { describe, expect, it } from "vitest";
import type { ObservedFace, SearchResult } from "../../models/face-engine-port.ts";
import { monoMs } from "../platform/units.ts";
import type { IdentityBounds, PersonBar } from "../roster/identity-bounds-port.ts";
import { noEvidence, type Verdict, weighFrame } from "./identity-decision.ts";
import { nameFace } from "./match-naming.ts";
import { face, picture, settings, TestBounds } from "./serving-line-fixture.ts";

const rules = settings().checkout.identity;
const bounds = new TestBounds();

const found = (best: string, similarity: number, second = 0.2, other = "p-other"): SearchResult => ({
  best: { personId: best, similarity },
  runnerUp: { personId: other, similarity: second },
});

/** A face with what its searches found: of everybody, of those expected, and by a side pack. */
function searched(
  everybody: SearchResult,
  expected: SearchResult | null = null,
  side: SearchResult | null = null,
): ObservedFace {
  return {
    ...face(),
    search: { ...everybody, expected },
    otherSearches: side === null ? [] : [{ model: "side", search: { ...side, expected: null } }],
  };
}

/** Bars that a test says, over those of everybody. */
function barsOf(change: (personId: string, model: string) => Partial<PersonBar>): IdentityBounds {
  return {
    thresholds: (model) => bounds.thresholds(model),
    barOf: (personId, model) => ({ ...bounds.barOf(personId, model), ...change(personId, model) }),
  };
}

function look(faces: readonly ObservedFace[], with_: IdentityBounds = bounds): Verdict[] {
  let evidence = noEvidence(monoMs(0));
  return faces.map((one, index) => {
    const frame = { observation: picture(one), capturedMono: monoMs(index * 100) };
    const weighed = weighFrame(evidence, frame, monoMs(index * 100 + 20), rules, with_);
    evidence = weighed.evidence;
    return weighed.verdict;
  });
}

const named = (naming: ReturnType<typeof nameFace>): string | null =>
  naming.kind === "named" ? naming.named.personId : null;

describe("the bar", () => {
  it("is the person's own, not the gallery's", () => {
    const raised = barsOf((personId) => (personId === "p-1" ? { similarityMin: 0.7 } : {}));
    expect(named(nameFace(searched(found("p-1", 0.69)), rules, raised))).toBeNull();
    expect(named(nameFace(searched(found("p-1", 0.7)), rules, raised))).toBe("p-1");
    expect(named(nameFace(searched(found("p-2", 0.69)), rules, raised))).toBe("p-2");
  });

  it.each([0, -1, Number.NaN, 1.5])("of %s is none: nobody passes it", (similarityMin) => {
    const broken = barsOf(() => ({ similarityMin }));
    expect(named(nameFace(searched(found("p-1", 0.9)), rules, broken))).toBeNull();
  });

  it.each([-0.1, Number.NaN])("with a margin of %s is none", (marginMin) => {
    expect(
      named(
        nameFace(
          searched(found("p-1", 0.9)),
          rules,
          barsOf(() => ({ marginMin })),
        ),
      ),
    ).toBeNull();
  });

  it("in a gallery of one asks for the lead that a second person of a whole school would leave", () => {
    const alone = (similarity: number) => searched({ best: { personId: "p-1", similarity }, runnerUp: null });
    const steep = barsOf(() => ({ marginMin: 0.2 }));
    expect(named(nameFace(alone(0.59), rules, steep))).toBeNull();
    expect(named(nameFace(alone(0.61), rules, steep))).toBe("p-1");
  });
});

describe("a side pack", () => {
  const unknown = found("p-9", 0.3);
  it("is heard where the primary pack knows nobody, by its own thresholds", () => {
    const own = barsOf((_, model) => (model === "side" ? { similarityMin: 0.8 } : {}));
    expect(nameFace(searched(unknown, null, found("p-2", 0.85)), rules, own)).toMatchObject({
      named: { personId: "p-2", model: "side" },
    });
    expect(named(nameFace(searched(unknown, null, found("p-2", 0.75)), rules, own))).toBeNull();
  });

  it("that names somebody else than the primary one makes it ambiguous; the same person, no difference", () => {
    expect(nameFace(searched(found("p-1", 0.8), null, found("p-2", 0.8)), rules, bounds)).toMatchObject({
      kind: "doubt",
      failure: "ambiguous",
    });
    expect(nameFace(searched(found("p-1", 0.8), null, found("p-1", 0.9)), rules, bounds)).toMatchObject({
      named: { personId: "p-1", model: "model-a" },
    });
  });

  it("that is torn between others contradicts the primary one, which may never have seen them", () => {
    const torn = found("p-2", 0.8, 0.78, "p-1");
    expect(nameFace(searched(found("p-1", 0.8), null, torn), rules, bounds)).toMatchObject({
      kind: "doubt",
      failure: "ambiguous",
    });
    const same = found("p-1", 0.8, 0.78, "p-2");
    expect(named(nameFace(searched(found("p-1", 0.8), null, same), rules, bounds))).toBe("p-1");
  });

  it("does not settle what the primary pack finds ambiguous", () => {
    const torn = found("p-1", 0.8, 0.78);
    expect(named(nameFace(searched(torn, null, found("p-1", 0.9)), rules, bounds))).toBeNull();
  });
});

describe("people who eat at this meal", () => {
  it("are confused only with each other: the lead over somebody who does not eat now is not asked for", () => {
    const one = searched(found("p-1", 0.8, 0.75, "not-today"), found("p-1", 0.8, 0.3));
    expect(nameFace(one, rules, bounds)).toMatchObject({ named: { personId: "p-1", expected: true } });
  });

  it("are not taken for whoever comes first of everybody", () => {
    const stranger = searched(found("not-today", 0.8, 0.6, "p-1"), found("p-1", 0.6));
    expect(nameFace(stranger, rules, bounds)).toMatchObject({
      named: { personId: "not-today", expected: false },
    });
    const torn = searched(found("not-today", 0.65, 0.6, "p-1"), found("p-1", 0.6));
    expect(nameFace(torn, rules, bounds)).toMatchObject({ kind: "doubt", failure: "ambiguous" });
  });

  it("need two clear frames, and everybody else a third", () => {
    const expected = searched(found("p-1", 0.8), found("p-1", 0.8));
    const other = searched(found("p-2", 0.8), found("p-1", 0.2));
    const kinds = (one: ObservedFace) => look([one, one, one]).map(({ kind }) => kind);
    expect(kinds(expected)).toEqual(["agreeing", "identified", "identified"]);
    expect(kinds(other)).toEqual(["agreeing", "agreeing", "identified"]);
  });
});

describe("somebody who looks like another", () => {
  const alike = new TestBounds();
  alike.twins.push(["p-1", "p-2"]);

  it("is never named silently, however sure the camera is", () => {
    const verdicts = look(
      Array.from({ length: 8 }, () => searched(found("p-1", 0.99, 0.1))),
      alike,
    );
    expect(verdicts.map(({ kind }) => kind)).not.toContain("identified");
    expect(verdicts[1]).toMatchObject({ kind: "look-alike", personId: "p-1", lookAlikeIds: ["p-2"] });
  });

  it("may take turns with that other in front, and is asked about all the same", () => {
    const first = searched(found("p-1", 0.8, 0.79, "p-2"));
    const second = searched(found("p-2", 0.81, 0.79, "p-1"));
    expect(look([first, second, first], alike).at(-1)).toMatchObject({ kind: "look-alike" });
    expect(look([first, second, first]).at(-1)).toMatchObject({ kind: "doubt", failure: "ambiguous" });
  });

  it("is asked about though only an earlier frame of the run was of somebody with look-alikes", () => {
    let asked = true;
    const changing = barsOf((personId) =>
      personId === "p-1" && asked
        ? { lookAlikes: [{ personId: "p-2", similarity: 0.9, source: "gallery" }] }
        : {},
    );
    let evidence = noEvidence(monoMs(0));
    for (const at of [0, 100]) {
      const frame = { observation: picture(searched(found("p-1", 0.8))), capturedMono: monoMs(at) };
      const weighed = weighFrame(evidence, frame, monoMs(at), rules, changing);
      evidence = weighed.evidence;
      if (at === 100) expect(weighed.verdict.kind).toBe("look-alike");
      asked = false;
    }
  });
});
