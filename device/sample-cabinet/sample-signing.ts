import type { Signature, SignatureDesk, SigningRight } from "../signatures/signature-port.ts";
import { LOOK_MS_MAX } from "./sample-options.ts";
import type { NotSigned, SignWith } from "./samples-port.ts";

export type BothSigned =
  | { readonly kind: "signed"; readonly first: Signature; readonly second: Signature | null }
  | { readonly kind: "not-signed"; readonly who: "first" | "second"; readonly outcome: NotSigned };

/** One person for an ordinary act, and where it takes two another one with the right to override. */
export async function signBoth(
  desk: SignatureDesk,
  first: SignWith,
  second: SignWith | null,
  signal: AbortSignal,
): Promise<BothSigned> {
  const one = await signOne(desk, first, "keep", [], signal);
  if (one.kind !== "signed") return { kind: "not-signed", who: "first", outcome: one };
  if (second === null) return { kind: "signed", first: one.signature, second: null };
  const two = await signOne(desk, second, "override", [one.signature.operatorId], signal);
  if (two.kind !== "signed") return { kind: "not-signed", who: "second", outcome: two };
  return { kind: "signed", first: one.signature, second: two.signature };
}

function signOne(
  desk: SignatureDesk,
  sign: SignWith,
  right: SigningRight,
  notOperatorIds: readonly string[],
  signal: AbortSignal,
): ReturnType<SignatureDesk["byPin"]> {
  return sign.by === "pin"
    ? desk.byPin({ right, notOperatorIds, operatorId: sign.operatorId, pin: sign.pin })
    : desk.byFace({ right, notOperatorIds, waitMsMax: LOOK_MS_MAX, signal });
}

/** A signature as an entry has it: the id, never the name. */
export function recorded({ operatorId, by }: Signature): { operatorId: string; by: "pin" | "face" } {
  return { operatorId, by };
}
