import type { Config } from "../../device/config/schema.ts";
import type { PhotoStudio, TakePhoto } from "../../device/photos/studio-port.ts";
import { isFault } from "../../device/platform/errors.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import type { Receiving } from "../../device/receiving/receiving-port.ts";
import type { CabinetsControl } from "../../device/sample-cabinet/cabinets.ts";
import type { Samples } from "../../device/sample-cabinet/samples-port.ts";
import type { SignatureDesk, SignOutcome } from "../../device/signatures/signature-port.ts";
import { createTerminalCabinets } from "../../device/terminal-cabinets.ts";
import type { TerminalDevices } from "../../device/terminal-devices.ts";
import { startTerminalReceiving } from "../../device/terminal-receiving.ts";
import { createTerminalSamples } from "../../device/terminal-samples.ts";
import type { TerminalStore } from "../../device/terminal-store.ts";
import { ScaleDriver } from "../../firmware-bridge/drivers/scale-driver.ts";
import { dialectOf } from "../../firmware-bridge/protocol/registry.ts";
import type { Chance } from "./chance.ts";
import { type KitchenThings, PlayedThermometer, PROBE, SCALE } from "./kitchen-things.ts";
import { PIN } from "./school.ts";
import type { SimulatedCamera } from "./simulated-camera.ts";
import type { MachineClock, SimulatedTime } from "./simulated-time.ts";

/** Receiving and sample cabinet of one process. */
export interface KitchenLife {
  readonly receiving: Receiving;
  readonly cabinets: CabinetsControl;
  readonly samples: Samples;
  close(): Promise<void>;
}

export interface KitchenLifeOptions {
  readonly config: Config;
  readonly store: TerminalStore;
  readonly time: SimulatedTime;
  readonly clock: MachineClock;
  readonly chance: Chance;
  readonly things: KitchenThings;
  readonly camera: Pick<SimulatedCamera, "cameraLost">;
  readonly diskSafe: () => boolean;
  /** Of the pictures, in bytes. */
  readonly photoBytes: number;
}

const TIDY_EVERY_MS = 3_600_000;
const THUMBNAIL_BYTES = 100;

/** As `device/main.ts` builds them; of the devices the scale's driver is real, and hears bytes. */
export function openKitchen(options: KitchenLifeOptions): KitchenLife {
  const { config, store, time, clock, chance, things, diskSafe } = options;
  const dialect = dialectOf("stgs-text");
  if (dialect === null) throw new Error("the registry has the text line of scales");
  const scale = new ScaleDriver({
    transport: things.scaleLine(),
    dialect,
    clock,
    entropy: chance.entropy,
    // It prints at a key press, so that an idle scale costs a run nothing.
    ...{ silenceMsMax: null, poll: null },
  });
  const thermometer = new PlayedThermometer(things, clock, () => time.nowMs);
  const devices: TerminalDevices = {
    scales: new Map([[SCALE, scale]]),
    thermometers: new Map([[PROBE, thermometer]]),
    ...{ relays: new Map(), contacts: new Map(), cardReaders: new Map(), scanners: new Map() },
    open: () => {},
    close: () => Promise.resolve(),
  };
  const studio = playedStudio(options);
  const signatures = playedDesk();
  const cabinets = createTerminalCabinets(config, store, devices, { clock, logger: silentLogger });
  const samples = createTerminalSamples(config, store, {
    ...{ clock, logger: silentLogger, devices, studio, signatures, alarms: cabinets, diskSafe },
  });
  const receiving = startTerminalReceiving({
    ...{ config, store, devices, studio, desk: signatures, clock, logger: silentLogger },
    operatorAtPage: () => KEEPER,
  });
  scale.open({ signal: new AbortController().signal });
  clock.every(TIDY_EVERY_MS, () => void store.photos.tidy().catch(ignoreFault));
  return {
    ...{ receiving, cabinets, samples },
    close: async () => {
      await receiving.close().catch(ignoreFault);
      await samples.close().catch(ignoreFault);
      await cabinets.close().catch(ignoreFault);
      await scale.close();
    },
  };
}

/** Pictures of noise, kept by the real store: the encoder's thread knows nothing of simulated time. */
function playedStudio({ store, camera, chance, photoBytes }: KitchenLifeOptions): PhotoStudio {
  const keep = async (bytes: number, size: "photo" | "thumbnail"): Promise<string> => {
    const content = Buffer.alloc(bytes, chance.below(256));
    content.writeUInt32BE(chance.below(2 ** 32));
    return (await store.photos.put(content, { size, mediaType: "image/jpeg" })).sha256;
  };
  return {
    take: async (): Promise<TakePhoto> => {
      if (camera.cameraLost()) return { kind: "refused", reason: "camera-lost" };
      try {
        const photo = {
          photoSha256: await keep(photoBytes, "photo"),
          thumbnailSha256: await keep(THUMBNAIL_BYTES, "thumbnail"),
          ...{ offMs: 40, cameraLabel: "played", facesBlurred: 0 },
        };
        return { kind: "taken", photo };
      } catch (error) {
        if (isFault(error) && error.code === "photo-space-full")
          return { kind: "refused", reason: "photo-space-full" };
        throw error;
      }
    },
    ready: () => (camera.cameraLost() ? { kind: "lost", code: "camera-gone" } : { kind: "ready" }),
    close: () => Promise.resolve(),
  };
}

/** Who works here. Keepers weigh; the others may also let in what does not match. */
export const KEEPER = "keeper";
export const SECOND = "second";
export const MANAGER = "manager";
const OVERRIDES: ReadonlySet<string> = new Set([SECOND, MANAGER]);

/** Signs by PIN as the desk's contract says; the desk's own hashes and looks are not what is tried here. */
function playedDesk(): SignatureDesk {
  return {
    byPin: ({ operatorId, pin, right, notOperatorIds }) =>
      Promise.resolve(signed(operatorId, pin)).then((outcome): SignOutcome => {
        if (outcome.kind !== "signed") return outcome;
        if (notOperatorIds.includes(operatorId)) return { kind: "refused", reason: "same-person" };
        if (right === "override" && !OVERRIDES.has(operatorId))
          return { kind: "refused", reason: "no-right" };
        return outcome;
      }),
    byFace: () => Promise.resolve({ kind: "not-recognised", reason: "nobody" }),
    signers: ({ right, notOperatorIds }) =>
      [KEEPER, SECOND, MANAGER]
        .filter((operatorId) => right === "keep" || OVERRIDES.has(operatorId))
        .filter((operatorId) => !notOperatorIds.includes(operatorId))
        .map((operatorId) => ({ operatorId, displayName: operatorId, faceKnown: false })),
  };
}

function signed(operatorId: string, pin: string): SignOutcome {
  if (pin !== PIN) return { kind: "wrong", attemptsLeft: 4 };
  return { kind: "signed", signature: { operatorId, displayName: operatorId, by: "pin" } };
}

function ignoreFault(error: unknown): void {
  if (!isFault(error)) throw error;
}
