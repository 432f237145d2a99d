import type {
  Box,
  Face,
  FrameObservation,
  ObservedFace,
  SearchResult,
} from "../../models/face-engine-port.ts";
import type { IdentitySettings } from "./identity-decision.ts";
import type { LookHint } from "./serving-line-port.ts";

/** Whether a frame's numbers can be, who of its faces stands in front, and what spoils the picture. */

/** The dot product of two normalised vectors in float32 may be a little over 1. */
const SIMILARITY_SLACK = 1e-3;

export function isPlausible(observation: FrameObservation): boolean {
  return (
    isPositive(observation.widthPx) &&
    isPositive(observation.heightPx) &&
    observation.faces.every(isPlausibleFace)
  );
}

function isPlausibleFace(face: ObservedFace): boolean {
  const { box, detectionScore, quality, liveness, search, otherSearches } = face;
  return (
    box.every(Number.isFinite) &&
    isPositive(box[2]) &&
    isPositive(box[3]) &&
    Number.isFinite(sideOf(box)) &&
    isShare(detectionScore) &&
    isShare(quality.overall) &&
    Object.values(quality).every(Number.isFinite) &&
    (liveness === null || isShare(liveness)) &&
    [{ model: face.model, search }, ...otherSearches].every(
      ({ model, search: answer }) =>
        model.length > 0 &&
        isPlausibleSearch(answer) &&
        (answer.expected === null || isPlausibleSearch(answer.expected)),
    )
  );
}

function isPlausibleSearch({ best, runnerUp }: SearchResult): boolean {
  return (
    [best, runnerUp].every(
      (candidate) =>
        candidate === null ||
        (candidate.personId.length > 0 && Math.abs(candidate.similarity) <= 1 + SIMILARITY_SLACK),
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
export function subjectOf(observation: FrameObservation, settings: IdentitySettings): ObservedFace | null {
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
export function hasRival(
  observation: FrameObservation,
  subject: ObservedFace,
  settings: IdentitySettings,
): boolean {
  const rivalSideMin = sideOf(subject.box) * settings.likeSizeMin;
  return observation.faces.some((face) => face !== subject && !(sideOf(face.box) < rivalSideMin));
}

/** What the person can do about a face that cannot be judged; null when it can. */
export function qualityHint({ quality }: Pick<Face, "quality">, settings: IdentitySettings): LookHint | null {
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
