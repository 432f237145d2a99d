import { checkConfig, requireConfig } from "./load.ts";
import type { Config } from "./schema.ts";

/** Where the simulated devices of receiving are reached. */
export interface DemoBenchConfig {
  readonly scalePort: string;
  readonly scannerPort: string;
  readonly probePort: string;
  readonly gramsMax: number;
  readonly divisionG: number;
  /** Pictures of goods; null photographs with the terminal's own camera. */
  readonly goodsFolder: string | null;
}

export interface DemoOptions {
  /** Where the demo keeps its journal and keys. */
  readonly dataFolder: string;
  /** Folder of sample photos that the camera shows one after another; null for the browser's webcam. */
  readonly cameraFolder: string | null;
  readonly mqttUrl: string;
  readonly kioskPort?: number;
  readonly username?: string;
  readonly passwordFile?: string;
  /** How long each sample person stands before the camera. */
  readonly photoHoldMs?: number;
  /** Without it nothing can be weighed. */
  readonly bench?: DemoBenchConfig;
  /** Default presence: the sample camera shows person after person and nobody is there to press. */
  readonly activation?: "presence" | "touch";
}

/**
 * The demo's configuration, through the same schema as a file. Its three meals cover the whole day, so that a
 * payment is possible whenever someone tries; prices are those of a modest canteen.
 */
export function demoConfig(options: DemoOptions): Config {
  const { dataFolder, cameraFolder, mqttUrl, activation = "presence" } = options;
  const meal = (id: string, zh: string, en: string, from: string, to: string, priceFen: number) => ({
    id,
    name: { zh, en },
    from,
    to,
    pricing: { kind: "fixed", priceFen },
    subsidyFen: { student: 200 },
  });
  const raw = {
    site: "demo-school",
    device: "terminal-1",
    dataFolder,
    logLevel: "warn",
    kiosk: options.kioskPort === undefined ? {} : { port: options.kioskPort },
    camera:
      cameraFolder === null
        ? { kind: "browser" }
        : { kind: "folder", folder: cameraFolder, photoHoldMs: options.photoHoldMs ?? 6000 },
    // A folder of photos is what a liveness check is there to refuse: it cannot blink. A webcam shows people.
    face: { liveness: cameraFolder === null ? "assist" : "off" },
    servingLine: {
      activation,
      mealPlan: {
        version: "demo-1",
        periods: [
          meal("breakfast", "早餐", "Breakfast", "00:00", "10:00", 600),
          meal("lunch", "午餐", "Lunch", "10:00", "15:00", 1200),
          meal("dinner", "晚餐", "Dinner", "15:00", "24:00", 1000),
        ],
      },
    },
    ...(options.bench === undefined ? {} : benchConfig(options.bench)),
    mqtt: {
      url: mqttUrl,
      ...(options.username === undefined ? {} : { username: options.username }),
      ...(options.passwordFile === undefined ? {} : { passwordFile: options.passwordFile }),
      // A person pulls the plug to see what happens and will not wait a minute for the answer.
      reconnectWaitMsMin: 500,
      reconnectWaitMsMax: 3000,
      receiptWaitMsMax: 3000,
    },
  };
  return requireConfig(checkConfig(raw, { folder: dataFolder }));
}

function benchConfig(bench: DemoBenchConfig): object {
  const { scalePort, scannerPort, probePort, gramsMax, divisionG, goodsFolder } = bench;
  const container = (id: string, zh: string, en: string, tareG: number) => ({ id, name: { zh, en }, tareG });
  return {
    devices: [
      { id: "demo-scale", kind: "scale", port: scalePort, protocol: "mt-sics", pollEveryMs: 60 },
      {
        id: "demo-scanner",
        kind: "scanner",
        port: scannerPort,
        protocol: "scanner-serial",
        use: "receiving",
      },
      { id: "demo-probe", kind: "thermometer", port: probePort, protocol: "probe-text" },
    ],
    receiving: {
      camera:
        goodsFolder === null
          ? { kind: "same" }
          : { kind: "folder", folder: goodsFolder, photoHoldMs: 600_000 },
      scales: [
        {
          id: "demo-scale",
          label: "演示电子秤 / demo scale",
          minG: 20 * divisionG,
          maxG: gramsMax,
          divisionG,
          serialNumber: "DEMO-0001",
          verifiedOn: "2026-03-10",
        },
      ],
      containers: [
        container("crate", "蓝色周转筐", "Blue crate", 1850),
        container("trolley", "平板车", "Trolley", 12_400),
      ],
    },
  };
}
