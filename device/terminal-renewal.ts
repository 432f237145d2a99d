import { type FaceEngine, runnerUpSimilarityFloor } from "../models/face-engine-port.ts";
import type { Config } from "./config/schema.ts";
import type { Clock } from "./platform/clock.ts";
import type { Logger } from "./platform/logger.ts";
import { epochMs } from "./platform/units.ts";
import type { GalleryBounds } from "./roster/identity-bounds.ts";
import { TemplateRenewal } from "./roster/template-renewal.ts";
import type { FrameSource } from "./serving-line/frame-source.ts";
import { LIVENESS_DEFAULTS, livenessSettings } from "./serving-line/liveness-check.ts";
import { mealMoment } from "./serving-line/meal-plan.ts";
import type { ServingLine } from "./serving-line/serving-line-port.ts";
import type { TerminalStore } from "./terminal-store.ts";

export interface TerminalRenewalOptions {
  readonly settings: Config["face"];
  readonly engine: FaceEngine;
  readonly store: TerminalStore;
  readonly frames: Pick<FrameSource, "onFrame">;
  readonly servingLine: Pick<ServingLine, "onStatus">;
  readonly bounds: Pick<GalleryBounds, "barOf" | "lookAlikesOf">;
  /** Resolves when the first engine's gallery is there and compared. */
  readonly compared: Promise<void>;
  /** Whether the diner said "that's not me" of a charge. */
  readonly isDisputed: (chargeId: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** As many as an enrolment takes at least. */
const TEMPLATE_COUNT_WANTED = 3;
/** A look lasts a few seconds; somebody who confirms slowly was seen before that. */
const FRAME_AGE_MS_MAX = 15_000;
/** Longer than anybody stays at the counter to complain. */
const DISPUTE_MS_MAX = 30 * 60_000;
/** What a line serves in half an hour; an embedding takes 3 KB. */
const WAITING_COUNT_MAX = 512;

/**
 * Follows the line and renews older templates, where a side pack is configured.
 * @returns nothing where there is none: then nobody looks and nothing is kept.
 */
export function startTemplateRenewal(options: TerminalRenewalOptions): { close(): void } | undefined {
  const { settings, engine, store, frames, servingLine, bounds, isDisputed } = options;
  if (engine.sideModels.length === 0) return undefined;
  const renewal = new TemplateRenewal({
    ...options,
    renewals: store.templateRenewals({
      primaryModel: engine.model,
      sideModels: engine.sideModels,
      templateCountWanted: TEMPLATE_COUNT_WANTED,
      lookAlikesOf: (personId, modelId) => bounds.lookAlikesOf(personId, modelId),
      dateOf: (atMs) => mealMoment(store.mealPlan(), epochMs(atMs), store.timeTrust.current()).businessDate,
    }),
    templates: store.templates,
    roster: store.roster,
    isTakenBack: (chargeId) => isDisputed(chargeId) || store.ledger.charge(chargeId)?.voided !== false,
    ids: store.ids,
    limits: {
      qualityMin: settings.enrolQualityMin,
      // Nobody stands beside a renewal: a doubtful face gives no template, even if it blinked.
      livenessMin: livenessSettings(settings).level === "off" ? 0 : LIVENESS_DEFAULTS.scoreMin,
      // Above the least of an accept by what one more bad frame in a hundred would cost.
      similarityLeadMin: 0.08,
      marginLeadMin: 0.05,
      runnerUpSimilarityFloor,
      frameAgeMsMax: FRAME_AGE_MS_MAX,
      disputeMsMax: DISPUTE_MS_MAX,
      waitingCountMax: WAITING_COUNT_MAX,
    },
  });
  void options.compared.then(() => renewal.retireAll());
  const stops = settings.renewTemplates ? follow(renewal, frames, servingLine) : [];
  return {
    close: () => {
      for (const stop of stops) stop();
      renewal.close();
    },
  };
}

function follow(
  renewal: TemplateRenewal,
  frames: Pick<FrameSource, "onFrame">,
  servingLine: Pick<ServingLine, "onStatus">,
): readonly (() => void)[] {
  let lastChargeId: string | null = null;
  return [
    frames.onFrame(({ observation }) => renewal.sawFrame(observation)),
    // The view turns to "paid" after the commit, and is told again with every change beside it.
    servingLine.onStatus(({ view }) => {
      if (view.kind !== "paid" || view.receipt.chargeId === lastChargeId) return;
      lastChargeId = view.receipt.chargeId;
      if (view.receipt.method === "face") renewal.paidByFace(view.receipt);
    }),
  ];
}
