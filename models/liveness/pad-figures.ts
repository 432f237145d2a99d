/** Error rates of presentation attack detection as ISO/IEC 30107-3 defines them. */

import { type Rate, rateOf } from "../evaluation.ts";

/** One presentation: what it was and the score of its frames together, 0 (attack) … 1 (live); null: no answer. */
export interface Presentation {
  /** `live` for a bona fide one, else the kind (species) of attack. */
  readonly kind: string;
  readonly score: number | null;
}

export interface PadFigures {
  readonly scoreMin: number;
  /** Bona fide presentations that are called attacks, of those that were answered. */
  readonly bpcer: Rate;
  /** Attacks that are called live, for each kind; the standard asks for the worst, not for their mean. */
  readonly apcer: Readonly<Record<string, Rate>>;
  readonly apcerMax: number;
  /** Presentations without an answer (no face was found): BPNRR and APNRR's counts. */
  readonly unanswered: { readonly live: number; readonly attacks: number };
}

export const bonaFide = "live";

export function padFigures(presentations: readonly Presentation[], scoreMin: number): PadFigures {
  const byKind = Map.groupBy(presentations, ({ kind }) => kind);
  const answered = (kind: string) =>
    (byKind.get(kind) ?? []).flatMap(({ score }) => (score === null ? [] : [score]));
  const live = answered(bonaFide);
  const kinds = [...byKind.keys()].filter((kind) => kind !== bonaFide).sort();
  const apcer = Object.fromEntries(
    kinds.map((kind) => {
      const scores = answered(kind);
      return [kind, rateOf(scores.filter((score) => score >= scoreMin).length, scores.length)];
    }),
  );
  const unanswered = presentations.filter(({ score }) => score === null);
  return {
    scoreMin,
    // Not "score < scoreMin": a score that is no number is no sign of life.
    bpcer: rateOf(live.filter((score) => !(score >= scoreMin)).length, live.length),
    apcer,
    apcerMax: Math.max(0, ...Object.values(apcer).map(({ value }) => value)),
    unanswered: {
      live: unanswered.filter(({ kind }) => kind === bonaFide).length,
      attacks: unanswered.filter(({ kind }) => kind !== bonaFide).length,
    },
  };
}

/** The largest mark at which no more than `bpcerMax` of the live are called attacks: for comparing models. */
export function scoreMinForBpcer(presentations: readonly Presentation[], bpcerMax: number): number {
  const rising = presentations
    .flatMap(({ kind, score }) => (kind === bonaFide && score !== null ? [score] : []))
    .sort((a, b) => a - b);
  return rising[Math.floor(bpcerMax * rising.length)] ?? 0;
}
