import { describe, expect, it } from "vitest";
import { forecastErrors } from "../../scripts/cabinet-warm-ups.ts";
import { seededEntropy } from "../platform/entropy.ts";
import { forecastTemperature } from "./temperature-forecast.ts";
import { SlopeWindow } from "./temperature-slope.ts";

function slopeOf(values: readonly number[], stepMs = 5000): SlopeWindow {
  const window = new SlopeWindow();
  for (const [index, value] of values.entries()) window.add(value, index * stepMs);
  return window;
}

describe("a slope", () => {
  const rising = Array.from({ length: 120 }, (_, index) => 4000 + index * 10);

  it("is that of a straight line, and one wild value does not move it", () => {
    expect(slopeOf(rising).slope()?.milliCPerMin).toBeCloseTo(120, 6);
    expect(slopeOf(rising.with(60, 30_000)).slope()?.milliCPerMin).toBeCloseTo(120, -1);
  });

  it("needs two and a half minutes, and begins anew after a gap", () => {
    expect(slopeOf(rising.slice(0, 30)).slope()).toBeNull();
    const window = slopeOf(rising);
    window.add(9000, 120 * 5000 + 120_001);
    expect(window.slope()).toBeNull();
  });
});

describe("a forecast", () => {
  it("is said only where it warms up towards a limit that is still ahead, and not too far", () => {
    const slope = { milliCPerMin: 200, spanMs: 600_000 };
    expect(forecastTemperature(5000, 8000, slope)?.inMs).toBeGreaterThan(15 * 60_000);
    expect(forecastTemperature(8000, 8000, slope)).toBeNull();
    expect(forecastTemperature(5000, 8000, { ...slope, milliCPerMin: 29 })).toBeNull();
    expect(forecastTemperature(2000, 8000, { ...slope, milliCPerMin: 100 })).toBeNull();
    expect(forecastTemperature(5000, 8000, null)).toBeNull();
    expect(forecastTemperature(28_000, 30_000, slope)?.inMs).toBe(600_000);
  });

  it("holds the truth within its interval for about eight of ten warm-ups, and is silent on a swing", () => {
    const errors = forecastErrors(seededEntropy(7).uniform);
    expect(errors.coveredShare).toBeGreaterThan(0.78);
    expect(Math.abs(errors.ratioP50 - 1)).toBeLessThan(0.1);
    expect(errors.falseForecasts).toBeLessThan(1440 * 0.02);
  });
});
