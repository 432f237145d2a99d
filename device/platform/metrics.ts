import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What the terminal counts, in Prometheus' terms. No label ever names a person, a card or an operator. */
export interface Metrics {
  chargeMade(method: string): void;
  chargeVoided(): void;
  /** @param reason one of the closed list of refusal reasons. */
  chargeRefused(reason: string): void;
  /** @param stageMs duration of each stage of the face pipeline, by name. */
  frameObserved(stageMs: Readonly<Record<string, number>>, faceCount: number): void;
  frameDropped(): void;
  /** Journal entries that the cloud has not receipted. */
  waitingCount(count: number): void;
  /** @param seq the entry that the cloud does not take, null while there is none. */
  entryRefused(seq: number | null): void;
  cameraLive(isLive: boolean): void;
  /** Thresholds that the gallery asks for, and how long finding them took. */
  galleryCalibrated(found: CalibratedNumbers): void;
  /** The text that Prometheus scrapes. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
  close(): void;
}

export interface CalibratedNumbers {
  readonly similarityMin: number;
  readonly marginMin: number;
  /** Estimated share of strangers' visits that end as somebody enrolled. */
  readonly fpir: number;
  readonly targetMet: boolean;
  readonly lookAlikePairs: number;
  readonly tookMs: number;
}

/** From one millisecond to two seconds: a stage outside of this needs no finer number. */
const STAGE_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2];
const EVENT_LOOP_RESOLUTION_MS = 10;
const NS_PER_S = 1e9;

/** A registry of its own, so that two terminals in one process (tests) do not share numbers. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const charges = new Counter({
    name: "canteen_charges_total",
    help: "Charges shown as paid, by payment method.",
    labelNames: ["method"],
    registers,
  });
  const voids = new Counter({
    name: "canteen_voids_total",
    help: "Charges voided by an operator at this page.",
    registers,
  });
  const refusals = new Counter({
    name: "canteen_refusals_total",
    help: "Refusals shown, by reason.",
    labelNames: ["reason"],
    registers,
  });
  const stages = new Histogram({
    name: "canteen_frame_stage_seconds",
    help: "Duration of each stage of the face pipeline.",
    labelNames: ["stage"],
    buckets: STAGE_SECONDS,
    registers,
  });
  const faces = new Counter({
    name: "canteen_faces_total",
    help: "Faces found in camera frames.",
    registers,
  });
  const dropped = new Counter({
    name: "canteen_frames_dropped_total",
    help: "Camera frames dropped because a newer one had come.",
    registers,
  });
  const waiting = new Gauge({
    name: "canteen_journal_waiting",
    help: "Journal entries without the cloud's receipt.",
    registers,
  });
  const refused = new Gauge({
    name: "canteen_journal_refused_seq",
    help: "Number of the journal entry that the cloud does not take; 0 while there is none.",
    registers,
  });
  const camera = new Gauge({ name: "canteen_camera_live", help: "1 while the camera delivers.", registers });
  const calibration = new Gauge({
    name: "canteen_face_calibration",
    help: "Last calibration of the gallery: similarity_min, margin_min, fpir, target_met, look_alike_pairs, seconds.",
    labelNames: ["number"],
    registers,
  });
  const loop = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
  loop.enable();
  registerProcess(registers, loop);
  return {
    chargeMade: (method) => charges.inc({ method }),
    chargeVoided: () => voids.inc(),
    chargeRefused: (reason) => refusals.inc({ reason }),
    frameObserved(stageMs, faceCount) {
      for (const [stage, durationMs] of Object.entries(stageMs)) stages.observe({ stage }, durationMs / 1000);
      faces.inc(faceCount);
    },
    frameDropped: () => dropped.inc(),
    waitingCount: (count) => waiting.set(count),
    entryRefused: (seq) => refused.set(seq ?? 0),
    cameraLive: (isLive) => camera.set(isLive ? 1 : 0),
    galleryCalibrated({ similarityMin, marginMin, fpir, targetMet, lookAlikePairs, tookMs }) {
      calibration.set({ number: "similarity_min" }, similarityMin);
      calibration.set({ number: "margin_min" }, marginMin);
      calibration.set({ number: "fpir" }, fpir);
      calibration.set({ number: "target_met" }, targetMet ? 1 : 0);
      calibration.set({ number: "look_alike_pairs" }, lookAlikePairs);
      calibration.set({ number: "seconds" }, tookMs / 1000);
    },
    async render() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    close: () => void loop.disable(),
  };
}

function registerProcess(registers: Registry[], loop: ReturnType<typeof monitorEventLoopDelay>): void {
  new Gauge({
    name: "canteen_event_loop_delay_seconds",
    help: "Event-loop delay since the last scrape.",
    labelNames: ["quantile"],
    registers,
    collect() {
      // The monitor's own sampling period is part of what it measures and is taken off.
      const above = (delayNs: number): number =>
        Math.max(0, delayNs / NS_PER_S - EVENT_LOOP_RESOLUTION_MS / 1000);
      this.set({ quantile: "0.5" }, above(loop.percentile(50)));
      this.set({ quantile: "0.99" }, above(loop.percentile(99)));
      this.set({ quantile: "1" }, above(loop.max));
      loop.reset();
    },
  });
  new Gauge({
    name: "canteen_resident_memory_bytes",
    help: "Resident memory of the process.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: "canteen_heap_used_bytes",
    help: "JavaScript heap in use.",
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
}
