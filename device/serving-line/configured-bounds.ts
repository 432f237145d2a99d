import type { FrameObservation } from "../../models/face-engine-port.ts";
import type {
  DisputeBook,
  IdentityBounds,
  LookAlike,
  MatchThresholds,
  PersonBar,
} from "../roster/identity-bounds-port.ts";

/** What a disputed match must exceed from then on: the likeness that misled once must not do so again. */
const DISPUTED_LEAD = 0.02;
/** Nobody's bar goes higher, or a few presses would keep somebody from ever paying by face. */
const DISPUTED_SIMILARITY_MAX = 0.85;

export interface ConfiguredThresholds {
  readonly similarityMin: number;
  readonly marginMin: number;
}

/** The configuration's thresholds for everybody and every model, and what disputes add for those whom they concern. */
export class ConfiguredBounds implements IdentityBounds {
  readonly #configured: ConfiguredThresholds;
  readonly #disputes: DisputeBook;

  constructor(configured: ConfiguredThresholds, disputes: DisputeBook) {
    this.#configured = configured;
    this.#disputes = disputes;
  }

  thresholds(model: string): MatchThresholds {
    const { similarityMin, marginMin } = this.#configured;
    return { model, similarityMin, marginMin, source: "configured", targetMet: false };
  }

  barOf(personId: string, model: string): PersonBar {
    const thresholds = this.thresholds(model);
    const disputes = this.#disputes.disputesOf(personId);
    const mistaken = disputes.filter((dispute) => dispute.personId === personId && dispute.model === model);
    const raised = Math.max(0, ...mistaken.map(({ similarity }) => similarity + DISPUTED_LEAD));
    const others = new Set(
      disputes.flatMap(({ personId: matched, otherPersonId }) =>
        otherPersonId === null ? [] : [matched === personId ? otherPersonId : matched],
      ),
    );
    const lookAlikes = [...others].map(
      (other): LookAlike => ({ personId: other, similarity: null, source: "disputed" }),
    );
    const similarityMin = Math.max(thresholds.similarityMin, Math.min(raised, DISPUTED_SIMILARITY_MAX));
    return { ...thresholds, similarityMin, lookAlikes };
  }
}

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
