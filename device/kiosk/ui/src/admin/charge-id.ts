/** Long enough to see that no answer came and to press again; the next meal is another charge. */
const UNANSWERED_MS_MAX = 600_000;

/** By person, of charges whose answer has not come. */
const unanswered = new Map<string, { readonly chargeId: string; readonly sinceMs: number }>();

/**
 * Id of the charge that is meant by a press. Until an answer comes it is the same one, whichever dialog it is pressed in:
 * the terminal may have charged and the answer may be lost.
 */
export function chargeIdFor(personId: string): string {
  const nowMs = performance.now();
  const known = unanswered.get(personId);
  if (known !== undefined && nowMs - known.sinceMs <= UNANSWERED_MS_MAX) return known.chargeId;
  const chargeId = crypto.randomUUID();
  unanswered.set(personId, { chargeId, sinceMs: nowMs });
  return chargeId;
}

export const chargeAnswered = (personId: string): void => void unanswered.delete(personId);
