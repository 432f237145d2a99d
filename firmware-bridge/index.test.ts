import { describe, expect, it } from "vitest";
import { BridgeFault, openScale, type ScaleReading } from "./index.ts";
import { ScaleSimulator, ST_GS_VOICE } from "./simulators/scale-simulator.ts";
import { tcpBay } from "./simulators/tcp-bay.ts";
import { systemBridgeClock } from "./transport/system-time.ts";

describe("the bridge on its own", () => {
  it("reads a scale in a few lines", async () => {
    const bay = await tcpBay();
    const simulator = new ScaleSimulator({
      socket: bay.socket,
      clock: systemBridgeClock,
      voice: ST_GS_VOICE,
      script: [{ grams: 730, stable: true }],
      everyMs: 20,
    });
    await bay.plug();
    const scale = openScale({ port: bay.address, protocol: "stgs-text" });
    const reading = await new Promise<ScaleReading>((resolve) => scale.onReading(resolve));
    expect(reading).toMatchObject({ grams: 730, stable: true });
    await scale.close();
    simulator.stop();
    await bay.close();
  });

  it("refuses a protocol that there is not", () => {
    expect(() => openScale({ port: "/dev/null", protocol: "telepathy" })).toThrow(BridgeFault);
  });
});
