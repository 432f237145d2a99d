import { join } from "node:path";
import { writeKillConfig } from "./kill-config.ts";

export const CABINET = "cabinet-1";

/** A terminal with nothing but a cabinet: a probe at unit 1, a door at unit 9, a broker that is not there. */
export async function writeCabinetConfig(
  folder: string,
  port: string,
  { pollEveryMs = 100, powerBackMs = 300_000 } = {},
): Promise<{ readonly config: string; readonly data: string }> {
  const data = join(folder, "data");
  const config = await writeKillConfig(folder, data, {
    mqtt: { url: "mqtt://127.0.0.1:1" },
    devices: [
      {
        id: "cabinet-line",
        kind: "modbus-bus",
        port,
        pollEveryMs,
        probes: [{ id: "cabinet-air", unit: 1, fields: [{ name: "temperature" }] }],
        inputs: [{ id: "cabinet-door", unit: 9, input: 0 }],
      },
    ],
    cabinets: [
      {
        id: CABINET,
        name: { zh: "一号柜", en: "Cabinet 1" },
        probes: [{ probe: "cabinet-air" }],
        door: { input: "cabinet-door" },
        alarms: { doorOpen: { delayMs: 200 }, powerBack: { delayMs: powerBackMs } },
      },
    ],
  });
  return { config, data };
}
