import { assertNever } from "../platform/assert.ts";
import { settle } from "./receiving-acts.ts";
import { onCommand } from "./receiving-commands.ts";
import { beforeSigning, onSigned } from "./receiving-signing.ts";
import type { Facts, ReceivingEvent, ReceivingState, Step } from "./receiving-types.ts";
import { answer, NONE, refuse, stay } from "./step-parts.ts";

/**
 * The acceptance machine: state and event in, state and effects out, nothing done. An outcome of something that is
 * not under way any more (a photo after its wait, a second answer of the desk) changes nothing.
 */
export function step(state: ReceivingState, event: ReceivingEvent, facts: Facts): Step {
  const { pending } = state;
  switch (event.kind) {
    case "command":
      return onCommand(state, event, facts);
    case "photo": {
      if (pending.kind !== "photographing" || pending.token !== event.token) return stay(state);
      if (event.outcome.kind === "busy") return refuse({ ...state, pending: NONE }, event.token, "busy");
      return settle(state, event.token, pending.doing, event.outcome, facts);
    }
    case "sign-outcome":
      return pending.kind === "signing" && pending.token === event.token
        ? onSigned(state, pending, event.outcome, facts)
        : stay(state);
    case "sign-failed":
      return pending.kind === "signing" && pending.token === event.token
        ? refuse(beforeSigning(state, pending), event.token, "not-recorded")
        : stay(state);
    case "recorded":
      return pending.kind === "recording" && pending.token === event.token
        ? answer(pending.after, event.token, pending.answer)
        : stay(state);
    case "not-recorded":
      // The goods still lie there, and nothing is on record: the same button once more when the disk is well.
      return pending.kind === "recording" && pending.token === event.token
        ? refuse({ ...state, pending: NONE }, event.token, "not-recorded")
        : stay(state);
    case "pan-emptied":
      return stay(state.shown === null ? state : { ...state, shown: null });
    default:
      return assertNever(event);
  }
}
