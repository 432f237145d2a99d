/** A data folder with a school in it: people, accounts, consents, and where wanted sealed templates. */

import { mkdirSync } from "node:fs";
import { demoConfig } from "../device/config/demo-config.ts";
import type { Config } from "../device/config/schema.ts";
import { systemEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import { openTerminalStore, type TerminalStore } from "../device/terminal-store.ts";
import { benchPersonId } from "./bench-people.ts";

/** `down/roster` takes no more people at once. */
const PEOPLE_PER_DELTA = 2000;
const SHOWN_MS_MIN = 300;

export interface BenchConfigOptions {
  readonly dataFolder: string;
  readonly activation: "touch" | "presence";
  readonly cameraFolder?: string;
  readonly mqttUrl?: string;
  readonly kioskPort?: number;
}

/** The demo's configuration, so its meals cover the whole day; what was shown goes away as soon as it may. */
export function benchConfig(options: BenchConfigOptions): Config {
  const { dataFolder, activation, cameraFolder = null, mqttUrl = "mqtt://127.0.0.1:1" } = options;
  const port = options.kioskPort === undefined ? {} : { kioskPort: options.kioskPort };
  const config = demoConfig({ dataFolder, cameraFolder, mqttUrl, activation, ...port });
  const { camera } = config;
  return {
    ...config,
    // Each visit is a still photo over and over: a check must ask it to blink, and it cannot.
    face: { ...config.face, liveness: "off" },
    camera: camera.kind === "folder" ? { ...camera, framePeriodMs: 100, photoHoldMs: 1500 } : camera,
    servingLine: { ...config.servingLine, shownMsMin: SHOWN_MS_MIN },
  };
}

/** Opens the folder's store, on the disk and with the durability of a real terminal, and lets people come down. */
export async function openBenchSchool(config: Config, peopleCount: number): Promise<TerminalStore> {
  mkdirSync(config.dataFolder, { recursive: true });
  const clock = new SystemClock();
  const store = await openTerminalStore({ config, clock, entropy: systemEntropy, logger: silentLogger });
  store.timeTrust.reportReference(clock.now(), 0);
  for (let from = 0; from < peopleCount; from += PEOPLE_PER_DELTA) {
    const count = Math.min(PEOPLE_PER_DELTA, peopleCount - from);
    const version = store.roster.version();
    store.roster.apply({
      v: 1,
      kind: "delta",
      from: version,
      to: version + 1,
      people: Array.from({ length: count }, (_, i) => schoolPerson(from + i, clock.now())),
      removed: [],
    });
  }
  return store;
}

type SchoolPerson = Parameters<TerminalStore["roster"]["apply"]>[0]["people"][number];

function schoolPerson(index: number, nowMs: number): SchoolPerson {
  return {
    personId: benchPersonId(index),
    number: String(1_000_000 + index),
    displayName: `同学${index}`,
    groupName: "测试班",
    kind: "student",
    active: true,
    allergens: [],
    limits: { perChargeFenMax: null, perDayFenMax: null, overdraftFenMax: null, blockedPeriodIds: [] },
    account: { balanceFen: 1_000_000, throughSeq: 0 },
    cards: [],
    pinHash: null,
    consents: [{ scope: "face", grantedBy: "guardian", grantedAtMs: nowMs, withdrawnAtMs: null }],
  };
}

/** Enrols person 0, 1, 2, … and lets the cloud have receipted all of it, as at a terminal that has run for long. */
export function enrolAll(store: TerminalStore, modelId: string, embeddings: Iterable<Float32Array>): void {
  let index = 0;
  store.journal.transact(() => {
    for (const embedding of embeddings) {
      store.templates.vault.put({
        enrolmentId: store.ids.next(),
        enrolledAtMs: 0,
        origin: "local",
        personId: benchPersonId(index),
        modelId,
        templates: [{ templateId: store.ids.next(), embedding, quality: 1 }],
      });
      index += 1;
    }
  });
  // The clock was right when this was written, so the terminal goes on believing it.
  store.journal.append({ id: store.ids.next(), kind: "device.started", body: { appVersion: "bench" } });
  store.journal.acknowledge(store.journal.head().seq);
}
