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
  /** Where the simulated cabinet's line is; left out, the demo has no cabinet. */
  readonly cabinetPort?: string;
}

/** Modbus addresses on the simulated cabinet's line: air and food, and the module with door and buzzer. */
export const DEMO_CABINET_UNITS = { probes: [1, 2], module: 9 } as const;

/**
 * The demo's configuration, through the same schema as a file. Its three meals cover the whole day, so that a
 * payment is possible whenever someone tries; prices are those of a modest canteen.
 */
export function demoConfig(options: DemoOptions): Config {
  const { dataFolder, cameraFolder, mqttUrl, activation = "presence" } = options;
  const meal = (id: string, zh: string, en: string, from: string, to: string, priceFen: number) => ({
    id,
    dishes: DEMO_DISHES,
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
    ...joined(
      options.bench === undefined ? NOTHING : benchConfig(options.bench),
      options.cabinetPort === undefined ? NOTHING : demoCabinet(options.cabinetPort),
    ),
    mqtt: {
      url: mqttUrl,
      ...(options.username === undefined ? {} : { username: options.username }),
      ...(options.passwordFile === undefined ? {} : { passwordFile: options.passwordFile }),
      // A person pulls the plug to see what happens and will not wait a minute for the answer.
      reconnectWaitMsMin: 500,
      reconnectSpreadMs: 500,
      reconnectWaitMsMax: 3000,
      receiptWaitMsMax: 3000,
    },
  };
  return requireConfig(checkConfig(raw, { folder: dataFolder }));
}

/** Each leaves a sample in the cabinet. */
const DEMO_DISHES = [
  { id: "braised-pork", name: { zh: "红烧肉", en: "Braised pork" } },
  { id: "tomato-egg", name: { zh: "番茄炒蛋", en: "Tomato and egg" } },
  { id: "greens", name: { zh: "清炒时蔬", en: "Stir-fried greens" } },
  { id: "rice", name: { zh: "米饭", en: "Rice" } },
];

/** A part of the demo that brings devices of its own. */
type DemoPart = { readonly devices: readonly object[] } & Readonly<Record<string, unknown>>;
const NOTHING: DemoPart = { devices: [] };
const joined = (one: DemoPart, other: DemoPart): DemoPart => ({
  ...one,
  ...other,
  devices: [...one.devices, ...other.devices],
});

function benchConfig(bench: DemoBenchConfig): DemoPart {
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
    // The same scale weighs samples: what is on it is for whoever asks.
    samples: {
      scale: "demo-scale",
      containers: [
        { id: "none", name: { zh: "已去皮", en: "Tared" }, tareG: 0 },
        { id: "sample-box", name: { zh: "留样盒", en: "Sample box" }, tareG: 40 },
      ],
    },
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

/** Delays of seconds instead of minutes: a visitor opens the door and sees what happens. */
function demoCabinet(port: string): DemoPart {
  const fields = [
    { name: "temperature", scale: "0.1" },
    { name: "humidity", scale: "0.1" },
  ];
  const [air, food] = DEMO_CABINET_UNITS.probes;
  const { module: unit } = DEMO_CABINET_UNITS;
  return {
    devices: [
      {
        id: "cabinet-line",
        kind: "modbus-bus",
        port,
        pollEveryMs: 1000,
        replyWaitMsMax: 200,
        probes: [
          { id: "cabinet-air", unit: air, fields },
          { id: "cabinet-food", unit: food, fields },
        ],
        relays: [{ id: "cabinet-buzzer", unit, coil: 0 }],
        inputs: [{ id: "cabinet-door", unit, input: 0 }],
      },
    ],
    cabinets: [
      {
        id: "cabinet-1",
        name: { zh: "一号留样柜", en: "Cabinet 1" },
        slots: 24,
        probes: [
          { probe: "cabinet-air", name: { zh: "柜内空气", en: "Air" }, silenceMsMax: 5000 },
          { probe: "cabinet-food", name: { zh: "样品", en: "Samples" }, silenceMsMax: 5000 },
        ],
        door: { input: "cabinet-door" },
        relay: "cabinet-buzzer",
        alarms: {
          high: { delayMs: 10_000 },
          doorOpen: { delayMs: 10_000 },
          probeFault: { delayMs: 5000 },
          lineLost: { delayMs: 5000 },
          risingFast: { isOn: false },
        },
        escalateAfterMs: { general: 120_000, major: 60_000, critical: 60_000 },
      },
    ],
  };
}
