import { databaseFault } from "./journal/database-fault.ts";
import type { Clock } from "./platform/clock.ts";
import type { IdentityBounds } from "./roster/identity-bounds-port.ts";
import type { OperatorSigners } from "./security/operators-port.ts";
import { boundsOfFrame } from "./serving-line/frame-bounds.ts";
import {
  createFrameSource,
  type FrameSource,
  type FrameSourceOptions,
  type ObservedFrame,
} from "./serving-line/frame-source.ts";
import {
  type Evidence,
  type IdentitySettings,
  lookFailureOf,
  noEvidence,
  sawSomeone,
  type Verdict,
  weighFrame,
} from "./serving-line/identity-decision.ts";
import type { ServingLineControl } from "./serving-line/serving-line.ts";
import { type ClosableSignatureDesk, createSignatureDesk } from "./signatures/signature-desk.ts";
import type { SignatureDesk } from "./signatures/signature-port.ts";
import type { LookWord, SigningCamera } from "./signatures/signing-camera-port.ts";

export interface TerminalSignaturesOptions {
  readonly operators: OperatorSigners;
  readonly servingLine: Pick<ServingLineControl, "hold">;
  /** A source of its own on the terminal's camera: what a signature looks at is nothing that the till weighs. */
  readonly frames: Pick<FrameSource, "setWanted" | "onFrame">;
  readonly bounds: IdentityBounds;
  /** The till's: a signature needs as much certainty as a charge. */
  readonly identity: IdentitySettings;
  readonly templateCount: (personId: string) => number;
  readonly clock: Pick<Clock, "mono" | "after">;
}

/** The same with a frame source of its own on the terminal's camera; `close` ends what waits. */
export function openTerminalSignatures({
  camera,
  engine,
  stills,
  logger,
  ...options
}: Omit<TerminalSignaturesOptions, "frames"> & Omit<FrameSourceOptions, "clock">): {
  readonly desk: SignatureDesk;
  close(): Promise<void>;
} {
  const frames = createFrameSource({
    ...{ camera, engine, clock: options.clock, logger },
    ...(stills === undefined ? {} : { stills }),
  });
  const desk = createTerminalSignatures({ ...options, frames });
  return {
    desk,
    close: async () => {
      desk.close();
      await frames.close();
    },
  };
}

/** Signing by PIN, and by face at the till's camera and by the till's rules, while the till is closed. */
export function createTerminalSignatures(options: TerminalSignaturesOptions): ClosableSignatureDesk {
  const { operators, clock, templateCount } = options;
  return createSignatureDesk({
    operators,
    clock,
    camera: signingCamera(options),
    faceKnown: (personId) => templateCount(personId) > 0,
  });
}

function signingCamera(options: TerminalSignaturesOptions): SigningCamera {
  const { servingLine, frames, clock } = options;
  return {
    begin(onWord) {
      const hold = servingLine.hold("signature");
      if (hold === null) return null;
      let evidence = noEvidence(clock.mono());
      const stop = frames.onFrame((frame) => {
        const weighed = weigh(evidence, frame, options);
        evidence = weighed.evidence;
        onWord(weighed.word);
      });
      frames.setWanted(true);
      return {
        end: (bystander) => {
          stop();
          frames.setWanted(false);
          hold.release(bystander);
        },
      };
    },
  };
}

function weigh(
  before: Evidence,
  frame: ObservedFrame,
  { bounds, identity, clock }: TerminalSignaturesOptions,
): { readonly evidence: Evidence; readonly word: LookWord } {
  let known: IdentityBounds;
  try {
    known = boundsOfFrame(frame.observation, bounds);
  } catch (error) {
    const fault = databaseFault(error);
    if (fault === undefined) throw error;
    return { evidence: before, word: { kind: "failed", fault } };
  }
  const { evidence, verdict } = weighFrame(before, frame, clock.mono(), identity, known);
  return { evidence, word: wordOf(verdict, evidence) };
}

function wordOf(verdict: Verdict, evidence: Evidence): LookWord {
  switch (verdict.kind) {
    case "identified":
      return { kind: "recognised", personId: verdict.personId };
    case "look-alike":
    case "not-live":
      return { kind: "unsure" };
    default: {
      const failure =
        sawSomeone(evidence) && lookFailureOf(evidence) !== "unknown-face" ? "unsure" : "nobody";
      const hint = verdict.kind === "hint" ? verdict.hint : verdict.kind === "nobody" ? "look-here" : null;
      return { kind: "looking", hint, failure };
    }
  }
}
