import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { artifactsForTests } from "../models/artifacts-for-tests.ts";
import { type BenchReport, tableOf } from "./bench.ts";
import { benchCheckout } from "./bench-checkout.ts";
import { benchPeople, spreadOf } from "./bench-people.ts";
import { benchSearch } from "./bench-search.ts";
import { sampleValues } from "./bench-terminal.ts";

const REPORT: BenchReport = {
  machine: { cpu: "a processor", cores: 2, node: "24.0.0", loadBefore: 0, loadAfter: 1 },
  at: "2026-09-01T00:00:00.000Z",
  quick: false,
  checkout: [
    {
      enrolled: 20_000,
      charges: 200,
      decidingFrame: { p50Ms: 80, p99Ms: 150 },
      visit: { p50Ms: 240, p99Ms: 300 },
      framesToAgree: 3,
      commit: { p50Ms: 1, p99Ms: 2 },
      framesPerS: 11,
    },
  ],
  terminal: [
    {
      enrolled: 20_000,
      liveness: "off",
      startUpMs: 2500,
      facesMs: 9000,
      rssMb: 451,
      framesPerS: 9.9,
      eventLoopDelayP50Ms: 0.2,
      eventLoopDelayP99Ms: 20,
      charges: 6,
    },
  ],
  faceApi: [
    { pipeline: "canteen-edge", p50Ms: 80, p99Ms: 90, cpuP50Ms: 1, framesPerS: 12, framesWithFace: 1 },
    { pipeline: "face-api SSD", p50Ms: 800, p99Ms: 900, cpuP50Ms: 1, framesPerS: 1.2, framesWithFace: 1 },
    { pipeline: "face-api Tiny", p50Ms: 160, p99Ms: 200, cpuP50Ms: 1, framesPerS: 6, framesWithFace: 0.6 },
  ],
  search: [
    {
      enrolled: 1000,
      method: "plain JavaScript",
      p50Ms: 1,
      p99Ms: 2,
      cpuP50Ms: 1,
      cpuP99Ms: 2,
      sameAnswer: 1,
    },
  ],
};

describe("the benchmark's figures", () => {
  it("charges each person once on a real journal and gives every duration", async () => {
    await artifactsForTests();
    const folder = mkdtempSync(join(tmpdir(), "canteen-bench-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [row, ...others] = await benchCheckout({
      folder,
      people: await benchPeople(),
      enrolledCounts: [20],
      chargeCount: 2,
      sustainedFrames: 2,
    });
    expect(others).toEqual([]);
    expect(row).toMatchObject({ enrolled: 20, charges: 2, framesToAgree: 2 });
    if (row === undefined) return;
    expect(row.commit.p50Ms).toBeGreaterThan(0);
    expect(row.decidingFrame.p50Ms).toBeGreaterThan(row.commit.p50Ms);
    expect(row.visit.p50Ms).toBeGreaterThan(row.decidingFrame.p50Ms);
    expect(row.framesPerS).toBeGreaterThan(0);
  });

  it("searches with every method and agrees with plain JavaScript", async () => {
    const rows = await benchSearch({ enrolledCounts: [100], queryCount: 3 });
    expect(rows.map(({ method }) => method)).toContain("usearch exact int8");
    expect(rows.find(({ method }) => method.startsWith("canteen-edge"))).toMatchObject({ sameAnswer: 1 });
  });

  it("takes the nearest rank, so that one outlier in a hundred is not the 99th percentile", () => {
    const hundred = [...Array.from({ length: 99 }, (_, i) => i + 1), 5000];
    expect(spreadOf(hundred)).toEqual({ p50Ms: 50, p99Ms: 99 });
    expect(spreadOf([7])).toEqual({ p50Ms: 7, p99Ms: 7 });
  });

  it("reads values out of Prometheus' text, with and without labels", () => {
    const value = sampleValues('# HELP a b\na_total 3\na_seconds{quantile="0.99"} 0.0125\nb 1e3\n');
    expect([value("a_total"), value('a_seconds{quantile="0.99"}'), value("b"), value("none")]).toEqual([
      3, 0.0125, 1000, 0,
    ]);
  });
});

describe("the benchmark's table", () => {
  const lineWith = (text: string) =>
    tableOf(REPORT)
      .split("\n")
      .find((line) => line.includes(text));

  it("says beside each aim whether it was met, its bound included as it is written", () => {
    expect(lineWith("deciding JPEG in")).toContain("[aim p99 ≤ 150 ms: met]");
    expect(lineWith("resident memory")).toContain("451 MB  [aim ≤ 450 MB: NOT MET]");
    expect(lineWith("event-loop delay")).toContain("[aim p99 < 20 ms: NOT MET]");
    expect(lineWith("face-api SSD")).toContain("10.0 times as fast  [aim ≥ 10 times: met]");
  });

  it("names the machine, its load, and every part", () => {
    expect(tableOf(REPORT)).toContain("a processor, 2 cores, Node 24.0.0");
    expect(tableOf(REPORT)).toContain("load 0.0 before, 1.0 after");
    expect(lineWith("plain JavaScript")).toContain("p50 1.00 ms, p99 2.00 ms, same two 100 %");
    expect(lineWith("face-api Tiny")).toContain("face in 60 %");
  });
});
