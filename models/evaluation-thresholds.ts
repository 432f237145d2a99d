/** Thresholds that an evaluation advises for a terminal. Pure. */

import { fnirAt, fpirAt, type Rate, type Scenario, similarityMinFor, type Trial } from "./evaluation.ts";

/** Target of the terminal's default thresholds, per visit. */
export const fpirDefault = 0.001;
/** More than any pack's margin: beyond it a lead says nothing more. */
const marginMax = 0.3;

export interface ThresholdSuggestion {
  readonly fpirTarget: number;
  readonly impostorTrials: number;
  readonly similarityMin: number;
  readonly marginMin: number;
  readonly fpir: Rate;
  readonly fnir: Rate;
}

/**
 * The threshold for the target alone, then the margin that costs at most a tenth of a point of the people who would
 * be accepted: the margin is there for look-alikes, whom this set hardly has.
 */
export function suggestThresholds(
  scenarios: readonly Scenario[],
  strangers: readonly Trial[],
): ThresholdSuggestion {
  const genuine = scenarios[0]?.genuine ?? [];
  const similarityMin = Math.ceil(similarityMinFor(strangers, fpirDefault) * 100) / 100;
  const base = fnirAt(genuine, similarityMin).value;
  let marginMin = 0;
  // Where everybody is missed anyway no margin costs anything: the cap ends the search.
  while (marginMin < marginMax && fnirAt(genuine, similarityMin, marginMin + 0.01).value <= base + 0.001)
    marginMin += 0.01;
  marginMin = Math.round(marginMin * 100) / 100;
  return {
    fpirTarget: fpirDefault,
    impostorTrials: strangers.length,
    similarityMin,
    marginMin,
    fpir: fpirAt(strangers, similarityMin, marginMin),
    fnir: fnirAt(genuine, similarityMin, marginMin),
  };
}
