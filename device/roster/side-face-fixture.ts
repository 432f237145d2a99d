import type { ObservedFace } from "../../models/face-engine-port.ts";
import { MODEL } from "./roster-fixture.ts";

/** A frame's face as two packs see it, of somebody who was enrolled with the older one. For tests only. */

export const OLD = "old-model";

export interface FaceShape {
  readonly observationId?: string;
  readonly similarity?: number;
  readonly second?: number | null;
  readonly quality?: number;
  readonly liveness?: number | null;
  /** What the primary pack's gallery says. */
  readonly primary?: ObservedFace["search"];
}

/** What the new pack says of somebody who has no template of it. */
export const nobody: ObservedFace["search"] = { best: null, runnerUp: null, expected: null };

/** A face that the older pack names. */
export function sideFace(personId: string, shape: FaceShape): ObservedFace {
  const { similarity = 0.8, second = 0.3, quality = 0.7, liveness = null, primary = nobody } = shape;
  const best = { personId, similarity };
  const runnerUp = second === null ? null : { personId: "somebody", similarity: second };
  return {
    box: [0, 0, 100, 100],
    detectionScore: 0.99,
    landmarks: [
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ],
    quality: {
      overall: quality,
      eyeDistancePx: 80,
      yawDeg: 0,
      pitchDeg: 0,
      rollDeg: 0,
      sharpness: 100,
      brightness: 120,
    },
    liveness,
    model: MODEL,
    search: primary,
    otherSearches: [{ model: OLD, search: { best, runnerUp, expected: null } }],
  };
}
