import { assertNever } from "../platform/assert.ts";
import { type CabinetOutcome, rightForCabinetAct } from "../sample-cabinet/cabinet-port.ts";
import type { LeaveAnswer, Samples, TakeAnswer } from "../sample-cabinet/samples-port.ts";
import type { Signature, SigningRight } from "../signatures/signature-port.ts";
import type { CabinetAnswer, CabinetCommand } from "./cabinet-protocol.ts";
import type { KioskCabinets } from "./kiosk-ports.ts";

type Act<Kind extends CabinetCommand["kind"]> = Extract<CabinetCommand, { kind: Kind }>;
type Signer = Act<"unshelve">["signer"];

/** How long a face is looked for before the answer is "nobody". */
const LOOK_MS_MAX = 20_000;

/** Does what the page asks: each act of a person has a signature of its own, so nobody needs to be signed in. */
export class CabinetActs {
  readonly #here: KioskCabinets;
  #looking = new AbortController();

  constructor(here: KioskCabinets) {
    this.#here = here;
  }

  /** Ends what waits for a face. */
  stopLooking(): void {
    this.#looking.abort();
    this.#looking = new AbortController();
  }

  async run(command: CabinetCommand): Promise<CabinetAnswer> {
    const { cabinets, samples } = this.#here;
    switch (command.kind) {
      case "stop-looking":
        this.stopLooking();
        await samples?.take({ kind: "stop-looking" });
        return DONE;
      case "silence":
        return answerOf(cabinets.silence(command.cabinetId));
      case "take":
      case "dispose":
      case "dispose-early":
      case "seize":
      case "void":
        return samples === null ? NO_SAMPLES : this.#ofSamples(samples, command);
      default:
        return this.#signed(command);
    }
  }

  async #ofSamples(
    samples: Samples,
    command: Act<"take" | "dispose" | "dispose-early" | "seize" | "void">,
  ): Promise<CabinetAnswer> {
    switch (command.kind) {
      case "take":
        return ofTake(await samples.take(command.take));
      case "dispose": {
        const { sampleIds, first } = command;
        return ofLeave(await samples.dispose({ sampleIds, first }));
      }
      case "dispose-early": {
        const { kind: _, ...request } = command;
        return ofLeave(await samples.disposeEarly(request));
      }
      case "seize": {
        const { kind: _, ...request } = command;
        return ofLeave(await samples.seize(request));
      }
      case "void": {
        const { kind: _, ...request } = command;
        return ofLeave(await samples.void(request));
      }
      default:
        return assertNever(command);
    }
  }

  async #signed(command: Extract<CabinetCommand, { signer: Signer }>): Promise<CabinetAnswer> {
    const signed = await this.#sign(command.signer, this.#rightFor(command));
    return signed.kind === "signed" ? answerOf(this.#act(command, signed.signature)) : signed;
  }

  #rightFor(command: Extract<CabinetCommand, { signer: Signer }>): SigningRight {
    switch (command.kind) {
      case "shelve": {
        const alarms = this.#here.cabinets.cabinetIds().flatMap((id) => this.#here.cabinets.view(id)?.alarms);
        return rightForCabinetAct(
          "shelve",
          alarms.find((alarm) => alarm?.key === command.key)?.level ?? null,
        );
      }
      case "return-to-service":
        return rightForCabinetAct("out-of-service");
      case "end-defrost":
        return rightForCabinetAct("defrost");
      default:
        return rightForCabinetAct(command.kind);
    }
  }

  #act(command: Extract<CabinetCommand, { signer: Signer }>, signature: Signature): CabinetOutcome {
    const { cabinets } = this.#here;
    switch (command.kind) {
      case "acknowledge":
        return cabinets.acknowledge({ alarmId: command.alarmId, action: command.action, signature });
      case "shelve": {
        const { key, durationMs, reason } = command;
        return cabinets.shelve({ key, durationMs, reason, signature });
      }
      case "unshelve":
        return cabinets.unshelve({ key: command.key, signature });
      case "defrost":
        return cabinets.defrost({
          cabinetId: command.cabinetId,
          durationMs: command.durationMs,
          signature,
        });
      case "end-defrost":
        return cabinets.endDefrost({ cabinetId: command.cabinetId, signature });
      case "out-of-service": {
        const { cabinetId, probeId, reason } = command;
        return cabinets.takeOutOfService({ cabinetId, probeId, reason, signature });
      }
      case "return-to-service":
        return cabinets.returnToService({
          cabinetId: command.cabinetId,
          probeId: command.probeId,
          signature,
        });
      case "calibrate": {
        const { cabinetId, probeId, offsetMilliC } = command;
        return cabinets.calibrate({ cabinetId, probeId, offsetMilliC, signature });
      }
      default:
        return assertNever(command);
    }
  }

  async #sign(
    signer: Signer,
    right: SigningRight,
  ): Promise<
    | { readonly kind: "signed"; readonly signature: Signature }
    | Extract<CabinetAnswer, { kind: "not-signed" }>
  > {
    const { signatures } = this.#here;
    const request = { right, notOperatorIds: [] };
    const { signal } = this.#looking;
    const outcome =
      signer.by === "pin"
        ? await signatures.byPin({ ...request, operatorId: signer.operatorId, pin: signer.pin })
        : await signatures.byFace({ ...request, waitMsMax: LOOK_MS_MAX, signal });
    return outcome.kind === "signed" ? outcome : { kind: "not-signed", who: "first", outcome };
  }
}

const DONE: CabinetAnswer = { kind: "done" };
const NO_SAMPLES: CabinetAnswer = { kind: "leave-refused", reason: "sample-unknown", hours: null };

function answerOf(outcome: CabinetOutcome): CabinetAnswer {
  return outcome.kind === "done" ? DONE : { kind: "cabinet-refused", reason: outcome.reason };
}

function ofTake(answer: TakeAnswer): CabinetAnswer {
  switch (answer.kind) {
    case "ok":
      return DONE;
    case "refused": {
      const { reason, shortG, netG } = answer;
      return { kind: "take-refused", reason, shortG, netG };
    }
    case "not-signed":
      return { kind: "not-signed", who: "first", outcome: answer.outcome };
  }
}

function ofLeave(answer: LeaveAnswer): CabinetAnswer {
  switch (answer.kind) {
    case "done":
      return DONE;
    case "refused":
      return { kind: "leave-refused", reason: answer.reason, hours: answer.hours };
    case "not-signed":
      return answer;
  }
}
