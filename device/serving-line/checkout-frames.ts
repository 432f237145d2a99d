import { assertNever } from "../platform/assert.ts";
import type { MonoMs } from "../platform/units.ts";
import { ask, identify, show, stay, to, wait } from "./checkout-moves.ts";
import type {
  Checkout,
  CheckoutSettings,
  Identity,
  InputOf,
  Offer,
  PhaseOf,
  Step,
} from "./checkout-types.ts";
import {
  type Evidence,
  isNaming,
  type NamingVerdict,
  namedUnlessPicture,
  noEvidence,
  type Verdict,
  weighFrame,
  withoutQuestion,
} from "./identity-decision.ts";
import { LIVENESS_CHALLENGES } from "./liveness-check.ts";

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
  return judgeLook(checkout, unpressedLook(input, evidence), verdict, input.atMono, settings);
}

/** Who came without a press begins with what is sold now. */
function unpressedLook({ offer, atMono }: InputOf<"frame">, evidence: Evidence): PhaseOf<"looking"> {
  const began = { startedMono: atMono, hint: null, absentFrames: 0 };
  return { kind: "looking", offer, pressed: false, evidence, ...began };
}

function weighed(
  { evidence }: { readonly evidence: Evidence },
  frame: InputOf<"frame">,
  { identity }: CheckoutSettings,
): ReturnType<typeof weighFrame> {
  return weighFrame(evidence, frame, frame.atMono, identity, frame.bounds);
}

/**
 * While something else is on the screen nobody can be asked to blink or turn.
 * @returns `unproven`: who is named, and would be asked.
 */
function weighedUnasked(
  phase: { readonly evidence: Evidence },
  frame: InputOf<"frame">,
  settings: CheckoutSettings,
): ReturnType<typeof weighFrame> & { readonly unproven: NamingVerdict | null } {
  const { evidence, verdict } = weighed(phase, frame, settings);
  const isAsked = verdict.kind === "hint" && LIVENESS_CHALLENGES.some((kind) => kind === verdict.hint);
  const unproven = isAsked ? namedUnlessPicture(evidence, settings.identity) : null;
  return { evidence: withoutQuestion(evidence), verdict, unproven };
}

function frameWhileLooking(
  checkout: Checkout,
  phase: PhaseOf<"looking">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  const { evidence, verdict } = weighed(phase, input, settings);
  if (verdict.kind === "stale") return stay(checkout);
  if (!phase.pressed && isAnswerOfAnother(phase.evidence, evidence)) return lookAtNext(checkout, input);
  return judgeLook(checkout, { ...phase, evidence }, verdict, input.atMono, settings);
}

/** Somebody was asked to blink or turn, and another is named now: with the rest of that time they could not answer. */
function isAnswerOfAnother(before: Evidence, now: Evidence): boolean {
  return before.liveness.challenge !== null && before.namedId !== now.namedId;
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

/** Where they may turn out to be no live face: they are looked at anew, on a screen that can ask them. */
function lookAtNext(checkout: Checkout, input: InputOf<"frame">): Step {
  return to(checkout, unpressedLook(input, noEvidence(input.atMono)));
}

/** The question is about whoever was seen: when clearly somebody else is in front, or nobody is, it is over. */
function frameWhileAsking(
  checkout: Checkout,
  phase: PhaseOf<"asking">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  const { evidence, verdict, unproven } = weighedUnasked(phase, input, settings);
  if (verdict.kind === "stale") return stay(checkout);
  const { matchedPersonId, lookAlikeIds } = phase.question;
  const asked = [matchedPersonId, ...lookAlikeIds];
  if (isNaming(verdict) && !asked.includes(verdict.personId))
    return nameOrAsk(checkout, steppedIn(input), verdict, input.atMono, settings);
  if (unproven !== null && !asked.includes(unproven.personId)) return lookAtNext(checkout, input);
  const absentFrames = isAbsent(verdict) ? phase.absentFrames + 1 : 0;
  // Who pressed may have turned away to find the card; in presence mode nobody there means nobody asked.
  if (!phase.pressed && absentFrames >= settings.absentFramesMin) return wait(checkout, input.atMono);
  return to(checkout, { ...phase, evidence, absentFrames });
}

/**
 * Another finger could press for the one who was recognised: when somebody else is in front, they are asked anew, and when
 * it is nobody who is known, nobody is. An empty picture ends nothing: who looks down at the button has no face.
 */
function frameWhileConfirming(
  checkout: Checkout,
  phase: PhaseOf<"confirming">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  if (phase.identity.method !== "face") return stay(checkout);
  const { evidence, verdict, unproven } = weighedUnasked(phase, input, settings);
  if (verdict.kind === "stale") return stay(checkout);
  const asked = peopleAsked(phase.identity);
  if (isNaming(verdict) && !asked.includes(verdict.personId))
    return nameOrAsk(checkout, steppedIn(input), verdict, input.atMono, settings);
  if (unproven !== null && !asked.includes(unproven.personId)) return lookAtNext(checkout, input);
  const strangerFrames = isStranger(verdict, asked) ? phase.strangerFrames + 1 : 0;
  if (strangerFrames >= settings.identity.framesToAgree) return wait(checkout, input.atMono);
  return to(checkout, { ...phase, evidence, strangerFrames });
}

/** Whoever of those who look alike was named, the camera may well see the other. */
function peopleAsked({ personId, question }: Identity): readonly string[] {
  return question === null ? [personId] : [personId, question.matchedPersonId, ...question.lookAlikeIds];
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
  const { evidence, verdict, unproven } = weighedUnasked(phase, input, settings);
  if (verdict.kind === "stale") return stay(checkout);
  const absentFrames = isAbsent(verdict) ? phase.absentFrames + 1 : 0;
  if (absentFrames >= settings.absentFramesMin) return wait(checkout, input.atMono);
  const agreed = input.offer.period?.pricing.kind === "fixed" && !phase.emptyFirst;
  if (agreed && isNaming(verdict) && !isServed(verdict, phase.personId))
    return nameOrAsk(checkout, steppedIn(input), verdict, input.atMono, settings);
  if (agreed && unproven !== null && !isServed(unproven, phase.personId)) return lookAtNext(checkout, input);
  const isOther = phase.personId !== null && isStranger(verdict, [phase.personId]);
  const strangerFrames = isOther ? phase.strangerFrames + 1 : 0;
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

/** A good picture of a face that looks like somebody else before it looks like one of these. */
function isStranger(verdict: Verdict, personIds: readonly string[]): boolean {
  return (
    verdict.kind === "doubt" &&
    verdict.failure === "unknown-face" &&
    (verdict.bestPersonId === null || !personIds.includes(verdict.bestPersonId))
  );
}
