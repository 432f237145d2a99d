import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { freePort } from "../../device/sync/testing/brokers.ts";

export const CABINET = "cabinet-1";

/** A terminal with nothing but a cabinet: a probe at unit 1, a door at unit 9, a broker that is not there. */
export async function writeCabinetConfig(
  folder: string,
  port: string,
  { pollEveryMs = 100, powerBackMs = 300_000 } = {},
): Promise<{ readonly config: string; readonly data: string }> {
  const config = join(folder, "canteen.yaml");
  const data = join(folder, "data");
  const raw = {
    site: "kill-school",
    device: "terminal-1",
    dataFolder: data,
    logLevel: "error",
    kiosk: { port: await freePort() },
    storage: { freeBytesMin: 1_000_000 },
    servingLine: {
      mealPlan: {
        periods: [
          {
            id: "all-day",
            name: { zh: "全天", en: "All day" },
            from: "00:00",
            to: "24:00",
            pricing: { kind: "fixed", priceFen: 700 },
          },
        ],
      },
    },
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
  };
  writeFileSync(config, stringify(raw));
  return { config, data };
}
