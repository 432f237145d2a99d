import type { Box, Face, FrameObservation, ObservedFace } from "../../models/face-engine-port.ts";
import type { MonoMs } from "../platform/units.ts";
import type { FaceDecision, LookFailure } from "./checkout-types.ts";
import type { LookHint } from "./serving-line-port.ts";

/** From numbers to "this is that person", over several frames. Whatever is in doubt is not an accept. */
export interface IdentitySettings {
  readonly similarityMin: number;
  readonly marginMin: number;
  readonly qualityMin: number;
  /** 0 switches the check off; otherwise a face without a liveness number is not accepted either. */
  readonly livenessMin: number;
  /** Consecutive frames that must name the same person. */
  readonly framesToAgree: number;
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

/** Frames in a row that agree; `similarity` and `margin` are the least of them. */
export interface AgreeingRun extends FaceDecision {
  readonly personId: string;
  readonly lastCapturedMono: MonoMs;
}

/** What was seen since somebody began to look. */
export interface Evidence {
  readonly sinceMono: MonoMs;
  readonly lastCapturedMono: MonoMs | null;
  /** Frames that were fresh, whatever they showed. */
  readonly frameCount: number;
  readonly run: AgreeingRun | null;
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
  | { readonly kind: "agreeing"; readonly personId: string }
  | { readonly kind: "identified"; readonly personId: string; readonly decision: FaceDecision };

export function noEvidence(sinceMono: MonoMs): Evidence {
  return {
    sinceMono,
    lastCapturedMono: null,
    frameCount: 0,
    run: null,
    doubts: { "unknown-face": 0, ambiguous: 0, liveness: 0 },
  };
}

/**
 * Adds one frame to the evidence.
 *
 * Every condition is written so that a NaN fails it. A frame that shows nobody, two people, someone else or an
 * unconvincing match ends the run of agreeing frames; a frame that is merely bad (small, turned, dark, blurred)
 * neither adds to it nor ends it, and the gap limit ends it when there are too many of those.
 *
 * @param nowMono when the frame is judged, on the clock of `capturedMono`.
 */
export function weighFrame(
  evidence: Evidence,
  frame: { readonly observation: FrameObservation; readonly capturedMono: MonoMs },
  nowMono: MonoMs,
  settings: IdentitySettings,
): { readonly evidence: Evidence; readonly verdict: Verdict } {
  const { observation, capturedMono } = frame;
  if (!isFresh(evidence, capturedMono, nowMono, settings)) return { evidence, verdict: { kind: "stale" } };
  const seen: Evidence = {
    ...evidence,
    lastCapturedMono: capturedMono,
    frameCount: evidence.frameCount + 1,
  };
  const broken = (verdict: Verdict): { evidence: Evidence; verdict: Verdict } => ({
    evidence: { ...seen, run: null },
    verdict,
  });
  if (!isPlausible(observation)) return broken({ kind: "unusable" });
  const subject = subjectOf(observation, settings);
  if (subject === null) return broken({ kind: "nobody" });
  if (hasRival(observation, subject, settings)) return broken({ kind: "hint", hint: "one-at-a-time" });
  const hint = qualityHint(subject, settings);
  if (hint !== null) return { evidence: seen, verdict: { kind: "hint", hint } };
  const match = matchOf(subject, settings);
  if (match.kind === "doubt") {
    const doubts = { ...seen.doubts, [match.failure]: seen.doubts[match.failure] + 1 };
    return { evidence: { ...seen, run: null, doubts }, verdict: match };
  }
  const run = extendRun(seen.run, { ...match, model: subject.model }, capturedMono, settings);
  return { evidence: { ...seen, run }, verdict: verdictOf(run, settings) };
}

/** What to tell someone who looked in vain: what most of the usable frames said. */
export function lookFailureOf({ doubts }: Evidence): LookFailure {
  if (doubts.liveness > 0 && doubts.liveness >= doubts.ambiguous && doubts.liveness >= doubts["unknown-face"])
    return "liveness";
  return doubts.ambiguous > 0 && doubts.ambiguous >= doubts["unknown-face"] ? "ambiguous" : "unknown-face";
}

/** Whether a face that could be judged has been seen at all. */
export function sawSomeone({ run, doubts }: Evidence): boolean {
  return run !== null || doubts["unknown-face"] + doubts.ambiguous + doubts.liveness > 0;
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

/** The dot product of two normalised vectors in float32 may be a little over 1. */
const SIMILARITY_SLACK = 1e-3;

function isPlausible(observation: FrameObservation): boolean {
  return (
    isPositive(observation.widthPx) &&
    isPositive(observation.heightPx) &&
    observation.faces.every(isPlausibleFace)
  );
}

function isPlausibleFace({ box, detectionScore, quality, liveness, search, model }: ObservedFace): boolean {
  const { best, runnerUp } = search;
  const candidates = [best, runnerUp].filter((candidate) => candidate !== null);
  return (
    box.every(Number.isFinite) &&
    isPositive(box[2]) &&
    isPositive(box[3]) &&
    Number.isFinite(sideOf(box)) &&
    isShare(detectionScore) &&
    isShare(quality.overall) &&
    Object.values(quality).every(Number.isFinite) &&
    (liveness === null || isShare(liveness)) &&
    model.length > 0 &&
    candidates.every(
      ({ personId, similarity }) => personId.length > 0 && Math.abs(similarity) <= 1 + SIMILARITY_SLACK,
    ) &&
    (runnerUp === null ||
      (best !== null && best.personId !== runnerUp.personId && best.similarity >= runnerUp.similarity))
  );
}

const isPositive = (value: number): boolean => Number.isFinite(value) && value > 0;
const isShare = (value: number): boolean => value >= 0 && value <= 1;
/** Of the square with the same area. */
const sideOf = ([, , width, height]: Box): number => Math.sqrt(width * height);

/** The largest face in the middle. The order in which the engine lists them is not relied upon. */
function subjectOf(observation: FrameObservation, settings: IdentitySettings): ObservedFace | null {
  let subject: ObservedFace | null = null;
  for (const face of observation.faces) {
    if (!isCentred(face.box, observation, settings)) continue;
    if (subject === null || sideOf(face.box) > sideOf(subject.box)) subject = face;
  }
  return subject;
}

function isCentred(
  [x, y, width, height]: Box,
  observation: FrameObservation,
  settings: IdentitySettings,
): boolean {
  const offX = Math.abs((x + width / 2) / observation.widthPx - 0.5);
  const offY = Math.abs((y + height / 2) / observation.heightPx - 0.5);
  return offX <= settings.centreShare / 2 && offY <= settings.centreShare / 2;
}

/** Another face of like size or larger, wherever it is: whose meal this is would be a guess. */
function hasRival(observation: FrameObservation, subject: ObservedFace, settings: IdentitySettings): boolean {
  const rivalSideMin = sideOf(subject.box) * settings.likeSizeMin;
  return observation.faces.some((face) => face !== subject && !(sideOf(face.box) < rivalSideMin));
}

/** What the person can do about a face that cannot be judged; null when it can. */
function qualityHint({ quality }: Pick<Face, "quality">, settings: IdentitySettings): LookHint | null {
  if (!(quality.eyeDistancePx >= settings.eyeDistancePxMin)) return "come-closer";
  const turned =
    !(Math.abs(quality.yawDeg) <= settings.yawDegMax) ||
    !(Math.abs(quality.pitchDeg) <= settings.pitchDegMax) ||
    !(Math.abs(quality.rollDeg) <= settings.rollDegMax);
  if (turned) return "look-here";
  if (!(quality.brightness >= settings.brightnessMin)) return "more-light";
  if (!(quality.sharpness >= settings.sharpnessMin)) return "hold-still";
  return quality.overall >= settings.qualityMin ? null : "look-here";
}

type Match =
  | Extract<Verdict, { kind: "doubt" }>
  | {
      readonly kind: "match";
      readonly personId: string;
      readonly similarity: number;
      /** Null when nobody else is enrolled. */
      readonly margin: number | null;
    };

function matchOf({ search, liveness }: ObservedFace, settings: IdentitySettings): Match {
  const { best, runnerUp } = search;
  const bestPersonId = best?.personId ?? null;
  if (settings.livenessMin !== 0 && !(liveness !== null && liveness >= settings.livenessMin))
    return { kind: "doubt", failure: "liveness", bestPersonId };
  if (best === null || !(best.similarity >= settings.similarityMin))
    return { kind: "doubt", failure: "unknown-face", bestPersonId };
  const margin = runnerUp === null ? null : best.similarity - runnerUp.similarity;
  if (margin !== null && !(margin >= settings.marginMin))
    return { kind: "doubt", failure: "ambiguous", bestPersonId };
  return { kind: "match", personId: best.personId, similarity: best.similarity, margin };
}

function extendRun(
  run: AgreeingRun | null,
  match: Extract<Match, { kind: "match" }> & { readonly model: string },
  capturedMono: MonoMs,
  settings: IdentitySettings,
): AgreeingRun {
  const { personId, similarity, margin, model } = match;
  const continues =
    run !== null &&
    run.personId === personId &&
    run.model === model &&
    capturedMono - run.lastCapturedMono <= settings.frameGapMsMax;
  if (!continues) return { personId, model, similarity, margin, frames: 1, lastCapturedMono: capturedMono };
  return {
    personId,
    model,
    similarity: Math.min(run.similarity, similarity),
    margin: leastMargin(run.margin, margin),
    frames: run.frames + 1,
    lastCapturedMono: capturedMono,
  };
}

function leastMargin(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.min(a, b);
}

function verdictOf(run: AgreeingRun, settings: IdentitySettings): Verdict {
  const { personId, model, similarity, margin, frames } = run;
  if (!(frames >= settings.framesToAgree)) return { kind: "agreeing", personId };
  return { kind: "identified", personId, decision: { model, similarity, margin, frames } };
}
