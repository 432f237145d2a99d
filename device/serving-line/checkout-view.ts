import { assertNever } from "../platform/assert.ts";
import type { Checkout } from "./checkout-types.ts";
import type { Activation, CheckoutView } from "./serving-line-port.ts";

/** What the diner's screen shows for a state of the machine. "Paid" exists only as an answer of the cashier. */
export function viewOf({ phase, cameraLost }: Checkout, activation: Activation): CheckoutView {
  switch (phase.kind) {
    case "closed":
      return { kind: "closed", reason: phase.reason };
    case "idle":
    case "cooling-down":
      // Without a camera, nobody who only stands there would ever be seen; with a press, the press says so.
      return cameraLost !== null && activation === "presence"
        ? { kind: "other-way", reason: cameraLost }
        : { kind: "idle" };
    case "checking-pin":
      return { kind: "idle" };
    case "looking":
      return { kind: "looking", hint: phase.hint };
    case "identified":
    case "committing":
    case "disputing":
      return { kind: "looking", hint: null };
    case "confirming": {
      const { personId, method } = phase.identity;
      return { kind: "confirm", ...phase.payable, personId, disputable: method === "face" };
    }
    case "asking":
      return { kind: "asking", choices: phase.choices };
    case "shown":
      return phase.view;
    default:
      return assertNever(phase);
  }
}
