import type { FrameObservation } from "../../models/face-engine-port.ts";
import type { IdentityBounds, MatchThresholds, PersonBar } from "../roster/identity-bounds-port.ts";

/**
 * The bounds of everyone whom a frame may name, as of now: the machine that weighs the frame reads no database, and
 * a fault of the disk comes up before it, not inside.
 */
export function boundsOfFrame({ faces }: FrameObservation, bounds: IdentityBounds): IdentityBounds {
  const thresholds = new Map<string, MatchThresholds>();
  const bars = new Map<string, PersonBar>();
  for (const face of faces) {
    for (const { model, search } of [{ model: face.model, search: face.search }, ...face.otherSearches]) {
      thresholds.set(model, bounds.thresholds(model));
      if (search.best !== null)
        bars.set(keyOf(search.best.personId, model), bounds.barOf(search.best.personId, model));
    }
  }
  return {
    thresholds: (model) => thresholds.get(model) ?? unreachable(model),
    barOf: (personId, model) => bars.get(keyOf(personId, model)) ?? { ...unreachable(model), lookAlikes: [] },
  };
}

const keyOf = (personId: string, model: string): string => JSON.stringify([personId, model]);

/** Of whoever is not in the frame: no match reaches it. */
function unreachable(model: string): MatchThresholds {
  return { model, similarityMin: 1, marginMin: 2, source: "configured", targetMet: false };
}
