import type { Config } from "./config/schema.ts";
import type { EnrolmentLimits } from "./roster/enrolment.ts";
import { LIVENESS_DEFAULTS, livenessSettings } from "./serving-line/liveness-check.ts";
import type { TerminalEngine } from "./terminal-engine.ts";

/** Stricter than at the till: a template is compared a thousand times, a frame once. */
export function enrolmentLimits(
  face: Config["face"],
  { bounds, engine }: Pick<TerminalEngine, "bounds" | "engine">,
): EnrolmentLimits {
  return {
    eyeDistancePxMin: 40,
    angleDegMax: 35,
    brightnessMin: 50,
    brightnessMax: 215,
    sharpnessMin: 25,
    qualityMin: face.enrolQualityMin,
    // An operator stands beside an enrolment: a low score alone is no reason to send a child away.
    livenessMin: livenessSettings(face).level === "strict" ? LIVENESS_DEFAULTS.scoreMin : 0,
    secondFaceAreaMin: 0.25,
    samePersonSimilarityMin: bounds.thresholds(engine.model).similarityMin,
    shotCountMin: 3,
    shotCountMax: 5,
    duplicateSimilarityMin: (model) => bounds.lookAlikeMin(model),
    sessionCountMax: 16,
    sessionIdleMsMax: 600_000,
  };
}
