import { CabinetSimulator } from "../../firmware-bridge/simulators/cabinet-simulator.ts";
import { tcpBay } from "../../firmware-bridge/simulators/tcp-bay.ts";
import { DEMO_CABINET_UNITS } from "../config/demo-config.ts";
import type { DemoCabinet } from "../kiosk/kiosk-ports.ts";
import type { Clock } from "../platform/clock.ts";
import type { Teardown } from "../platform/teardown.ts";

/** A visitor waits seconds for what takes a kitchen ten minutes. */
const TIMES_FASTER = 15;

/** The demo's cabinet: bytes over a loopback gateway, as from a real RS-485 line. */
export async function startDemoCabinet(
  clock: Clock,
  teardown: Teardown,
): Promise<{ readonly port: string; readonly controls: DemoCabinet }> {
  const bay = await tcpBay();
  await bay.plug();
  teardown.add("simulated cabinet's line", () => bay.close());
  const { probes, module } = DEMO_CABINET_UNITS;
  const simulator = new CabinetSimulator({
    socket: bay.socket,
    clock,
    probeUnits: probes,
    moduleUnit: module,
    timesFaster: TIMES_FASTER,
  });
  teardown.add("simulated cabinet", () => simulator.stop());
  const [, food = 0] = probes;
  return {
    port: bay.address,
    controls: {
      condition: () => {
        const { isDoorOpen, isCompressorOn, unpluggedUnits } = simulator.condition();
        return { isDoorOpen, isCompressorOn, isProbeUnplugged: unpluggedUnits.includes(food) };
      },
      set: ({ isProbeUnplugged, ...change }) =>
        simulator.set({
          ...change,
          ...(isProbeUnplugged === undefined ? {} : { unpluggedUnits: isProbeUnplugged ? [food] : [] }),
        }),
    },
  };
}
