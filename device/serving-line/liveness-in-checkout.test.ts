import { describe, expect, test } from "vitest";
import type { FrameObservation, ObservedFace } from "../../models/face-engine-port.ts";
import { monoMs } from "../platform/units.ts";
import { noEvidence, type Verdict, weighFrame } from "./identity-decision.ts";
import { LIVENESS_CHALLENGES } from "./liveness-check.ts";
import {
  face,
  kindsOf,
  type LineFixture,
  lineFixture,
  picture,
  press,
  settings,
  TestBounds,
  view,
} from "./serving-line-fixture.ts";

const bounds = new TestBounds();
const { identity } = settings("touch", { liveness: "assist" }).checkout;
const strict = settings("touch", { liveness: "strict" }).checkout.identity;

type Look = Partial<Pick<ObservedFace, "liveness" | "eyesOpen" | "motion">> & {
  readonly person?: string | null;
  readonly yawDeg?: number;
};

const frameOf = ({ person = "p-1", yawDeg = 0, ...cues }: Look): FrameObservation =>
  picture({ ...face({ person, quality: { yawDeg } }), ...cues });

/** Frames 100 ms apart; the millisecond of the first says what is asked for: 0 a blink, 1 a turn to the left. */
function visit(looks: readonly Look[], rules = identity, sinceMs = 0): Verdict[] {
  let evidence = noEvidence(monoMs(sinceMs));
  return looks.map((look, index) => {
    const capturedMono = monoMs(sinceMs + index * 100);
    const frame = { observation: frameOf(look), capturedMono };
    const weighed = weighFrame(evidence, frame, capturedMono, rules, bounds);
    evidence = weighed.evidence;
    return weighed.verdict;
  });
}

const live: Look = { liveness: 0.9, eyesOpen: 0.95 };
const doubtful: Look = { liveness: 0.2, eyesOpen: 0.95 };
const asked = { kind: "hint", hint: "blink" };

describe("liveness in the decision who it is", () => {
  test("a live face is named after two frames, as before", () => {
    expect(visit([live, live]).map(({ kind }) => kind)).toEqual(["agreeing", "identified"]);
  });

  test("a doubtful one is asked to blink, and named in the frame that sees the blink end", () => {
    const verdicts = visit([doubtful, doubtful, doubtful, { ...doubtful, eyesOpen: 0.05 }, doubtful]);
    expect(verdicts.slice(1, 4)).toEqual([asked, asked, asked]);
    expect(verdicts.at(-1)?.kind).toBe("identified");
  });

  test("a doubtful one is asked to turn, is not told to look here while turning, and named afterwards", () => {
    const turned = { ...doubtful, yawDeg: 45 };
    const verdicts = visit([doubtful, doubtful, turned, doubtful], identity, 1);
    expect(verdicts[1]).toEqual({ kind: "hint", hint: "turn-left" });
    expect(verdicts.at(-1)?.kind).toBe("identified");
  });

  test("a print that is waved about is sent to card or PIN at once", () => {
    const print: Look = { liveness: 0.03, eyesOpen: 0.9, motion: { faceShare: 0.05, together: 0.9 } };
    expect(visit([print, print]).at(-1)).toEqual({ kind: "not-live" });
  });

  test("a still photo is never named in strict", () => {
    const kinds = visit(
      Array.from({ length: 60 }, () => ({ ...live, liveness: 0.8 })),
      strict,
    ).map(({ kind }) => kind);
    expect(kinds).not.toContain("identified");
    expect(kinds).toContain("not-live");
  });

  test("who was live is not the one who is named next in the same place", () => {
    const verdicts = visit([live, live, { ...live, person: "p-2" }, { ...doubtful, person: "p-2" }]);
    expect(verdicts.slice(2).map(({ kind }) => kind)).not.toContain("identified");
  });

  test("nor is a stranger, or whoever was named before a doubt, who then holds a picture there", () => {
    const held: Look = { ...doubtful, person: "p-2" };
    for (const before of [null, "p-1"]) {
      const alive = Array.from({ length: 8 }, () => ({ ...live, person: before }));
      const verdicts = visit([...alive, { ...live, person: null }, held, held, held, held]);
      expect(verdicts.slice(9).map(({ kind }) => kind)).not.toContain("identified");
    }
  });

  test("who was named, and named again after a frame that knew nobody, is still live", () => {
    const verdicts = visit([live, live, { ...live, person: null }, live, live]);
    expect(verdicts.at(-1)?.kind).toBe("identified");
  });

  test("who is named after a while has the whole time to answer, for nobody was asked before", () => {
    const unknown = Array.from({ length: 20 }, () => ({ ...doubtful, person: null }));
    const named = Array.from({ length: 50 }, () => doubtful);
    expect(visit([...unknown, ...named]).at(-1)).toEqual(asked);
  });

  test("a stranger is not asked to blink", () => {
    const stranger = { ...doubtful, person: null };
    expect(visit([stranger, stranger, stranger]).every(({ kind }) => kind === "doubt")).toBe(true);
  });
});

describe("a doubtful face in front of somebody else's screen", () => {
  const shown = (person: string): FrameObservation => frameOf({ ...doubtful, person });
  const isAsked = (fixture: LineFixture): boolean => {
    const now = view(fixture);
    return now.kind === "looking" && LIVENESS_CHALLENGES.some((kind) => kind === now.hint);
  };

  test("after a result: is asked like everybody, with the whole time, however long the one before stayed", async () => {
    const fixture = lineFixture({ settings: settings("presence", { liveness: "assist" }) });
    await fixture.look(frameOf(live));
    expect(view(fixture).kind).toBe("paid");
    await fixture.look(shown("p-1"), 100);
    expect(view(fixture).kind).toBe("idle");
    await fixture.look(shown("p-2"), 10);
    expect(isAsked(fixture)).toBe(true);
    await fixture.look(shown("p-2"), 40);
    expect(isAsked(fixture)).toBe(true);
    await fixture.look(frameOf({ ...doubtful, person: "p-2", eyesOpen: 0.05 }), 1);
    await fixture.look(frameOf({ ...doubtful, person: "p-2", yawDeg: 45 }), 1);
    await fixture.look(frameOf({ ...doubtful, person: "p-2", yawDeg: -45 }), 1);
    await fixture.look(shown("p-2"), 3);
    expect(view(fixture)).toMatchObject({ kind: "paid", receipt: { personId: "p-2" } });
  });

  test("while another is asked: gets a time of its own where nobody pressed", async () => {
    const fixture = lineFixture({ settings: settings("presence", { liveness: "assist" }) });
    await fixture.look(shown("p-1"), 45);
    expect(isAsked(fixture)).toBe(true);
    await fixture.look(shown("p-2"), 45);
    expect(isAsked(fixture)).toBe(true);
  });

  test("while a confirmation stands: ends it, so that no press pays for the one who was named", async () => {
    const fixture = lineFixture({ settings: settings("touch", { liveness: "assist", confirmFace: true }) });
    await fixture.line.command({ kind: "activate" });
    await fixture.look(frameOf(live));
    expect(view(fixture)).toMatchObject({ kind: "confirm", personId: "p-1" });
    await fixture.look(shown("p-2"), 6);
    await press(fixture, "confirm");
    expect(isAsked(fixture)).toBe(true);
    expect(kindsOf(fixture)).toEqual([]);
  });

  test("while two are asked which of them it is: ends that question", async () => {
    const fixture = lineFixture({ settings: settings("touch", { liveness: "assist" }) });
    fixture.bounds.twins.push(["p-1", "p-3"]);
    await fixture.line.command({ kind: "activate" });
    await fixture.look(frameOf(live));
    expect(view(fixture).kind).toBe("asking");
    await fixture.look(shown("p-2"), 6);
    expect(isAsked(fixture)).toBe(true);
  });
});
