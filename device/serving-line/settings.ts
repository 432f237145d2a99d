import { assert } from "../platform/assert.ts";
import { fen } from "../platform/units.ts";
import type { PersonKind } from "../roster/roster-port.ts";
import type { ChargeLimits } from "./charge-rules.ts";
import type { CheckoutSettings } from "./checkout-types.ts";
import { type LivenessLevel, livenessSettings } from "./liveness-check.ts";
import type { Activation, LookAlikeMode } from "./serving-line-port.ts";

/** What one serving line runs with. */
export interface ServingLineSettings {
  readonly checkout: CheckoutSettings;
  readonly limits: ChargeLimits;
  readonly kindsServed: readonly PersonKind[];
}

/** The values of the configuration that the serving line uses, under the configuration's own names. */
export interface WrittenSettings {
  readonly servingLine: {
    readonly activation: Activation;
    readonly shownMsMin: number;
    readonly confirmMsMax: number;
    readonly confirmFace: boolean;
    readonly limits: {
      readonly perChargeFenMax: number;
      readonly perDayFenMax: number;
      readonly overdraftFenMax: number;
      readonly offlinePerPersonFenMax: number;
      readonly offlineTotalFenMax: number;
      readonly offlineDaysMax: number;
      readonly offlineEntriesMax: number;
    };
  };
  readonly face: {
    readonly qualityMin: number;
    readonly liveness: LivenessLevel;
    readonly livenessMin?: number | undefined;
    readonly framesToAgree: number;
    readonly lookMsMax: number;
    readonly lookAlikes: LookAlikeMode;
  };
}

const MS_PER_DAY = 86_400_000;

/**
 * What is not in the configuration because nobody at a school should have to tune it.
 * The bounds on a face are where its part of `quality.overall` falls to 0.25, the default of `qualityMin`, by the
 * scales in models/pipeline/quality.ts: so the part that spoils a frame is the one that the hint is about.
 */
const FIXED = {
  pinMsMax: 10_000,
  faceWaitMsMin: 4000,
  questionMsMax: 15_000,
  clearFrames: 2,
  clearLeadMin: 0.05,
  nearMissMax: 0.06,
  unexpectedFrames: 1,
  otherWayMsMin: 8000,
  absentFramesMin: 3,
  frameAgeMsMax: 1500,
  frameGapMsMax: 1500,
  eyeDistancePxMin: 19,
  yawDegMax: 41,
  pitchDegMax: 37,
  rollDegMax: 50,
  brightnessMin: 40,
  sharpnessMin: 48,
  likeSizeMin: 0.7,
  centreShare: 0.8,
} as const;

const ALL_KINDS: readonly PersonKind[] = ["student", "staff", "guest"];

/** Settings from a checked configuration. @throws InvariantBroken for what the configuration's schema lets nobody write. */
export function servingLineSettings(
  { servingLine, face }: WrittenSettings,
  kindsServed: readonly PersonKind[] = ALL_KINDS,
): ServingLineSettings {
  const { limits } = servingLine;
  const settings: ServingLineSettings = {
    kindsServed,
    limits: {
      perChargeFenMax: fen(limits.perChargeFenMax),
      perDayFenMax: fen(limits.perDayFenMax),
      overdraftFenMax: fen(limits.overdraftFenMax),
      offlinePerPersonFenMax: fen(limits.offlinePerPersonFenMax),
      offlineTotalFenMax: fen(limits.offlineTotalFenMax),
      offlineMsMax: limits.offlineDaysMax * MS_PER_DAY,
      offlineEntriesMax: limits.offlineEntriesMax,
    },
    checkout: {
      activation: servingLine.activation,
      confirmFace: servingLine.confirmFace,
      lookAlikes: face.lookAlikes,
      lookMsMax: face.lookMsMax,
      faceWaitMsMax: Math.max(face.lookMsMax, FIXED.faceWaitMsMin),
      questionMsMax: FIXED.questionMsMax,
      confirmMsMax: servingLine.confirmMsMax,
      pinMsMax: FIXED.pinMsMax,
      shownMsMin: servingLine.shownMsMin,
      otherWayMsMin: Math.max(servingLine.shownMsMin, FIXED.otherWayMsMin),
      absentFramesMin: FIXED.absentFramesMin,
      identity: {
        qualityMin: face.qualityMin,
        liveness: livenessSettings(face),
        framesToAgree: face.framesToAgree,
        clearFrames: FIXED.clearFrames,
        clearLeadMin: FIXED.clearLeadMin,
        nearMissMax: FIXED.nearMissMax,
        unexpectedFrames: FIXED.unexpectedFrames,
        frameAgeMsMax: FIXED.frameAgeMsMax,
        frameGapMsMax: FIXED.frameGapMsMax,
        eyeDistancePxMin: FIXED.eyeDistancePxMin,
        yawDegMax: FIXED.yawDegMax,
        pitchDegMax: FIXED.pitchDegMax,
        rollDegMax: FIXED.rollDegMax,
        brightnessMin: FIXED.brightnessMin,
        sharpnessMin: FIXED.sharpnessMin,
        likeSizeMin: FIXED.likeSizeMin,
        centreShare: FIXED.centreShare,
      },
    },
  };
  checkSettings(settings);
  return settings;
}

/** A number of NaN would fail every comparison; an accept of one frame is none. */
export function checkSettings({ checkout, limits }: ServingLineSettings): void {
  const { liveness, ...identity } = checkout.identity;
  const { level: _, ...livenessNumbers } = liveness;
  const numbers = [
    ...Object.values(identity),
    ...Object.values(livenessNumbers),
    ...Object.values(limits),
    checkout.lookMsMax,
    checkout.confirmMsMax,
  ];
  assert(numbers.every(Number.isFinite), "every setting of the serving line is a finite number");
  assert(liveness.scoreMin > 0 && liveness.scoreMin <= 1, "the mark of liveness is within (0, 1]");
  assert(identity.clearLeadMin >= 0 && identity.nearMissMax >= 0, "leads over the bounds are not negative");
  assert(
    [identity.framesToAgree, identity.clearFrames].every((count) => Number.isInteger(count) && count >= 2),
    "framesToAgree and clearFrames are 2 or more",
  );
  assert(
    [
      checkout.lookMsMax,
      checkout.faceWaitMsMax,
      checkout.questionMsMax,
      checkout.confirmMsMax,
      checkout.pinMsMax,
      checkout.shownMsMin,
      checkout.absentFramesMin,
    ].every((value) => value > 0),
    "waits of the serving line are longer than nothing",
  );
}
