import type { GalleryCalibration, LookAlikePair } from "../../models/calibration/calibration-port.ts";
import type { MatchThresholds } from "./identity-bounds-port.ts";

/** How the calibration of this terminal's gallery stands. */
export interface CalibrationState {
  /** waiting: the gallery changed a moment ago. */
  readonly kind: "waiting" | "running" | "idle";
  /** Wall clock of the last result; null before the first. */
  readonly finishedAtMs: number | null;
  /** From reading the first template to the result. */
  readonly tookMs: number | null;
  /** Why the last run gave nothing; the thresholds before it stay. */
  readonly failure: string | null;
}

/** Two people whom the thresholds do not separate, as `/admin` shows them. */
export interface ShownPair extends LookAlikePair {
  /** So alike that it is likelier one person under two ids, or twins, than two people who look alike. */
  readonly isProbablySame: boolean;
}

/** What `/admin` shows of it; the pairs are ids, for the roster to name. */
export interface RecognitionStatus {
  readonly thresholds: MatchThresholds;
  /** Share of strangers' visits that may end as somebody enrolled, as configured. */
  readonly fpirMax: number;
  /** Null until the first one is done. */
  readonly calibration: GalleryCalibration | null;
  /** Of all packs: those of the calibration and what single changes brought since; probably the same first, then nearest. */
  readonly lookAlikes: readonly ShownPair[];
  readonly state: CalibrationState;
  /** How often the pack errs, in its own words; null where nobody wrote it down. */
  readonly errorRate: { readonly zh: string; readonly en: string } | null;
}
