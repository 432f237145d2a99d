import type { GalleryCalibration, LookAlikePair } from "../../models/calibration/calibration-port.ts";
import type {
  DisputeBook,
  IdentityBounds,
  LookAlike,
  MatchThresholds,
  PersonBar,
} from "./identity-bounds-port.ts";

export interface GalleryBoundsOptions {
  readonly disputes: DisputeBook;
  /** What holds for a model until its gallery was calibrated: the stricter of its default and the configured. */
  readonly uncalibrated: (model: string) => { readonly similarityMin: number; readonly marginMin: number };
  /** A person's bar is never raised above this by disputes. */
  readonly disputedSimilarityMax: (model: string) => number;
}

/** Above the disputed similarity: the next frame of the wrong person may be a little better than the one that was. */
const DISPUTE_STEP = 0.03;
/** Names to choose between on a small screen. */
const LOOK_ALIKES_SHOWN_MAX = 8;

/**
 * The bounds of this terminal: thresholds and look-alikes of the last calibration, what single changes to the gallery
 * brought since, and the disputes.
 */
export class GalleryBounds implements IdentityBounds {
  readonly #options: GalleryBoundsOptions;
  readonly #calibrations = new Map<string, GalleryCalibration>();
  /** By model: whose templates came or changed since the gallery was read for that calibration. */
  readonly #changed = new Map<string, Set<string>>();
  /** By model, then by person: their look-alikes and how near these are. */
  readonly #lookAlikes = new Map<string, Map<string, Map<string, number>>>();

  constructor(options: GalleryBoundsOptions) {
    this.#options = options;
  }

  thresholds(model: string): MatchThresholds {
    const calibration = this.#calibrations.get(model);
    if (calibration === undefined)
      return { model, ...this.#options.uncalibrated(model), source: "configured", targetMet: false };
    const { similarityMin, marginMin, targetMet, peopleCount } = calibration;
    // What keeps strangers out among ten people lets them in among a thousand.
    if ((this.#changed.get(model)?.size ?? 0) > peopleCount) {
      const least = this.#options.uncalibrated(model);
      return {
        model,
        similarityMin: Math.max(similarityMin, least.similarityMin),
        marginMin: Math.max(marginMin, least.marginMin),
        source: "configured",
        targetMet: false,
      };
    }
    return { model, similarityMin, marginMin, source: "calibrated", targetMet };
  }

  barOf(personId: string, model: string): PersonBar {
    const thresholds = this.thresholds(model);
    const disputes = this.#options.disputes.disputesOf(personId);
    const raisedBy = disputes.filter((dispute) => dispute.personId === personId && dispute.model === model);
    const cap = Math.max(thresholds.similarityMin, this.#options.disputedSimilarityMax(model));
    const disputed = raisedBy.map(({ similarity }) => Math.min(similarity + DISPUTE_STEP, cap));
    const similarityMin = Math.max(thresholds.similarityMin, ...disputed.filter(Number.isFinite));
    const others = new Set<string>();
    for (const { personId: matched, otherPersonId } of disputes) {
      const other = matched === personId ? otherPersonId : matched;
      if (other !== null && other !== personId) others.add(other);
    }
    return { ...thresholds, similarityMin, lookAlikes: nearestFirst(this.#near(personId, model), others) };
  }

  /**
   * By any pack: while packs change, two who are alike may be in one gallery together and in the other one of them alone,
   * who would then be named without a rival. Similarities of the pack that is asked go first.
   */
  #near(personId: string, model: string): ReadonlyMap<string, number> {
    const near = new Map<string, number>();
    for (const [of, pairs] of this.#lookAlikes) {
      for (const [other, similarity] of pairs.get(personId) ?? [])
        if (of === model || !near.has(other)) near.set(other, similarity);
    }
    return near;
  }

  /** Whom one pack cannot tell from somebody; null before that pack's gallery was calibrated. */
  lookAlikesOf(personId: string, model: string): readonly string[] | null {
    if (!this.#calibrations.has(model)) return null;
    return [...(this.#lookAlikes.get(model)?.get(personId)?.keys() ?? [])];
  }

  /**
   * Takes the place of everything that was known of this model's gallery.
   * @param changed whose templates came or changed while it was calculated.
   */
  calibrated(calibration: GalleryCalibration, changed: ReadonlySet<string> = new Set()): void {
    this.#calibrations.set(calibration.model, calibration);
    this.#changed.set(calibration.model, new Set(changed));
    this.#lookAlikes.set(calibration.model, new Map());
    for (const pair of calibration.lookAlikes) this.addPair(calibration.model, pair);
  }

  /** Somebody's templates of this model came or changed; while these are many, a calibration without them is none. */
  changed(personId: string, model: string): void {
    const ofModel = this.#changed.get(model);
    if (ofModel === undefined) this.#changed.set(model, new Set([personId]));
    else ofModel.add(personId);
  }

  /** From this similarity on two people of this model's gallery are look-alikes. */
  lookAlikeMin(model: string): number {
    return this.#calibrations.get(model)?.lookAlikeMin ?? this.thresholds(model).similarityMin;
  }

  calibration(model: string): GalleryCalibration | null {
    return this.#calibrations.get(model) ?? null;
  }

  /** A pair that a single change brought, until the next calibration looks at everybody again. */
  addPair(model: string, { personIds: [a, b], similarity }: LookAlikePair): void {
    const ofModel = this.#lookAlikes.get(model) ?? new Map<string, Map<string, number>>();
    this.#lookAlikes.set(model, ofModel);
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const near = ofModel.get(one) ?? new Map<string, number>();
      near.set(other, similarity);
      ofModel.set(one, near);
    }
  }

  /** Somebody's templates of this model were replaced or removed: what was known of their likeness no longer holds. */
  forget(personId: string, model: string): void {
    const ofModel = this.#lookAlikes.get(model);
    for (const other of ofModel?.get(personId)?.keys() ?? []) {
      const near = ofModel?.get(other);
      near?.delete(personId);
      if (near?.size === 0) ofModel?.delete(other);
    }
    ofModel?.delete(personId);
  }

  /** All pairs that are known now, nearest first. */
  pairs(model: string): readonly LookAlikePair[] {
    const pairs: LookAlikePair[] = [];
    for (const [one, near] of this.#lookAlikes.get(model) ?? []) {
      for (const [other, similarity] of near)
        if (one < other) pairs.push({ personIds: [one, other], similarity });
    }
    return pairs.sort((a, b) => b.similarity - a.similarity);
  }
}

function nearestFirst(
  near: ReadonlyMap<string, number>,
  disputed: ReadonlySet<string>,
): readonly LookAlike[] {
  const found: LookAlike[] = [...near].map(([personId, similarity]) => ({
    personId,
    similarity,
    source: disputed.has(personId) ? "disputed" : "gallery",
  }));
  for (const personId of disputed) {
    if (!near.has(personId)) found.push({ personId, similarity: null, source: "disputed" });
  }
  // Who was taken for whom is known for certain; how alike two templates are is not.
  const rank = ({ source, similarity }: LookAlike): number =>
    (source === "disputed" ? 2 : 0) + (similarity ?? 1);
  return found.sort((a, b) => rank(b) - rank(a)).slice(0, LOOK_ALIKES_SHOWN_MAX);
}

/** For a terminal whose disputes are not kept (the demo of an older data folder, tests). */
export const NO_DISPUTES: DisputeBook = { disputesOf: () => [] };
