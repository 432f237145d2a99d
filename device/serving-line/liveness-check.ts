/**
 * Is this a live face? Combines the frames of one visit, and asks for a blink or a turn of the head where they leave a
 * doubt. Pure: state and frame in, state and verdict out. Who it is, is identity-decision's.
 *
 * Passive scores call some live faces attacks (figures in models/cards/fr-liveness.md), so in `assist` a low score alone
 * never sends a child away: it asks. Only a low score on a face that moves as one plane with its surroundings is
 * refused at once.
 */

import type { Box, ObservedFace } from "../../models/face-engine-port.ts";
import type { MonoMs } from "../platform/units.ts";

export const LIVENESS_LEVELS = ["off", "assist", "strict"] as const;
/** `assist`: asks in doubt. `strict`: asks unless every frame is clearly live. */
export type LivenessLevel = (typeof LIVENESS_LEVELS)[number];

/** Left and right are those of whoever turns: a film of somebody else turning has an even chance to show the other side. */
export const LIVENESS_CHALLENGES = ["blink", "turn-left", "turn-right"] as const;
export type LivenessChallenge = (typeof LIVENESS_CHALLENGES)[number];

export interface LivenessSettings {
  readonly level: LivenessLevel;
  /** Mean score of a visit that passes unasked in `assist`; the engine's scale is made so that this is 0.5. */
  readonly scoreMin: number;
  /** Least score of every frame that passes unasked in `strict`. */
  readonly scoreClearMin: number;
  /** A mean under this is an attack in `strict`, and in `assist` when the face also moves as a plane. */
  readonly scoreAttackMax: number;
  /** Share of a face's motion that its surroundings made too, from which on it is a plane's. */
  readonly planeMin: number;
  /** Frames before anything is said. */
  readonly framesMin: number;
  /** From the question to the answer. */
  readonly challengeMsMax: number;
  readonly eyesOpenMin: number;
  readonly eyesClosedMax: number;
  /** Eyes that are closed for longer have not blinked: a few open eyes read as closed in every frame. */
  readonly blinkMsMax: number;
  /** Between the head as it was when asked and as it is, to the side that was asked for. */
  readonly turnDegMin: number;
  /** A longer silence between two frames, and it may be somebody else. */
  readonly gapMsMax: number;
  /** Between two frames the face's centre moves less than this share of its width, or it is another face. */
  readonly jumpShareMax: number;
}

export const LIVENESS_DEFAULTS: Omit<LivenessSettings, "level"> = {
  scoreMin: 0.5,
  scoreClearMin: 0.9,
  scoreAttackMax: 0.15,
  planeMin: 0.5,
  framesMin: 2,
  challengeMsMax: 5000,
  eyesOpenMin: 0.6,
  eyesClosedMax: 0.35,
  blinkMsMax: 1500,
  turnDegMin: 18,
  gapMsMax: 1500,
  jumpShareMax: 0.6,
};

/** What the configuration says about liveness. */
export interface WrittenLiveness {
  readonly liveness: LivenessLevel;
  /** In place of the mark of `assist`; 0 switches the check off. */
  readonly livenessMin?: number | undefined;
}

export function livenessSettings({ liveness, livenessMin }: WrittenLiveness): LivenessSettings {
  const level = livenessMin === 0 ? "off" : liveness;
  return { ...LIVENESS_DEFAULTS, level, scoreMin: livenessMin ?? LIVENESS_DEFAULTS.scoreMin };
}

interface AskedChallenge {
  readonly kind: LivenessChallenge;
  readonly askedMono: MonoMs;
  /** Yaw when it was asked. */
  readonly startYawDeg: number;
  /** A blink is open, closed, open again: closed eyes alone may be a photo of somebody asleep. */
  readonly step: "first" | "open" | "closed";
  /** When the eyes were first seen closed, in the step of that name. */
  readonly closedMono: MonoMs | null;
}

export interface LivenessState {
  readonly sinceMono: MonoMs;
  readonly frames: number;
  readonly scoreSum: number;
  readonly scoreLeast: number;
  /** Frames without a score. */
  readonly unmeasured: number;
  /** Frames whose face moved as one plane with its surroundings, and those whose face moved by itself. */
  readonly planeFrames: number;
  readonly freeFrames: number;
  /** Whether open eyes were seen in a clear frame: whose eyes read as closed while open cannot answer with a blink. */
  readonly eyesSeenOpen: boolean;
  readonly lastBox: Box | null;
  readonly lastMono: MonoMs;
  readonly challenge: AskedChallenge | null;
  readonly passed: boolean;
}

export type LivenessVerdict =
  /** Too few frames yet. */
  | { readonly kind: "undecided" }
  | { readonly kind: "live" }
  /** Asked now, or asked before and not answered yet. */
  | { readonly kind: "asking"; readonly challenge: LivenessChallenge }
  /** Card or PIN, please. */
  | { readonly kind: "refused"; readonly reason: "attack" | "challenge-missed" };

export function noLivenessYet(sinceMono: MonoMs): LivenessState {
  return {
    sinceMono,
    frames: 0,
    scoreSum: 0,
    scoreLeast: 1,
    unmeasured: 0,
    planeFrames: 0,
    freeFrames: 0,
    eyesSeenOpen: false,
    lastBox: null,
    lastMono: sinceMono,
    challenge: null,
    passed: false,
  };
}

/** What a frame shows of the one who pays. */
export type LivenessFace = Pick<ObservedFace, "box" | "liveness" | "eyesOpen" | "motion" | "quality">;

/**
 * Adds one frame of the subject's face.
 *
 * Scores and eyes count only while the face is good enough to be compared (`scored`): a turned or blurred one says
 * little, and a head that turns because it was asked must not lose by it. A turn is looked for in every frame.
 */
export function weighLiveness(
  state: LivenessState,
  face: LivenessFace,
  frame: { readonly capturedMono: MonoMs; readonly scored: boolean },
  settings: LivenessSettings,
): { readonly state: LivenessState; readonly verdict: LivenessVerdict } {
  if (settings.level === "off") return { state, verdict: { kind: "live" } };
  // Another face in the place of the first begins anew, but keeps the question's deadline: no endless tries.
  const { capturedMono, scored } = frame;
  const same =
    continues(state.lastBox, face.box, settings) && capturedMono - state.lastMono <= settings.gapMsMax;
  const counted = withFrame(same ? state : restarted(state), face, scored, settings);
  const seen = { ...counted, lastMono: capturedMono };
  const asked = seen.challenge === null ? seen : answer(seen, seen.challenge, face, frame, settings);
  return judge(asked, face, capturedMono, settings);
}

/**
 * How long the question leaves; null when none was asked. Whoever answered it has to be named once more, looking
 * straight ahead. For the machine's deadline of "looking".
 */
export function challengeEndMono(
  { challenge, passed }: LivenessState,
  { challengeMsMax, gapMsMax }: Pick<LivenessSettings, "challengeMsMax" | "gapMsMax">,
): number | null {
  return challenge === null ? null : challenge.askedMono + challengeMsMax + (passed ? gapMsMax : 0);
}

function continues(last: Box | null, box: Box, { jumpShareMax }: LivenessSettings): boolean {
  if (last === null) return true;
  const apart = Math.hypot(
    box[0] + box[2] / 2 - last[0] - last[2] / 2,
    box[1] + box[3] / 2 - last[1] - last[3] / 2,
  );
  const grown = box[2] / last[2];
  // Written so that a NaN is another face.
  return apart <= jumpShareMax * last[2] && grown >= 0.6 && grown <= 1.7;
}

/** For another face, or another name for the same place: it begins anew, but the question keeps its deadline. */
export function restarted({ sinceMono, challenge }: LivenessState): LivenessState {
  return {
    ...noLivenessYet(sinceMono),
    challenge:
      challenge === null ? null : { ...challenge, step: "first", closedMono: null, startYawDeg: Number.NaN },
  };
}

function withFrame(
  state: LivenessState,
  { box, liveness, motion, eyesOpen }: LivenessFace,
  scored: boolean,
  { planeMin, eyesOpenMin }: LivenessSettings,
): LivenessState {
  const seen = { ...state, lastBox: box };
  if (!scored) return seen;
  const together = motion?.together ?? null;
  const moved = together !== null;
  const plane = moved && !(together < planeMin);
  const counted = {
    ...seen,
    frames: state.frames + 1,
    eyesSeenOpen: state.eyesSeenOpen || (eyesOpen !== undefined && eyesOpen >= eyesOpenMin),
    planeFrames: state.planeFrames + (plane ? 1 : 0),
    freeFrames: state.freeFrames + (moved && !plane ? 1 : 0),
  };
  if (liveness === null || !(liveness >= 0 && liveness <= 1))
    return { ...counted, unmeasured: state.unmeasured + 1, scoreLeast: 0 };
  return {
    ...counted,
    scoreSum: state.scoreSum + liveness,
    scoreLeast: Math.min(state.scoreLeast, liveness),
  };
}

function answer(
  state: LivenessState,
  challenge: AskedChallenge,
  face: LivenessFace,
  frame: { readonly capturedMono: MonoMs; readonly scored: boolean },
  settings: LivenessSettings,
): LivenessState {
  const { passed, step, closedMono, startYawDeg } =
    challenge.kind === "blink"
      ? answerBlink(challenge, face, frame, settings)
      : answerTurn(challenge, face, settings);
  return {
    ...state,
    passed: state.passed || passed,
    challenge: { ...challenge, step, closedMono, startYawDeg },
  };
}

type Answer = Pick<AskedChallenge, "step" | "closedMono" | "startYawDeg"> & { readonly passed: boolean };

/** To the side that was asked for; coming back is not waited for. */
function answerTurn(
  { kind, step, closedMono, startYawDeg }: AskedChallenge,
  { quality }: LivenessFace,
  { turnDegMin }: LivenessSettings,
): Answer {
  const start = Number.isNaN(startYawDeg) ? quality.yawDeg : startYawDeg;
  // Yaw grows towards the right of the picture, which is the left of whoever stands before the camera.
  const turnedDeg = (quality.yawDeg - start) * (kind === "turn-left" ? 1 : -1);
  return { step, closedMono, startYawDeg: start, passed: turnedDeg >= turnDegMin };
}

/** Open, closed, open, in frames that show the eyes well, and not closed for long. */
function answerBlink(
  { step, closedMono, startYawDeg }: AskedChallenge,
  { eyesOpen }: LivenessFace,
  { capturedMono, scored }: { readonly capturedMono: MonoMs; readonly scored: boolean },
  { eyesOpenMin, eyesClosedMax, blinkMsMax }: LivenessSettings,
): Answer {
  const unchanged = { step, closedMono, startYawDeg, passed: false };
  if (!scored || eyesOpen === undefined) return unchanged;
  const open = eyesOpen >= eyesOpenMin;
  const closed = eyesOpen <= eyesClosedMax;
  if (step === "closed" && closedMono !== null) {
    if (open) {
      const passed = capturedMono - closedMono <= blinkMsMax;
      return { ...unchanged, step: "open", closedMono: null, passed };
    }
    return unchanged;
  }
  if (step === "open" && closed) return { ...unchanged, step: "closed", closedMono: capturedMono };
  return step === "first" && open ? { ...unchanged, step: "open" } : unchanged;
}

function judge(
  state: LivenessState,
  face: LivenessFace,
  atMono: MonoMs,
  settings: LivenessSettings,
): { readonly state: LivenessState; readonly verdict: LivenessVerdict } {
  const said = (verdict: LivenessVerdict) => ({ state, verdict });
  const isAttack = looksLikeAttack(state, settings);
  if (state.challenge !== null) {
    if (isAttack && settings.level === "strict") return said({ kind: "refused", reason: "attack" });
    if (state.passed) return said({ kind: "live" });
    const late = !(atMono - state.challenge.askedMono <= settings.challengeMsMax);
    if (late) return said({ kind: "refused", reason: "challenge-missed" });
    return said({ kind: "asking", challenge: state.challenge.kind });
  }
  if (state.frames < settings.framesMin) return said({ kind: "undecided" });
  if (isAttack) return said({ kind: "refused", reason: "attack" });
  if (passesUnasked(state, settings)) return said({ kind: "live" });
  const challenge: AskedChallenge = {
    kind: challengeOf(state),
    askedMono: atMono,
    startYawDeg: face.quality.yawDeg,
    step: "first",
    closedMono: null,
  };
  return { state: { ...state, challenge }, verdict: { kind: "asking", challenge: challenge.kind } };
}

function looksLikeAttack(state: LivenessState, settings: LivenessSettings): boolean {
  const { frames, unmeasured, scoreSum, planeFrames, freeFrames } = state;
  if (frames < settings.framesMin || unmeasured > 0) return false;
  const low = scoreSum / frames < settings.scoreAttackMax;
  const plane = planeFrames > 0 && planeFrames >= freeFrames;
  return low && (plane || settings.level === "strict");
}

function passesUnasked(state: LivenessState, settings: LivenessSettings): boolean {
  const { frames, unmeasured, scoreSum, scoreLeast, planeFrames, freeFrames } = state;
  if (unmeasured > 0) return false;
  if (settings.level === "strict") return scoreLeast >= settings.scoreClearMin && planeFrames === 0;
  return scoreSum / frames >= settings.scoreMin && (planeFrames === 0 || planeFrames < freeFrames);
}

/** The millisecond in which somebody steps up or presses is in nobody's hand: as good as a die. */
function challengeOf({ sinceMono, eyesSeenOpen }: LivenessState): LivenessChallenge {
  const asks = LIVENESS_CHALLENGES.filter((kind) => kind !== "blink" || eyesSeenOpen);
  return asks[Math.floor(sinceMono) % asks.length] ?? "turn-left";
}
