import type { Clock } from "../platform/clock.ts";
import type { Operator, OperatorSigners } from "../security/operators-port.ts";
import { maySign } from "./rights.ts";
import type { SignatureDesk, SignatureRequest, SigningHint, SignOutcome } from "./signature-port.ts";
import type { LookWord, SigningCamera } from "./signing-camera-port.ts";

export interface SignatureDeskOptions {
  readonly operators: OperatorSigners;
  readonly camera: SigningCamera;
  /** Whether there is a template of this person, so that a camera could know them. */
  readonly faceKnown: (personId: string) => boolean;
  readonly clock: Pick<Clock, "after">;
}

/** A desk that can be left: whoever waits before the camera is told "cancelled". */
export interface ClosableSignatureDesk extends SignatureDesk {
  close(): void;
}

/** The till is closed while somebody signs at its camera, so nobody may wait there for longer. */
export const FACE_WAIT_MS_MAX = 30_000;

export function createSignatureDesk(options: SignatureDeskOptions): ClosableSignatureDesk {
  return new OperatorsDesk(options);
}

type FaceRequest = Parameters<SignatureDesk["byFace"]>[0];
/** How a look ended. */
type LookEnd =
  | Extract<LookWord, { readonly kind: "recognised" }>
  | Extract<SignOutcome, { readonly kind: "not-recognised" }>;

class OperatorsDesk implements ClosableSignatureDesk {
  readonly #options: SignatureDeskOptions;
  readonly #closing = new AbortController();

  constructor(options: SignatureDeskOptions) {
    this.#options = options;
  }

  async byPin(
    request: SignatureRequest & { readonly operatorId: string; readonly pin: string },
  ): Promise<SignOutcome> {
    const { operatorId, pin } = request;
    const check = await this.#options.operators.checkPin({ operatorId, pin });
    return check.kind === "right" ? signed(check.operator, "pin", request) : check;
  }

  async byFace(request: FaceRequest): Promise<SignOutcome> {
    const end = await this.#look(request);
    if (end.kind !== "recognised") return end;
    const operator = this.#options.operators.operatorOfPerson(end.personId);
    // Recognised as a diner: no operator, so no right to sign anything.
    return operator === undefined ? refused("no-right") : signed(operator, "face", request);
  }

  signers(request: SignatureRequest): ReturnType<SignatureDesk["signers"]> {
    const { operators, faceKnown } = this.#options;
    return operators
      .list()
      .filter((operator) => refusalOf(operator, request) === null)
      .map(({ operatorId, displayName }) => {
        const personId = operators.personIdOf(operatorId);
        return { operatorId, displayName, faceKnown: personId !== null && faceKnown(personId) };
      });
  }

  close(): void {
    this.#closing.abort();
  }

  #look({ waitMsMax, signal, onHint = () => {} }: FaceRequest): Promise<LookEnd> {
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    if (stop.aborted) return Promise.resolve(notRecognised("cancelled"));
    const { camera, clock } = this.#options;
    return new Promise((resolve, reject) => {
      let failure: "nobody" | "unsure" = "nobody";
      let shown: SigningHint | null = null;
      const look = camera.begin((word) => {
        switch (word.kind) {
          case "looking":
            failure = word.failure;
            if (word.hint !== shown) onHint(word.hint);
            shown = word.hint;
            return;
          case "recognised":
            return end(word);
          case "unsure":
            return end(notRecognised("unsure"));
          case "failed":
            giveBack(null);
            return reject(word.fault);
        }
      });
      if (look === null) return resolve(notRecognised("busy"));
      const giveBack = (personId: string | null): void => {
        timer.cancel();
        stop.removeEventListener("abort", onAbort);
        look.end({ personId });
      };
      const end = (outcome: LookEnd): void => {
        giveBack(outcome.kind === "recognised" ? outcome.personId : null);
        resolve(outcome);
      };
      const onAbort = (): void => end(notRecognised("cancelled"));
      stop.addEventListener("abort", onAbort, { once: true });
      const waitMs = Math.max(0, Math.min(waitMsMax, FACE_WAIT_MS_MAX));
      const timer = clock.after(waitMs, () => end(notRecognised(failure)));
    });
  }
}

function signed(operator: Operator, by: "pin" | "face", request: SignatureRequest): SignOutcome {
  const reason = refusalOf(operator, request);
  if (reason !== null) return refused(reason);
  const { operatorId, displayName } = operator;
  return { kind: "signed", signature: { operatorId, displayName, by } };
}

function refusalOf(
  { operatorId, role }: Operator,
  { right, notOperatorIds }: SignatureRequest,
): "no-right" | "same-person" | null {
  if (!maySign(role, right)) return "no-right";
  return notOperatorIds.includes(operatorId) ? "same-person" : null;
}

const refused = (reason: "no-right" | "same-person"): SignOutcome => ({ kind: "refused", reason });

const notRecognised = (
  reason: Extract<SignOutcome, { readonly kind: "not-recognised" }>["reason"],
): Extract<SignOutcome, { readonly kind: "not-recognised" }> => ({ kind: "not-recognised", reason });
