import type { FrameObservation } from "../../models/face-engine-port.ts";
import type { MonoMs } from "../platform/units.ts";
import type { IdentityBounds } from "../roster/identity-bounds-port.ts";
import type { FaceDecision, LookFailure } from "./checkout-types.ts";
import { hasRival, isPlausible, qualityHint, subjectOf } from "./frame-subject.ts";
import {
  type LivenessSettings,
  type LivenessState,
  type LivenessVerdict,
  noLivenessYet,
  restarted,
  weighLiveness,
} from "./liveness-check.ts";
import { type Named, type Naming, nameFace } from "./match-naming.ts";
import type { LookHint } from "./serving-line-port.ts";

/**
 * From numbers to "this is that person", over several frames. Whatever is in doubt is not an accept. How sure a match
 * must be is not here: `IdentityBounds` says so, for this terminal's gallery and for each person.
 */
export interface IdentitySettings {
  readonly qualityMin: number;
  readonly liveness: LivenessSettings;
  /** Frames that must name the same person, and agree in the mean, when the match is close to its bounds. */
  readonly framesToAgree: number;
  /** Frames that suffice when each of them is over both bounds by `clearLeadMin`. */
  readonly clearFrames: number;
  readonly clearLeadMin: number;
  /** A frame that falls short by no more counts in the mean; one that falls shorter ends the run. */
  readonly nearMissMax: number;
  /** More frames for somebody who does not eat at this meal. */
  readonly unexpectedFrames: number;
  /** A frame that is older than this when it is judged says nothing about who stands there now. */
  readonly frameAgeMsMax: number;
  /** A longer silence between two agreeing frames starts the count again: somebody else may have stepped in. */
  readonly frameGapMsMax: number;
  readonly eyeDistancePxMin: number;
  readonly yawDegMax: number;
  readonly pitchDegMax: number;
  readonly rollDegMax: number;
  readonly brightnessMin: number;
  readonly sharpnessMin: number;
  /** A second face whose side is at least this share of the subject's makes it unclear who is meant. */
  readonly likeSizeMin: number;
  /** The subject's centre lies in this middle share of the picture's width and height. */
  readonly centreShare: number;
}

/** Frames in a row with the same person in front of all others; sums, because the mean over them decides. */
export interface AgreeingRun {
  readonly personId: string;
  readonly model: string;
  readonly frames: number;
  /** Of these, how many reached both bounds by themselves. */
  readonly agreeingFrames: number;
  /** Of these, how many were well over both. */
  readonly clearFrames: number;
  readonly similaritySum: number;
  readonly similarityLeadSum: number;
  readonly marginLeadSum: number;
  /** Null when nobody else was searched. */
  readonly marginSum: number | null;
  /** In every frame. */
  readonly expected: boolean;
  readonly lookAlikeIds: readonly string[];
  readonly lastCapturedMono: MonoMs;
}

/** What was seen since somebody began to look. */
export interface Evidence {
  readonly sinceMono: MonoMs;
  readonly lastCapturedMono: MonoMs | null;
  /** When the first face came that could be judged. */
  readonly firstUsableMono: MonoMs | null;
  /** Frames that were fresh, whatever they showed. */
  readonly frameCount: number;
  readonly run: AgreeingRun | null;
  readonly liveness: LivenessState;
  /** Whose run began last, whatever ended it since: the frames that `liveness` counts are theirs. Null: nobody's yet. */
  readonly namedId: string | null;
  /** Why the frames with a usable face were not convincing. */
  readonly doubts: Readonly<Record<LookFailure, number>>;
}

export type Verdict =
  /** Too old, a repetition, or from before somebody began to look: as if it had not come. */
  | { readonly kind: "stale" }
  /** Numbers that cannot be. */
  | { readonly kind: "unusable" }
  /** No face in the middle of the picture. */
  | { readonly kind: "nobody" }
  | { readonly kind: "hint"; readonly hint: LookHint }
  | { readonly kind: "doubt"; readonly failure: LookFailure; readonly bestPersonId: string | null }
  /** Not a live face, or none that answered the question: card or PIN. */
  | { readonly kind: "not-live" }
  | { readonly kind: "agreeing"; readonly personId: string }
  | { readonly kind: "identified"; readonly personId: string; readonly decision: FaceDecision }
  /** As sure as "identified" that it is this person or one of those whom a camera cannot tell from them. */
  | {
      readonly kind: "look-alike";
      readonly personId: string;
      readonly lookAlikeIds: readonly string[];
      readonly decision: FaceDecision;
    };

export type NamingVerdict = Extract<Verdict, { kind: "identified" | "look-alike" }>;

export function isNaming(verdict: Verdict): verdict is NamingVerdict {
  return verdict.kind === "identified" || verdict.kind === "look-alike";
}

export function noEvidence(sinceMono: MonoMs): Evidence {
  return {
    sinceMono,
    lastCapturedMono: null,
    firstUsableMono: null,
    frameCount: 0,
    run: null,
    liveness: noLivenessYet(sinceMono),
    namedId: null,
    doubts: { "unknown-face": 0, ambiguous: 0, liveness: 0 },
  };
}

/**
 * Adds one frame to the evidence.
 *
 * Every condition is written so that a NaN fails it. A frame that shows nobody, two people, someone else or a match
 * far from the bounds ends the run of agreeing frames; a frame that is merely bad (small, turned, dark, blurred)
 * neither adds to it nor ends it, and the gap limit ends it when there are too many of those.
 *
 * @param nowMono when the frame is judged, on the clock of `capturedMono`.
 * @param bounds of the moment: the thresholds of the frame's models and the bars of the people it names.
 */
export function weighFrame(
  evidence: Evidence,
  frame: { readonly observation: FrameObservation; readonly capturedMono: MonoMs },
  nowMono: MonoMs,
  settings: IdentitySettings,
  bounds: IdentityBounds,
): { readonly evidence: Evidence; readonly verdict: Verdict } {
  const { observation, capturedMono } = frame;
  if (!isFresh(evidence, capturedMono, nowMono, settings)) return { evidence, verdict: { kind: "stale" } };
  const seen: Evidence = {
    ...evidence,
    lastCapturedMono: capturedMono,
    frameCount: evidence.frameCount + 1,
  };
  const broken = (verdict: Verdict): { evidence: Evidence; verdict: Verdict } => ({
    evidence: { ...seen, run: null, liveness: restarted(seen.liveness) },
    verdict,
  });
  if (!isPlausible(observation)) return broken({ kind: "unusable" });
  const subject = subjectOf(observation, settings);
  if (subject === null) return broken({ kind: "nobody" });
  if (hasRival(observation, subject, settings)) return broken({ kind: "hint", hint: "one-at-a-time" });
  const hint = qualityHint(subject, settings);
  const check = weighLiveness(
    seen.liveness,
    subject,
    { capturedMono, scored: hint === null },
    settings.liveness,
  );
  const looked = { ...seen, liveness: check.state };
  // A turned head is what was asked for, not a picture that has to be better.
  if (hint !== null)
    return { evidence: looked, verdict: { kind: "hint", hint: questionOf(looked, check.verdict) ?? hint } };
  const usable = { ...looked, firstUsableMono: looked.firstUsableMono ?? capturedMono };
  const named = weighNaming(usable, nameFace(subject, settings, bounds), capturedMono, settings);
  return heedLiveness(named, check.verdict);
}

/** Whom the frames name beyond doubt, if it is a live face: what the question is waited for. */
export function namedUnlessPicture(evidence: Evidence, settings: IdentitySettings): NamingVerdict | null {
  const verdict = evidence.run === null ? null : verdictOf(evidence.run, settings);
  return verdict !== null && isNaming(verdict) ? verdict : null;
}

/** For screens on which no question can be put to anybody: none is kept that would be missed there. */
export function withoutQuestion(evidence: Evidence): Evidence {
  return { ...evidence, liveness: { ...evidence.liveness, challenge: null, passed: false } };
}

/** The question is put to somebody who is named; a stranger's blink would change nothing. */
function questionOf({ run }: Evidence, liveness: LivenessVerdict): LookHint | null {
  return run !== null && liveness.kind === "asking" ? liveness.challenge : null;
}

/** Nobody is named, nor asked which of two they are, before they are live. */
function heedLiveness(
  weighed: { readonly evidence: Evidence; readonly verdict: Verdict },
  liveness: LivenessVerdict,
): { readonly evidence: Evidence; readonly verdict: Verdict } {
  const { verdict } = weighed;
  const { run, doubts, namedId } = weighed.evidence;
  const isNewName = run !== null && run.frames === 1 && run.personId !== namedId;
  const evidence = isNewName ? { ...weighed.evidence, namedId: run.personId } : weighed.evidence;
  // Another name in the same place, or the first one after frames that knew nobody: whoever was live before is not the
  // one who is named now. A question from before anybody was named was put to nobody.
  const { frames, challenge, sinceMono } = evidence.liveness;
  const askedNobody = challenge !== null && namedId === null;
  if (isNewName && (frames > 1 || askedNobody)) {
    const liveness = askedNobody ? noLivenessYet(sinceMono) : restarted(evidence.liveness);
    return { evidence: { ...evidence, liveness }, verdict: agreeing(run) };
  }
  if (run === null || liveness.kind === "live") return { evidence, verdict };
  if (liveness.kind === "refused") {
    const counted = { ...doubts, liveness: doubts.liveness + 1 };
    return { evidence: { ...evidence, run: null, doubts: counted }, verdict: { kind: "not-live" } };
  }
  if (liveness.kind === "asking") return { evidence, verdict: { kind: "hint", hint: liveness.challenge } };
  return { evidence, verdict: verdict.kind === "doubt" ? verdict : agreeing(run) };
}

const agreeing = ({ personId }: AgreeingRun): Verdict => ({ kind: "agreeing", personId });

/** What to tell someone who looked in vain: what most of the usable frames said. */
export function lookFailureOf({ doubts, liveness, run }: Evidence): LookFailure {
  // Named, asked to blink or turn, and not seen to.
  if (run !== null && liveness.challenge !== null && !liveness.passed) return "liveness";
  if (doubts.liveness > 0 && doubts.liveness >= doubts.ambiguous && doubts.liveness >= doubts["unknown-face"])
    return "liveness";
  return doubts.ambiguous > 0 && doubts.ambiguous >= doubts["unknown-face"] ? "ambiguous" : "unknown-face";
}

/** Whether a face that could be judged has been seen at all. */
export function sawSomeone({ firstUsableMono }: Evidence): boolean {
  return firstUsableMono !== null;
}

function isFresh(
  evidence: Evidence,
  capturedMono: MonoMs,
  nowMono: MonoMs,
  settings: IdentitySettings,
): boolean {
  const ageMs = nowMono - capturedMono;
  const isNewer = evidence.lastCapturedMono === null || capturedMono > evidence.lastCapturedMono;
  return ageMs >= 0 && ageMs <= settings.frameAgeMsMax && capturedMono >= evidence.sinceMono && isNewer;
}

function weighNaming(
  seen: Evidence,
  naming: Naming,
  capturedMono: MonoMs,
  settings: IdentitySettings,
): { readonly evidence: Evidence; readonly verdict: Verdict } {
  if (naming.kind === "named") {
    const run = extendRun(seen.run, naming.named, capturedMono, settings);
    return { evidence: { ...seen, run }, verdict: verdictOf(run, settings) };
  }
  const { failure, bestPersonId, near } = naming;
  const run = near === null ? null : extendRun(seen.run, near, capturedMono, settings);
  const doubts = { ...seen.doubts, [failure]: seen.doubts[failure] + 1 };
  return { evidence: { ...seen, run, doubts }, verdict: { kind: "doubt", failure, bestPersonId } };
}

function extendRun(
  run: AgreeingRun | null,
  named: Named,
  capturedMono: MonoMs,
  settings: IdentitySettings,
): AgreeingRun {
  const { similarity, margin, similarityLead, marginLead } = named;
  const before = continuesRun(run, named, capturedMono, settings) ? run : null;
  const least = Math.min(similarityLead, marginLead);
  return {
    personId: named.personId,
    model: named.model,
    frames: (before?.frames ?? 0) + 1,
    agreeingFrames: (before?.agreeingFrames ?? 0) + (least >= 0 ? 1 : 0),
    clearFrames: (before?.clearFrames ?? 0) + (least >= settings.clearLeadMin ? 1 : 0),
    similaritySum: (before?.similaritySum ?? 0) + similarity,
    similarityLeadSum: (before?.similarityLeadSum ?? 0) + similarityLead,
    marginLeadSum: (before?.marginLeadSum ?? 0) + marginLead,
    marginSum: margin === null || before?.marginSum === null ? null : (before?.marginSum ?? 0) + margin,
    expected: (before?.expected ?? true) && named.expected,
    lookAlikeIds: [...new Set([...(before?.lookAlikeIds ?? []), ...named.lookAlikeIds])],
    lastCapturedMono: capturedMono,
  };
}

/** The winner has not moved; two who are asked about anyway may take turns. */
function continuesRun(
  run: AgreeingRun | null,
  { personId, model, lookAlikeIds }: Named,
  capturedMono: MonoMs,
  settings: IdentitySettings,
): boolean {
  if (run === null || run.model !== model || capturedMono - run.lastCapturedMono > settings.frameGapMsMax)
    return false;
  if (run.personId === personId) return true;
  return run.lookAlikeIds.includes(personId) && lookAlikeIds.includes(run.personId);
}

/** Asked only after a frame that reached both bounds by itself. */
function verdictOf(run: AgreeingRun, settings: IdentitySettings): Verdict {
  const { personId, model, frames } = run;
  const more = run.expected ? 0 : settings.unexpectedFrames;
  const isClear = run.clearFrames === frames && frames >= settings.clearFrames + more;
  const agrees =
    frames >= settings.framesToAgree + more &&
    run.agreeingFrames >= settings.clearFrames &&
    run.similarityLeadSum >= 0 &&
    run.marginLeadSum >= 0;
  if (!isClear && !agrees) return { kind: "agreeing", personId };
  const similarity = run.similaritySum / frames;
  const margin = run.marginSum === null ? null : run.marginSum / frames;
  const decision: FaceDecision = { model, similarity, margin, frames };
  const lookAlikeIds = run.lookAlikeIds.filter((other) => other !== personId);
  return lookAlikeIds.length === 0
    ? { kind: "identified", personId, decision }
    : { kind: "look-alike", personId, lookAlikeIds, decision };
}
