import type { CameraFrame, CameraState } from "../../firmware-bridge/ports/camera.ts";
import type { StoredPhoto } from "../photos/photo-port.ts";
import type { Clock } from "../platform/clock.ts";
import { CanteenError } from "../platform/errors.ts";
import { silentLogger } from "../platform/logger.ts";
import { createMetrics } from "../platform/metrics.ts";
import type { TimeTrust } from "../platform/time-trust.ts";
import { epochMs } from "../platform/units.ts";
import type { SyncStatus } from "../sync/sync-port.ts";
import { FakeCabinets } from "./fake-cabinet.ts";
import { FakeServingLine } from "./fake-checkout.ts";
import { Listeners } from "./fake-listeners.ts";
import { FakeEnrolment, FakeOperators, FakeRoster, FakeTemplateStore } from "./fake-people.ts";
import { FAKE_PHOTO, FAKE_THUMBNAIL, FakeReceiving } from "./fake-receiving.ts";
import { fakeRecognition } from "./fake-recognition.ts";
import { FakeReports } from "./fake-reports.ts";
import { FakeSamples, FakeSignatures } from "./fake-samples.ts";
import type { CameraKind, FaceSighting, KioskCamera, KioskServerOptions } from "./kiosk-ports.ts";
import type { FacesLoadingShown } from "./protocol.ts";
import { watchSignatures } from "./signature-watch.ts";

/**
 * A terminal of stand-ins, for the tests of the kiosk alone: each port remembers what it was asked and shows what the
 * test says. Nothing here decides anything about money.
 */
export class FakeCamera implements KioskCamera {
  readonly label = "fake";
  readonly kinds: readonly CameraKind[] = ["browser", "folder"];
  readonly pushed: Uint8Array[] = [];
  readonly #frames = new Listeners<CameraFrame>();
  readonly #states = new Listeners<CameraState>();
  #kind: CameraKind;
  #state: CameraState = { kind: "starting" };

  constructor(kind: CameraKind = "browser") {
    this.#kind = kind;
  }

  kind = (): CameraKind => this.#kind;
  state = (): CameraState => this.#state;
  onFrame = (listener: (frame: CameraFrame) => void): (() => void) => this.#frames.add(listener);
  onState = (listener: (state: CameraState) => void): (() => void) => this.#states.add(listener);

  async choose(kind: CameraKind): Promise<boolean> {
    if (!this.kinds.includes(kind)) return false;
    this.#kind = kind;
    return true;
  }

  push(jpeg: Uint8Array<ArrayBuffer>): boolean {
    if (this.#kind !== "browser" || jpeg[0] !== 0xff || jpeg[1] !== 0xd8) return false;
    this.pushed.push(jpeg);
    this.become({ kind: "live" });
    this.#frames.tell({ jpeg, capturedMonoMs: 0 });
    return true;
  }

  /** The terminal's own camera gives a picture. */
  give(jpeg: Uint8Array<ArrayBuffer>): void {
    this.become({ kind: "live" });
    this.#frames.tell({ jpeg, capturedMonoMs: 0 });
  }

  become(state: CameraState): void {
    if (this.#state.kind === state.kind) return;
    this.#state = state;
    this.#states.tell(state);
  }
}

export class FakeSync {
  readonly #listeners = new Listeners<SyncStatus>();
  #status: SyncStatus = {
    connection: "connected",
    reason: null,
    waitingCount: 0,
    lastReceiptAtMs: epochMs(Date.UTC(2026, 8, 1, 4)),
    rosterVersion: 7,
    refusedEntry: null,
  };

  status = (): SyncStatus => this.#status;
  onStatus = (listener: (status: SyncStatus) => void): (() => void) => this.#listeners.add(listener);
  set(change: Partial<SyncStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#listeners.tell(this.#status);
  }
}

export interface FakeWorldOptions {
  readonly clock: Clock;
  readonly cameraKind?: CameraKind;
  readonly isDemo?: boolean;
}

export function createFakeWorld(options: FakeWorldOptions) {
  const servingLine = new FakeServingLine();
  const roster = new FakeRoster();
  const templateStore = new FakeTemplateStore(roster);
  const enrolment = new FakeEnrolment();
  const operators = new FakeOperators();
  const camera = new FakeCamera(options.cameraKind);
  const sync = new FakeSync();
  const sightings = new Listeners<FaceSighting>();
  const metrics = createMetrics();
  const health = { journal: HEALTHY, engine: HEALTHY, disk: HEALTHY };
  const clockTrust = { trust: "synced" as TimeTrust, confirmedBy: [] as string[] };
  const recognition = { status: fakeRecognition() };
  const faces = { state: null as FacesLoadingShown | null, changed: new Listeners<void>() };
  const demo = { online: true, empty: false, next: 0 };
  const receiving = new FakeReceiving();
  const cabinets = new FakeCabinets();
  const samples = new FakeSamples(options.clock);
  const reports = new FakeReports();
  const signatures = new FakeSignatures();
  const signing = watchSignatures(signatures);
  const fridge = { isDoorOpen: false, isCompressorOn: true, isProbeUnplugged: false };
  const goods = { grams: 0, isShaken: false, isPlugged: true, scanned: [] as string[] };
  const photos = new Map<string, Uint8Array>([
    [FAKE_PHOTO, FAKE_PICTURE],
    [FAKE_THUMBNAIL, FAKE_PICTURE],
  ]);
  let idCount = 0;

  const serverOptions = (uiFolder: string): KioskServerOptions => ({
    settings: {
      host: "127.0.0.1",
      port: 0,
      language: "zh",
      site: "school-1",
      device: "line-1",
      zone: "Asia/Shanghai",
      appVersion: "0.1.0",
    },
    servingLine,
    roster,
    enrolment,
    operators,
    templateStore,
    receiving: {
      receiving,
      meals: () => [
        { id: "lunch", name: { zh: "午餐", en: "Lunch" } },
        { id: "dinner", name: { zh: "晚餐", en: "Dinner" } },
      ],
    },
    cabinets: {
      cabinets,
      samples,
      signatures: signing.desk,
      seesSamples: true,
      reports,
      operatorName: (operatorId) =>
        signatures.signers().find((each) => each.operatorId === operatorId)?.displayName ?? null,
    },
    photos: {
      find: (sha256) => (photos.has(sha256) ? fakeStoredPhoto(sha256) : undefined),
      read: async (sha256) => {
        const content = photos.get(sha256);
        if (content === undefined || content.length === 0) throw photoMissing();
        return content;
      },
    },
    sync,
    camera,
    onSighting: sightings.add,
    onSigningHint: signing.onHint,
    faces: { state: () => faces.state, onChange: faces.changed.add },
    engine: {
      model: "pair-704",
      embeddingLength: 704,
      qualityMin: 0.25,
      enrolQualityMin: 0.4,
      liveness: "off",
      framesToAgree: 3,
    },
    recognition: () => recognition.status,
    checkpointCode: () => "CE1:s1:t1:41",
    clockTrust: {
      current: () => clockTrust.trust,
      confirm: (operatorId) => {
        clockTrust.confirmedBy.push(operatorId);
        clockTrust.trust = "held";
      },
    },
    health: {
      journal: () => health.journal,
      engine: () => health.engine,
      disk: () => health.disk,
    },
    metrics,
    clock: options.clock,
    ids: { next: () => `id-${++idCount}` },
    logger: silentLogger,
    uiFolder,
    ...(options.isDemo === true
      ? {
          demo: {
            isOnline: () => demo.online,
            setOnline: async (online: boolean) => {
              demo.online = online;
              sync.set({ connection: online ? "connected" : "offline" });
            },
            scene: {
              next: () => void demo.next++,
              keepEmpty: (isEmpty: boolean) => {
                demo.empty = isEmpty;
              },
              isKeptEmpty: () => demo.empty,
            },
            cabinet: {
              condition: () => ({ ...fridge }),
              set: (change: object) => void Object.assign(fridge, change),
            },
            goods: {
              scale: () => ({ ...goods, gramsMax: 60_000 }),
              put: (grams: number) => {
                goods.grams = grams;
              },
              shake: (isShaken: boolean) => {
                goods.isShaken = isShaken;
              },
              plug: async (isPlugged: boolean) => {
                goods.isPlugged = isPlugged;
              },
              codes: () => [{ label: "绿源蔬菜 · 送货单", text: "veg" }],
              scan: (text: string) => void goods.scanned.push(text),
            },
          },
        }
      : {}),
  });

  return {
    servingLine,
    roster,
    templateStore,
    enrolment,
    operators,
    camera,
    sync,
    sightings,
    metrics,
    health,
    clockTrust,
    recognition,
    faces,
    demo,
    receiving,
    cabinets,
    samples,
    reports,
    signatures,
    fridge,
    goods,
    photos,
    serverOptions,
  };
}
export type FakeWorld = ReturnType<typeof createFakeWorld>;

/** The smallest PNG there is: one pixel. */
const FAKE_PICTURE = Uint8Array.from(
  Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  ),
);
const fakeStoredPhoto = (sha256: string): StoredPhoto => ({
  sha256,
  bytes: FAKE_PICTURE.length,
  size: "photo",
  mediaType: "image/jpeg",
  storedAtMs: 0,
  ackedAtMs: null,
});
const photoMissing = (): CanteenError =>
  new CanteenError("no such file", {
    code: "photo-missing",
    retry: "never",
    hint: { zh: "照片不见了", en: "the photo is gone" },
  });

const HEALTHY: { ok: boolean; reason: string | null } = { ok: true, reason: null };
