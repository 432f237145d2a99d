import type {
  GateReason,
  GateView,
  GoodsView,
  LineView,
  ReceivingView,
} from "../../../../receiving/receiving-port.ts";

/** The one thing to do now; the band at the top says it, and the button that does it is the only one in colour. */
export type NextStep =
  | { readonly code: StepCode; readonly tone: StepTone }
  /** The scale has to come first: in the gate's own words. */
  | { readonly code: "scale-trouble"; readonly tone: StepTone; readonly gate: GateReason };

export type StepCode =
  | "choose-delivery"
  | "no-deliveries"
  | "choose-line"
  | "all-decided"
  | "choose-version"
  | "packs"
  | "lot"
  | "expiry"
  | "temperature"
  | "ready"
  | "next-or-finish"
  | "line-full"
  | "line-finished"
  | "photographing"
  | "asking"
  | "signing"
  | "camera-lost"
  | "issue-ready";

/** go: press. wait: it goes on by itself, or hands are needed at the scale. stop: something is wrong. */
export type StepTone = "go" | "wait" | "stop";

/** What keeps a weight from counting until somebody repairs it; the rest passes by itself or by handling the goods. */
const FAULTS: ReadonlySet<GateReason> = new Set([
  "scale-lost",
  "no-reading",
  "overload",
  "underload",
  "wrong-unit",
  "not-whole-grams",
  "tared-twice",
  "above-max",
]);
export const isScaleFault = (reason: GateReason): boolean => FAULTS.has(reason);

export interface StepSight {
  readonly view: ReceivingView;
  /** Of the scale in use; null where there is none. */
  readonly gate: GateView | null;
  readonly isCameraLost: boolean;
}

/** @returns what a person should do next, the most urgent first. */
export function nextStep(sight: StepSight): NextStep {
  const { activity, step } = sight.view;
  switch (activity.kind) {
    case "photographing":
      return { code: "photographing", tone: "wait" };
    case "signing":
      return { code: "signing", tone: "wait" };
    case "asking":
      return { code: "asking", tone: "stop" };
    case "none":
    case "taken":
      break;
  }
  switch (step.kind) {
    case "choosing":
      return sight.view.deliveries.length === 0
        ? { code: "no-deliveries", tone: "wait" }
        : { code: "choose-delivery", tone: "go" };
    case "delivery":
      if (step.delivery.orderChange !== null) return { code: "choose-version", tone: "stop" };
      return step.delivery.lines.every(({ decision }) => decision !== null)
        ? { code: "all-decided", tone: "go" }
        : { code: "choose-line", tone: "go" };
    case "weighing":
      if (step.delivery.orderChange !== null) return { code: "choose-version", tone: "stop" };
      if (step.line.decision !== null) return { code: "line-finished", tone: "go" };
      return weighingStep(sight, step.line, step.goods, step.delivery.photosWaivedBy !== null);
    case "issuing":
      // Nobody waives photos of what goes out: each pan is asked about.
      if (sight.isCameraLost) return { code: "camera-lost", tone: "stop" };
      return scaleStep(sight, false) ?? { code: "issue-ready", tone: "go" };
  }
}

function weighingStep(sight: StepSight, line: LineView, goods: GoodsView, isPhotoWaived: boolean): NextStep {
  const isFull = line.verdict === "exact" || line.verdict === "within" || line.verdict === "over";
  if (sight.view.activity.kind === "taken") {
    return { code: isFull ? "line-full" : "next-or-finish", tone: "go" };
  }
  if (sight.isCameraLost && !isPhotoWaived) return { code: "camera-lost", tone: "stop" };
  const fault = scaleStep(sight, true);
  if (fault !== null) return fault;
  // Enough is there and nothing is on the pan: the line is to be finished, not another pan demanded.
  if (isFull && isWaitingFor(sight.gate, "below-min")) return { code: "line-full", tone: "go" };
  if (line.unit === "piece" && goods.packCount === null) return { code: "packs", tone: "go" };
  if (line.lotRequired && goods.lot === null) return { code: "lot", tone: "go" };
  if (line.shelfDaysMin !== null && goods.expiry === null) return { code: "expiry", tone: "go" };
  if (line.temperatureMilliCMax !== null && goods.temperature === null) {
    return { code: "temperature", tone: "go" };
  }
  return scaleStep(sight, false) ?? { code: "ready", tone: "go" };
}

/** @param faultsOnly leaves out what passes by itself. */
function scaleStep({ gate }: StepSight, faultsOnly: boolean): NextStep | null {
  if (gate === null) return { code: "scale-trouble", tone: "stop", gate: "scale-lost" };
  if (gate.kind === "ready") return null;
  const isFault = isScaleFault(gate.reason);
  if (faultsOnly && !isFault) return null;
  return { code: "scale-trouble", tone: isFault ? "stop" : "wait", gate: gate.reason };
}

const isWaitingFor = (gate: GateView | null, reason: GateReason): boolean =>
  gate?.kind === "waiting" && gate.reason === reason;
