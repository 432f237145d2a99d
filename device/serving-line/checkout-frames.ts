import { assertNever } from "../platform/assert.ts";
import type { MonoMs } from "../platform/units.ts";
import { identify, stay, to, wait } from "./checkout-moves.ts";
import type { Checkout, CheckoutSettings, InputOf, PhaseOf, Step } from "./checkout-types.ts";
import { type Verdict, weighFrame } from "./identity-decision.ts";

/** What a camera frame means in each phase that looks at them. */
export function onFrame(checkout: Checkout, input: InputOf<"frame">, settings: CheckoutSettings): Step {
  const { phase } = checkout;
  switch (phase.kind) {
    case "idle":
      return frameWhileIdle(checkout, phase, input, settings);
    case "looking":
      return frameWhileLooking(checkout, phase, input, settings);
    case "confirming":
      return frameWhileConfirming(checkout, phase, input, settings);
    case "cooling-down":
      return frameWhileCoolingDown(checkout, phase, input, settings);
    case "closed":
    case "checking-pin":
    case "identified":
    case "committing":
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
  const { evidence, verdict } = weighFrame(phase.evidence, input, input.atMono, settings.identity);
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

function frameWhileLooking(
  checkout: Checkout,
  phase: PhaseOf<"looking">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  const { evidence, verdict } = weighFrame(phase.evidence, input, input.atMono, settings.identity);
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
  if (verdict.kind === "identified")
    return identify(checkout, look.offer, {
      personId: verdict.personId,
      method: "face",
      activation: look.pressed ? "touch" : "presence",
      decision: verdict.decision,
    });
  const absentFrames = isAbsent(verdict) ? look.absentFrames + 1 : 0;
  if (!look.pressed && absentFrames >= settings.absentFramesMin) return wait(checkout, atMono);
  const hint = verdict.kind === "hint" ? verdict.hint : verdict.kind === "nobody" ? "look-here" : null;
  return to(checkout, { ...look, hint, absentFrames });
}

/** Another finger could press for the one who was recognised: when somebody else is in front, they are asked anew. */
function frameWhileConfirming(
  checkout: Checkout,
  phase: PhaseOf<"confirming">,
  input: InputOf<"frame">,
  settings: CheckoutSettings,
): Step {
  if (phase.identity.method !== "face") return stay(checkout);
  const { evidence, verdict } = weighFrame(phase.evidence, input, input.atMono, settings.identity);
  if (verdict.kind === "identified" && verdict.personId !== phase.identity.personId)
    return identify(checkout, phase.offer, {
      ...phase.identity,
      personId: verdict.personId,
      decision: verdict.decision,
    });
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
  const { evidence, verdict } = weighFrame(phase.evidence, input, input.atMono, settings.identity);
  if (verdict.kind === "stale") return stay(checkout);
  const absentFrames = isAbsent(verdict) ? phase.absentFrames + 1 : 0;
  if (absentFrames >= settings.absentFramesMin) return wait(checkout, input.atMono);
  const agreed = input.offer.period?.pricing.kind === "fixed";
  if (agreed && verdict.kind === "identified" && verdict.personId !== phase.personId)
    return identify(checkout, input.offer, {
      personId: verdict.personId,
      method: "face",
      activation: "presence",
      decision: verdict.decision,
    });
  const strangerFrames = isStranger(verdict, phase.personId) ? phase.strangerFrames + 1 : 0;
  if (strangerFrames >= settings.identity.framesToAgree) return wait(checkout, input.atMono);
  return to(checkout, { ...phase, evidence, absentFrames, strangerFrames });
}

/** Nobody in front; small faces far behind are the queue or the hall. */
function isAbsent(verdict: Verdict): boolean {
  return verdict.kind === "nobody" || (verdict.kind === "hint" && verdict.hint === "come-closer");
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
