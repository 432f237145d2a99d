import type { Face, ImageAnalysis } from "../../models/face-engine-port.ts";
import type { ShotProblem } from "./enrolment-port.ts";

/** What a shot has to reach; plain values from the configuration and the model's card. */
export interface ShotLimits {
  readonly eyeDistancePxMin: number;
  /** Each of yaw, pitch and roll. */
  readonly angleDegMax: number;
  readonly brightnessMin: number;
  readonly brightnessMax: number;
  readonly sharpnessMin: number;
  readonly qualityMin: number;
  /** 0 switches the check off; so does a model pack without liveness. */
  readonly livenessMin: number;
  /** A second face counts when its box is at least this part of the largest. */
  readonly secondFaceAreaMin: number;
  /** Least similarity to the first accepted shot. */
  readonly samePersonSimilarityMin: number;
}

export type ShotVerdict =
  | { readonly problem: ShotProblem; readonly face: Face | null }
  | { readonly problem: null; readonly face: Face };

/**
 * The first problem of a shot, in the order of `ShotProblem`.
 * @param first embedding of the first accepted shot, if there is one.
 */
export function checkShot(
  analysis: ImageAnalysis,
  first: Float32Array | undefined,
  limits: ShotLimits,
): ShotVerdict {
  const [face, ...others] = analysis.faces;
  if (face === undefined) return { problem: "no-face", face: null };
  if (others.some((other) => area(other) >= area(face) * limits.secondFaceAreaMin)) {
    return { problem: "several-faces", face };
  }
  const problem = problemOf(face, first, limits);
  return problem === null ? { problem, face } : { problem, face };
}

function problemOf(face: Face, first: Float32Array | undefined, limits: ShotLimits): ShotProblem | null {
  const { eyeDistancePx, yawDeg, pitchDeg, rollDeg, brightness, sharpness, overall } = face.quality;
  // Written so that a value that is no number fails.
  if (!(eyeDistancePx >= limits.eyeDistancePxMin)) return "face-too-small";
  if (![yawDeg, pitchDeg, rollDeg].every((angle) => Math.abs(angle) <= limits.angleDegMax))
    return "turned-away";
  if (!(brightness >= limits.brightnessMin)) return "too-dark";
  if (!(brightness <= limits.brightnessMax)) return "too-bright";
  if (!(sharpness >= limits.sharpnessMin)) return "blurred";
  if (!(overall >= limits.qualityMin)) return "low-quality";
  if (limits.livenessMin > 0 && face.liveness !== null && !(face.liveness >= limits.livenessMin)) {
    return "not-live";
  }
  if (first !== undefined && !(similarity(first, face.embedding) >= limits.samePersonSimilarityMin)) {
    return "other-person-than-first-shot";
  }
  return null;
}

const area = ({ box: [, , width, height] }: Face): number => width * height;

/** Dot product of two normalised embeddings, −1…1. @returns NaN when their lengths differ. */
function similarity(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}
