import { assertNever } from "../platform/assert.ts";
import type { MonoMs } from "../platform/units.ts";
import { ask, identify, show, stay, to, wait } from "./checkout-moves.ts";
import type { Checkout, CheckoutSettings, InputOf, Offer, PhaseOf, Step } from "./checkout-types.ts";
import { type Evidence, type Verdict, weighFrame } from "./identity-decision.ts";

/** What a camera frame means in each phase that looks at them. */
export function onFrame(checkout: Checkout, input: InputOf<"frame">, settings: CheckoutSettings): Step {
  const { phase } = checkout;
  switch (phase.kind) {
    case "idle":
      return frameWhileIdle(checkout, phase, input, settings);
    case "looking":
      return frameWhileLooking(checkout, phase, input, settings);
    case "asking":
      return frameWhileAsking(checkout, phase, input, settings);
    case "confirming":
      return frameWhileConfirming(checkout, phase, input, settings);
    case "cooling-down":
      return frameWhileCoolingDown(checkout, phase, input, settings);
    case "closed":
    case "checking-pin":
    case "identified":
    case "committing":
    case "disputing":
    case "shown":
      return stay(checkout);
    default:
      return assertNever(phase);
  }
}

function frameWhileIdle(
  checkout: Checkout,
  phase: PhaseOf<"idle">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  // Looking without a press is agreed for fixed prices only; a plan could have changed since.
  if (settings.activation === "touch" || input.offer.period?.pricing.kind !== "fixed") return stay(checkout);
  const { evidence, verdict } = weighed(phase, input, settings);
  if (verdict.kind === "stale") return stay(checkout);
  if (verdict.kind === "unusable" || isAbsent(verdict)) return to(checkout, { ...phase, evidence });
  return judgeLook(
    checkout,
    {
      kind: "looking",
      offer: input.offer,
      pressed: false,
      evidence,
      startedMono: input.atMono,
      hint: null,
      absentFrames: 0,
    },
    verdict,
    input.atMono,
    settings,
  );
}

function weighed(
  { evidence }: { readonly evidence: Evidence },
  frame: InputOf<"frame">,
  { identity }: CheckoutSettings,
): ReturnType<typeof weighFrame> {
  return weighFrame(evidence, frame, frame.atMono, identity, frame.bounds);
}

function frameWhileLooking(
  checkout: Checkout,
  phase: PhaseOf<"looking">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  const { evidence, verdict } = weighed(phase, input, settings);
  if (verdict.kind === "stale") return stay(checkout);
  return judgeLook(checkout, { ...phase, evidence }, verdict, input.atMono, settings);
}

function judgeLook(
  checkout: Checkout,
  look: PhaseOf<"looking">,
  verdict: Verdict,
  atMono: MonoMs,
  settings: CheckoutSettings,
): Step {
  if (isNaming(verdict)) return nameOrAsk(checkout, look, verdict, atMono, settings);
  if (verdict.kind === "not-live")
    return show(checkout, { kind: "other-way", reason: "liveness" }, null, atMono);
  const absentFrames = isAbsent(verdict) ? look.absentFrames + 1 : 0;
  if (!look.pressed && absentFrames >= settings.absentFramesMin) return wait(checkout, atMono);
  const hint = verdict.kind === "hint" ? verdict.hint : verdict.kind === "nobody" ? "look-here" : null;
  return to(checkout, { ...look, hint, absentFrames });
}

type NamingVerdict = Extract<Verdict, { kind: "identified" | "look-alike" }>;

function isNaming(verdict: Verdict): verdict is NamingVerdict {
  return verdict.kind === "identified" || verdict.kind === "look-alike";
}

/** Somebody who cannot be told from another is asked, never charged on the camera's word. */
function nameOrAsk(
  checkout: Checkout,
  look: { readonly offer: Offer; readonly pressed: boolean },
  verdict: NamingVerdict,
  atMono: MonoMs,
  settings: CheckoutSettings,
): Step {
  const { personId, decision } = verdict;
  if (verdict.kind === "look-alike") {
    const { lookAlikeIds } = verdict;
    return ask(checkout, look, { matchedPersonId: personId, lookAlikeIds, decision }, atMono, settings);
  }
  return identify(checkout, look.offer, {
    personId,
    method: "face",
    activation: look.pressed ? "touch" : "presence",
    decision,
    question: null,
  });
}

/** Who came in front of somebody who was asked did not press, and begins now: with what is sold now. */
function steppedIn({ offer }: InputOf<"frame">): { readonly offer: Offer; readonly pressed: boolean } {
  return { offer, pressed: false };
}

/** The question is about whoever was seen: when clearly somebody else is in front, or nobody is, it is over. */
function frameWhileAsking(
  checkout: Checkout,
  phase: PhaseOf<"asking">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  const { evidence, verdict } = weighed(phase, input, settings);
  if (verdict.kind === "stale") return stay(checkout);
  const { matchedPersonId, lookAlikeIds } = phase.question;
  const asked = [matchedPersonId, ...lookAlikeIds];
  if (isNaming(verdict) && !asked.includes(verdict.personId))
    return nameOrAsk(checkout, steppedIn(input), verdict, input.atMono, settings);
  const absentFrames = isAbsent(verdict) ? phase.absentFrames + 1 : 0;
  // Who pressed may have turned away to find the card; in presence mode nobody there means nobody asked.
  if (!phase.pressed && absentFrames >= settings.absentFramesMin) return wait(checkout, input.atMono);
  return to(checkout, { ...phase, evidence, absentFrames });
}

/** Another finger could press for the one who was recognised: when somebody else is in front, they are asked anew. */
function frameWhileConfirming(
  checkout: Checkout,
  phase: PhaseOf<"confirming">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  if (phase.identity.method !== "face") return stay(checkout);
  const { evidence, verdict } = weighed(phase, input, settings);
  if (isNaming(verdict) && verdict.personId !== phase.identity.personId)
    return nameOrAsk(checkout, steppedIn(input), verdict, input.atMono, settings);
  return to(checkout, { ...phase, evidence });
}

/**
 * The Xi'an case: whoever was served stays in the picture, and faces shift behind. The next look begins when the
 * place was seen empty, when another enrolled person is clearly in front, or when a clearly other face is.
 */
function frameWhileCoolingDown(
  checkout: Checkout,
  phase: PhaseOf<"cooling-down">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  const { evidence, verdict } = weighed(phase, input, settings);
  if (verdict.kind === "stale") return stay(checkout);
  const absentFrames = isAbsent(verdict) ? phase.absentFrames + 1 : 0;
  if (absentFrames >= settings.absentFramesMin) return wait(checkout, input.atMono);
  const agreed = input.offer.period?.pricing.kind === "fixed" && !phase.emptyFirst;
  if (agreed && isNaming(verdict) && !isServed(verdict, phase.personId))
    return nameOrAsk(checkout, steppedIn(input), verdict, input.atMono, settings);
  const strangerFrames = isStranger(verdict, phase.personId) ? phase.strangerFrames + 1 : 0;
  if (strangerFrames >= settings.identity.framesToAgree) return wait(checkout, input.atMono);
  return to(checkout, { ...phase, evidence, absentFrames, strangerFrames });
}

/** Nobody in front; small faces far behind are the queue or the hall. */
function isAbsent(verdict: Verdict): boolean {
  return verdict.kind === "nobody" || (verdict.kind === "hint" && verdict.hint === "come-closer");
}

/** The one who was served, or who cannot be told from them: they must leave first. */
function isServed(verdict: NamingVerdict, servedPersonId: string | null): boolean {
  if (servedPersonId === null) return false;
  if (verdict.personId === servedPersonId) return true;
  return verdict.kind === "look-alike" && verdict.lookAlikeIds.includes(servedPersonId);
}

/** A good picture of a face that looks like somebody else before it looks like the one who was served. */
function isStranger(verdict: Verdict, servedPersonId: string | null): boolean {
  return (
    servedPersonId !== null &&
    verdict.kind === "doubt" &&
    verdict.failure === "unknown-face" &&
    verdict.bestPersonId !== servedPersonId
  );
}
