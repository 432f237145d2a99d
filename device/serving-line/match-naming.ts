import {
  type ObservedFace,
  type ObservedSearch,
  runnerUpSimilarityFloor,
} from "../../models/face-engine-port.ts";
import type { IdentityBounds, PersonBar } from "../roster/identity-bounds-port.ts";
import type { LookFailure } from "./checkout-types.ts";
import type { IdentitySettings } from "./identity-decision.ts";

/** Whom one frame's face names, by the thresholds of this terminal and of that person. */

/** The nearest person by one model, with what the match must reach. */
export interface Named {
  readonly personId: string;
  readonly model: string;
  readonly similarity: number;
  /** Lead over the second-best person; null when nobody else was searched. */
  readonly margin: number | null;
  /** Over what the person's bar asks; negative where it falls short. */
  readonly similarityLead: number;
  readonly marginLead: number;
  /** Among those who eat at this meal, or nobody said who does. */
  readonly expected: boolean;
  /** Whom a camera cannot tell from this person, nearest first. */
  readonly lookAlikeIds: readonly string[];
}

export type Naming =
  | { readonly kind: "named"; readonly named: Named }
  | {
      readonly kind: "doubt";
      readonly failure: LookFailure;
      readonly bestPersonId: string | null;
      /** Somebody who fell short by little: no accept, and yet a word about who stands there. */
      readonly near: Named | null;
    };

/**
 * The primary pack speaks first. A side pack, which holds those who have not been enrolled anew, is heard by its own
 * thresholds where the primary one knows nobody; packs that name different people make it ambiguous, also where one of
 * them is torn between somebody else and a third: whoever is not in the other pack was never compared there.
 */
export function nameFace(face: ObservedFace, settings: IdentitySettings, bounds: IdentityBounds): Naming {
  const primary = judge(face.search, face.model, settings, bounds);
  if (primary.kind === "doubt" && primary.failure !== "unknown-face") return primary;
  const others = face.otherSearches.map(({ search, model }) => judge(search, model, settings, bounds));
  const named = [primary, ...others].filter((naming) => naming.kind === "named");
  const [first] = named;
  if (first === undefined) return others.find(isAmbiguous) ?? primary;
  const { personId } = first.named;
  const agree =
    named.every((naming) => naming.named.personId === personId) &&
    others.every((naming) => !isAmbiguous(naming) || naming.bestPersonId === personId);
  return agree ? first : doubt("ambiguous", personId, null);
}

function judge(
  search: ObservedSearch,
  model: string,
  settings: IdentitySettings,
  bounds: IdentityBounds,
): Naming {
  const { best } = search;
  if (best === null) return doubt("unknown-face", null, null);
  const { personId, similarity } = best;
  const bar = bounds.barOf(personId, model);
  const { rival, expected } = rivalOf(search);
  const lookAlikeIds = bar.lookAlikes.map((other) => other.personId);
  // Two who are alike by nature lead each other by nothing: they are asked, whoever of them is in front.
  const asked = rival !== null && lookAlikeIds.includes(rival.personId);
  const marginLead = asked ? 0 : similarity - (rival?.similarity ?? runnerUpSimilarityFloor) - bar.marginMin;
  const margin = rival === null ? null : similarity - rival.similarity;
  const similarityLead = isBar(bar) ? similarity - bar.similarityMin : Number.NaN;
  const named: Named = {
    personId,
    model,
    similarity,
    margin,
    similarityLead,
    marginLead,
    expected,
    lookAlikeIds,
  };
  const isNear = similarityLead >= -settings.nearMissMax && marginLead >= -settings.nearMissMax;
  const near = isNear ? named : null;
  if (!(similarityLead >= 0)) return doubt("unknown-face", personId, near);
  if (!(marginLead >= 0)) return doubt("ambiguous", personId, near);
  return { kind: "named", named };
}

/**
 * Against whom the best must lead: the next of those who eat at this meal, when the best is one of them. Somebody
 * else who comes first is measured against everybody; the nearest of the expected is then no match, however near,
 * for the one who comes first is likelier the one who stands there.
 */
function rivalOf({ best, runnerUp, expected }: ObservedSearch): {
  readonly rival: ObservedSearch["runnerUp"];
  readonly expected: boolean;
} {
  if (expected === null) return { rival: runnerUp, expected: true };
  const isExpected = best !== null && expected.best?.personId === best.personId;
  return { rival: isExpected ? expected.runnerUp : runnerUp, expected: isExpected };
}

/** A bar of 0 or of no number would let everybody pass or say nothing; neither is a bar. */
function isBar({ similarityMin, marginMin }: PersonBar): boolean {
  return similarityMin > 0 && similarityMin <= 1 && marginMin >= 0;
}

function isAmbiguous(naming: Naming): naming is Extract<Naming, { kind: "doubt" }> {
  return naming.kind === "doubt" && naming.failure === "ambiguous";
}

function doubt(failure: LookFailure, bestPersonId: string | null, near: Named | null): Naming {
  return { kind: "doubt", failure, bestPersonId, near };
}
