import { describe, expect, it, vi } from "vitest";
import type { GalleryCalibration } from "../../models/calibration/calibration-port.ts";
import type { SearchResult } from "../../models/face-engine-port.ts";
import { silentLogger } from "../platform/logger.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { type CalibrationJob, GalleryCalibrationLoop } from "./gallery-calibration.ts";
import { GalleryBounds, NO_DISPUTES } from "./identity-bounds.ts";
import type { StoredTemplate, TemplateStore } from "./roster-port.ts";

const model = "m1";
const found: GalleryCalibration = {
  model,
  peopleCount: 2,
  templateCount: 2,
  similarityMin: 0.55,
  marginMin: 0.1,
  targetMet: true,
  fpirMax: 0.001,
  fpir: { value: 0.001, low: 0, high: 0.002 },
  fnir: null,
  cohortShare: 1,
  setAsideCount: 0,
  curve: [],
  lookAlikeMin: 0.5,
  lookAlikes: [{ personIds: ["a", "b"], similarity: 0.7 }],
  tookMs: 1,
  cpuMs: 1,
};
const templateOf = (personId: string, modelId = model): StoredTemplate => ({
  templateId: `t-${personId}`,
  personId,
  modelId,
  embedding: Float32Array.of(1, 0),
});

function world(...sideModels: string[]) {
  const clock = new VirtualClock();
  const listeners = new Set<Parameters<TemplateStore["onChanged"]>[0]>();
  const jobs: {
    readonly job: CalibrationJob;
    resolve(calibration: GalleryCalibration): void;
    reject(error: Error): void;
  }[] = [];
  const near = { result: { best: null, runnerUp: null } as SearchResult, failure: null as Error | null };
  const told: GalleryCalibration[] = [];
  const bounds = new GalleryBounds({
    disputes: NO_DISPUTES,
    uncalibrated: () => ({ similarityMin: 0.58, marginMin: 0.1 }),
    disputedSimilarityMax: () => 0.83,
  });
  const loop = new GalleryCalibrationLoop({
    engine: {
      model,
      search: async () => {
        if (near.failure !== null) throw near.failure;
        return near.result;
      },
    },
    sideModels,
    templates: {
      loadInParts: () => ({ peopleCount: 1, parts: [{ templates: [templateOf("a")], damaged: [] }] }),
      onChanged: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    bounds,
    calibrate: (job) =>
      new Promise((resolve, reject) => {
        jobs.push({ job, resolve, reject });
        job.signal.addEventListener("abort", () => reject(job.signal.reason));
      }),
    clock,
    logger: silentLogger,
    onCalibrated: (calibration) => told.push(calibration),
  });
  const change = (personId: string, templates: readonly StoredTemplate[]): void => {
    for (const listener of [...listeners]) listener({ personId, templates });
  };
  const lookAlikesOf = (personId: string) =>
    bounds.barOf(personId, model).lookAlikes.map((one) => one.personId);
  return { clock, jobs, near, told, bounds, loop, change, lookAlikesOf, listeners };
}

describe("the calibration of the gallery", () => {
  it("reads every template of the engine's model, and its result holds from then on", async () => {
    const { loop, jobs, bounds, told } = world();
    const running = loop.calibrate();
    expect(loop.state().kind).toBe("running");
    expect([...(jobs[0]?.job.parts ?? [])].flat()).toMatchObject([{ personId: "a", model }]);
    jobs[0]?.resolve(found);
    await running;
    expect(bounds.thresholds(model)).toMatchObject({ similarityMin: 0.55, source: "calibrated" });
    expect(loop.state()).toMatchObject({ kind: "idle", failure: null });
    expect(told).toHaveLength(1);
  });

  it("runs once when the gallery was quiet, and not for ever later while changes keep coming", async () => {
    const { loop, jobs, clock, change } = world();
    change("a", [templateOf("a")]);
    await clock.advance(19_000);
    change("b", [templateOf("b")]);
    await clock.advance(19_000);
    expect(jobs).toHaveLength(0);
    expect(loop.state().kind).toBe("waiting");
    await clock.advance(1000);
    expect(jobs).toHaveLength(1);
    jobs[0]?.resolve(found);
    await loop.calibrate();
    for (let i = 0; i < 20; i += 1) {
      change("a", [templateOf("a")]);
      await clock.advance(10_000);
    }
    expect(jobs).toHaveLength(2);
    jobs[1]?.resolve(found);
    await loop.close();
  });

  it("finds the look-alikes of somebody new at once, and forgets those of somebody who left", async () => {
    const { loop, jobs, near, change, lookAlikesOf } = world();
    const running = loop.calibrate();
    jobs[0]?.resolve(found);
    await running;
    near.result = { best: { personId: "a", similarity: 0.52 }, runnerUp: { personId: "b", similarity: 0.4 } };
    change("c", [templateOf("c")]);
    await loop.settled();
    expect(lookAlikesOf("c")).toEqual(["a"]);
    expect(lookAlikesOf("a")).toEqual(["b", "c"]);
    change("a", []);
    expect(lookAlikesOf("b")).toEqual([]);
    expect(lookAlikesOf("c")).toEqual([]);
    await loop.close();
  });

  it("does not bring back, from a run that began before, somebody who left or was enrolled anew meanwhile", async () => {
    const { loop, jobs, near, change, lookAlikesOf } = world();
    const running = loop.calibrate();
    near.result = { best: { personId: "d", similarity: 0.9 }, runnerUp: null };
    change("a", [templateOf("a")]);
    await loop.settled();
    jobs[0]?.resolve(found);
    await running;
    expect(lookAlikesOf("a")).toEqual(["d"]);
    expect(lookAlikesOf("b")).toEqual([]);
    await loop.close();
  });

  it("keeps the configured thresholds when the thread crashes, names why, and tries again", async () => {
    const { loop, jobs, bounds, clock } = world();
    const running = loop.calibrate();
    jobs[0]?.reject(Object.assign(new Error("gone"), { code: "calibration-failed" }));
    await running;
    expect(bounds.thresholds(model)).toMatchObject({ similarityMin: 0.58, source: "configured" });
    expect(loop.state()).toMatchObject({ kind: "waiting", failure: "calibration-failed" });
    await clock.advance(60_000);
    expect(jobs).toHaveLength(2);
    jobs[1]?.resolve(found);
    await loop.calibrate();
    expect(loop.state()).toMatchObject({ kind: "idle", failure: null });
  });

  it("still asks about somebody enrolled anew until the search for them is over, or the next run", async () => {
    const { loop, jobs, near, change, lookAlikesOf } = world();
    const running = loop.calibrate();
    jobs[0]?.resolve(found);
    await running;
    near.failure = Object.assign(new Error("gone"), { code: "engine-crashed" });
    change("a", [templateOf("a")]);
    expect(lookAlikesOf("b")).toEqual(["a"]);
    await loop.settled();
    expect(lookAlikesOf("b")).toEqual(["a"]);
    near.failure = null;
    change("a", [templateOf("a")]);
    expect(lookAlikesOf("b")).toEqual(["a"]);
    await loop.settled();
    expect(lookAlikesOf("b")).toEqual([]);
    await loop.close();
  });

  it("keeps who looks like whom by a side pack while only the other pack's templates changed", async () => {
    const { loop, bounds, change } = world("m0");
    bounds.addPair("m0", { personIds: ["a", "b"], similarity: 0.97 });
    const ofBoth = [templateOf("a"), templateOf("a", "m0")];
    const alike = () => bounds.barOf("b", "m0").lookAlikes.map(({ personId }) => personId);
    change("a", ofBoth);
    await loop.settled();
    expect(alike()).toEqual(["a"]);
    change("a", ofBoth.slice(0, 1));
    expect(alike()).toEqual([]);
    await loop.close();
  });

  it("forgets whoever leaves while the search for them is under way", async () => {
    const { loop, near, change, lookAlikesOf } = world();
    near.result = { best: { personId: "b", similarity: 0.9 }, runnerUp: null };
    change("a", [templateOf("a")]);
    change("a", []);
    await loop.settled();
    expect(lookAlikesOf("b")).toEqual([]);
    await loop.close();
  });

  it("does not go by the thresholds of a few while many came since, or while it ran", async () => {
    const { loop, jobs, bounds, change } = world();
    const ofFew = { ...found, peopleCount: 1 };
    const first = loop.calibrate();
    jobs[0]?.resolve(ofFew);
    await first;
    change("a", [templateOf("a")]);
    expect(bounds.thresholds(model).similarityMin).toBe(0.55);
    change("b", [templateOf("b")]);
    expect(bounds.thresholds(model).similarityMin).toBe(0.58);
    const second = loop.calibrate();
    for (const personId of ["c", "d"]) change(personId, [templateOf(personId)]);
    jobs[1]?.resolve(ofFew);
    await second;
    expect(bounds.thresholds(model).similarityMin).toBe(0.58);
    const third = loop.calibrate();
    jobs[2]?.resolve(ofFew);
    await third;
    expect(bounds.thresholds(model).similarityMin).toBe(0.55);
    await loop.close();
  });

  it("leaves it to the next run when the engine could not search", async () => {
    const { loop, near, change, lookAlikesOf, jobs, clock } = world();
    near.failure = Object.assign(new Error("gone"), { code: "engine-crashed" });
    change("c", [templateOf("c")]);
    await loop.settled();
    expect(lookAlikesOf("c")).toEqual([]);
    await clock.advance(20_000);
    expect(jobs).toHaveLength(1);
    await loop.close();
  });

  it("is compared only when whoever came while the engine was gone was in a run", async () => {
    const { loop, jobs, change, near, lookAlikesOf } = world();
    const comparing = loop.compareAll();
    await vi.waitFor(() => expect(jobs).toHaveLength(1));
    jobs[0]?.resolve(found);
    await comparing;
    expect(await loop.isCompared()).toBe(true);
    near.failure = new Error("engine-crashed");
    change("c", [templateOf("c")]);
    expect(await loop.isCompared()).toBe(false);
    expect(loop.hasUnsearched).toBe(true);
    let isOver = false;
    const again = loop.compareAll().then(() => {
      isOver = true;
    });
    await vi.waitFor(() => expect(jobs).toHaveLength(2));
    // Somebody else comes while it runs: one more run.
    change("d", [templateOf("d")]);
    jobs[1]?.resolve({ ...found, lookAlikes: [{ personIds: ["b", "c"], similarity: 0.8 }] });
    await vi.waitFor(() => expect(jobs).toHaveLength(3));
    expect(isOver).toBe(false);
    expect(lookAlikesOf("c")).toEqual(["b"]);
    jobs[2]?.resolve({ ...found, lookAlikes: [{ personIds: ["c", "d"], similarity: 0.8 }] });
    await again;
    expect(lookAlikesOf("d")).toEqual(["c"]);
    await loop.close();
  });

  it("goes on with what is known when a run fails, and still knows who was in none", async () => {
    const { loop, jobs, change, near } = world();
    near.failure = new Error("engine-crashed");
    change("c", [templateOf("c")]);
    const comparing = loop.compareAll();
    await vi.waitFor(() => expect(jobs).toHaveLength(1));
    jobs[0]?.reject(new Error("out of memory"));
    await comparing;
    expect(await loop.isCompared()).toBe(false);
    await loop.close();
  });

  it("ends a run that is under way when it is closed, and starts no other", async () => {
    const { loop, jobs, clock, change, listeners } = world();
    change("a", [templateOf("a")]);
    const running = loop.calibrate();
    await loop.close();
    await running;
    expect(jobs[0]?.job.signal.aborted).toBe(true);
    await clock.advance(300_000);
    expect(jobs).toHaveLength(1);
    expect(listeners.size).toBe(0);
  });
});
