import { describe, expect, it } from "vitest";
import { minuteOfDay } from "./contradictions.ts";
import { demoConfig } from "./demo-config.ts";

const options = {
  dataFolder: "/data/demo",
  cameraFolder: "/data/demo/camera",
  mqttUrl: "mqtt://127.0.0.1:1884",
};

describe("demo configuration", () => {
  it("has a meal at every minute of the day", () => {
    const { periods } = demoConfig(options).servingLine.mealPlan;
    const edges = periods.map(({ from, to }) => [minuteOfDay(from), minuteOfDay(to)]);
    expect(edges).toEqual([
      [0, 600],
      [600, 900],
      [900, 1440],
    ]);
  });

  it("shows the sample people and charges by presence, or takes the webcam and a touch", () => {
    expect(demoConfig(options)).toMatchObject({
      camera: { kind: "folder", folder: "/data/demo/camera" },
      servingLine: { activation: "presence" },
    });
    expect(demoConfig({ ...options, cameraFolder: null, activation: "touch" })).toMatchObject({
      camera: { kind: "browser" },
      servingLine: { activation: "touch" },
    });
  });

  it("passes the schema: a wrong option is the same fault as a wrong file", () => {
    expect(() => demoConfig({ ...options, kioskPort: 99999 })).toThrow(/kiosk\.port/);
  });
});
