/** Over 400 lines because the composition root is one list of parts, in the order in which they start. */
import { fileURLToPath } from "node:url";
import type { FaceEngine } from "../models/face-engine-port.ts";
import { APP_VERSION } from "./app-version.ts";
import { configFingerprint } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import { watchEngine } from "./kiosk/engine-watch.ts";
import type { DemoControls, EngineInfo, KioskServer, PartHealth } from "./kiosk/kiosk-ports.ts";
import { createKioskServer } from "./kiosk/kiosk-server.ts";
import { watchSignatures } from "./kiosk/signature-watch.ts";
import type { PhotoStudio } from "./photos/studio-port.ts";
import type { Clock } from "./platform/clock.ts";
import { type Entropy, systemEntropy } from "./platform/entropy.ts";
import { type Hint, isFault } from "./platform/errors.ts";
import { createLogger, type Logger } from "./platform/logger.ts";
import { createMetrics } from "./platform/metrics.ts";
import { SystemClock } from "./platform/system-clock.ts";
import { Teardown } from "./platform/teardown.ts";
import type { Receiving } from "./receiving/receiving-port.ts";
import { openEnrolment } from "./roster/enrolment.ts";
import type { Enrolment } from "./roster/enrolment-port.ts";
import type { CabinetsControl } from "./sample-cabinet/cabinets.ts";
import type { Samples } from "./sample-cabinet/samples-port.ts";
import { createFrameSource } from "./serving-line/frame-source.ts";
import { livenessSettings } from "./serving-line/liveness-check.ts";
import { createServingLine, type ServingLineControl } from "./serving-line/serving-line.ts";
import type { ExpectedDiners } from "./serving-line/serving-line-port.ts";
import { servingLineSettings } from "./serving-line/settings.ts";
import type { SignatureDesk } from "./signatures/signature-port.ts";
import { createSync } from "./sync/sync.ts";
import type { Sync } from "./sync/sync-port.ts";
import { alarmSource, createTerminalCabinets, kioskCabinets } from "./terminal-cabinets.ts";
import { createTerminalCamera, demoControls } from "./terminal-camera.ts";
import { payWithCards } from "./terminal-cards.ts";
import { createTerminalDevices } from "./terminal-devices.ts";

import { watchTerminalDisk } from "./terminal-disk.ts";
import { startTerminalEngine, type TerminalEngine } from "./terminal-engine.ts";
import { enrolmentLimits } from "./terminal-enrolment.ts";
import { type HoldingPage, holdLineForPages } from "./terminal-line-hold.ts";
import { startTerminalPhotos } from "./terminal-photos.ts";
import { startTerminalReceiving } from "./terminal-receiving.ts";
import { recoverTerminal } from "./terminal-recovery.ts";
import { startTemplateRenewal } from "./terminal-renewal.ts";
import { createTerminalReports } from "./terminal-reports.ts";
import { createTerminalSamples } from "./terminal-samples.ts";
import { openTerminalSignatures } from "./terminal-signatures.ts";
import { openTerminalStore, type TerminalStore } from "./terminal-store.ts";

/** What is not in the configuration: the program's own name, and what only the demo or a test brings. */
export interface TerminalOptions {
  readonly config: Config;
  readonly clock?: Clock;
  readonly entropy?: Entropy;
  readonly logger?: Logger;
  readonly ntpSynchronizedFile?: string;
  /** Ends a start that waits for the cloud after the database was damaged. */
  readonly signal?: AbortSignal;
  /** Folder of the built page; default: where the set-up builds it. */
  readonly uiFolder?: string;
  /** The demo's handles on the embedded broker; its scene handles are added here. */
  readonly demo?: Pick<DemoControls, "isOnline" | "setOnline" | "goods" | "cabinet">;
}

/** What whoever started the terminal tells a person, and how it is stopped. `close` is idempotent. */
export interface RunningTerminal {
  readonly urls: readonly { readonly label: Hint; readonly url: string }[];
  /** What a person may try, a sentence each. */
  readonly notes: readonly Hint[];
  close(): Promise<void>;
}

/** A running terminal with the parts that the demo and the tests act on. */
export interface Terminal extends RunningTerminal {
  readonly store: TerminalStore;
  readonly engine: TerminalEngine;
  readonly enrolment: Enrolment;
  readonly servingLine: ServingLineControl;
  readonly signatures: SignatureDesk;
  readonly receiving: Receiving;
  readonly studio: PhotoStudio;
  readonly cabinets: CabinetsControl;
  readonly samples: Samples;
  readonly sync: Sync;
}

const SYNC_CLOSE_WAIT_MS_MAX = 2000;
const NEVER = new AbortController().signal;
const UI_FOLDER = fileURLToPath(new URL("kiosk/ui/dist", import.meta.url));

/**
 * Builds the terminal from its configuration and starts it: storage first, then the engine, the line, the cloud and
 * last the page, so that whatever is shown works; only the enrolled faces come behind it (`engine.ready`). A failed start
 * closes again what had been opened.
 * @throws CanteenError of any part: `data-folder-in-use`, `weights-changed`, `port-in-use`, `disk-full`, …
 */
export async function startTerminal(options: TerminalOptions): Promise<Terminal> {
  const teardown = new Teardown();
  try {
    return await build(options, teardown);
  } catch (error) {
    // The first failure is the one to tell; what else fails while closing follows from it.
    await teardown.run().catch(() => {});
    throw error;
  }
}

async function build(options: TerminalOptions, teardown: Teardown): Promise<Terminal> {
  const { config, clock = new SystemClock(), entropy = systemEntropy } = options;
  const logger = options.logger ?? createLogger(config.logLevel);
  const metrics = createMetrics();
  teardown.add("metrics", () => metrics.close());

  await recoverTerminal({ config, clock, entropy, logger, signal: options.signal ?? NEVER });
  const store = await openTerminalStore({ ...options, clock, entropy, logger });
  teardown.add("store", () => store.close());
  recordStart(store, options);
  const disk = watchTerminalDisk({
    folder: config.dataFolder,
    freeBytesMin: config.storage.freeBytesMin,
    photos: store.photos,
    ...{ clock, logger },
  });
  teardown.add("disk guard", () => disk.close());

  const face = { ...config.face, sidePacks: [...store.sidePacks(config.face.sidePacks)] };
  const engine = await startTerminalEngine({
    settings: face,
    templates: store.templates,
    disputes: store.disputes,
    onCalibrated: ({ fpir, lookAlikes, ...found }) =>
      metrics.galleryCalibrated({ ...found, fpir: fpir.value, lookAlikePairs: lookAlikes.length }),
    clock,
    entropy,
    logger,
  });
  teardown.add("engine", () => engine.close());
  const watched = watchEngine(engine.engine, metrics);

  const seen = createTerminalCamera(config.camera, clock, entropy);
  teardown.add("camera", () => seen.camera.close());
  const stills = (): boolean => seen.camera.kind() === "folder";
  const frames = createFrameSource({
    ...{ camera: seen.camera, engine: watched.engine, stills, clock, logger },
    faces: {
      isLoading: () => engine.faces.state() !== null,
      onChange: (listener) => engine.faces.onChange(listener),
    },
  });
  teardown.add("frame source", () => frames.close());

  // The page opens last and is asked who is signed in at it while the line already runs.
  let kiosk: KioskServer | null = null;
  const servingLine = createServingLine({
    clock,
    ids: store.ids,
    logger,
    journal: store.journal,
    ledger: store.ledger,
    roster: store.roster,
    pinVerifier: store.pinVerifier,
    timeTrust: store.timeTrust,
    frames,
    bounds: engine.bounds,
    disputes: store.disputes,
    expectDiners: (expected) => expectDiners(expected, store, watched.engine, logger),
    operatorAtTill: () => kiosk?.operatorAtTill() ?? null,
    settings: servingLineSettings(config),
    mealPlan: store.mealPlan(),
    diskSafe: () => disk.safe(),
  });
  teardown.add("serving line", () => servingLine.close());

  const signatures = openTerminalSignatures({
    operators: store.operators,
    servingLine,
    camera: seen.camera,
    engine: watched.engine,
    stills,
    bounds: engine.bounds,
    identity: servingLineSettings(config).checkout.identity,
    templateCount: (personId) => store.templateCount(personId),
    clock,
    logger,
  });
  teardown.add("signatures", () => signatures.close());
  const signing = watchSignatures(signatures.desk);

  const devices = createTerminalDevices(config.devices, { clock, entropy, logger });
  teardown.add("devices", () => devices.close());
  payWithCards(devices, servingLine, logger);
  const cabinets = createTerminalCabinets(config, store, devices, { clock, logger });
  teardown.add("cabinets", () => cabinets.close());

  const renewal = startTemplateRenewal({
    settings: face,
    engine: engine.engine,
    store,
    frames,
    servingLine,
    bounds: engine.bounds,
    compared: engine.ready(),
    isDisputed: (chargeId) => store.disputes.disputesCharge(chargeId),
    clock,
    logger,
  });
  teardown.add("template renewal", () => renewal?.close());

  const sync = makeSync(options, store, servingLine, cabinets, { clock, entropy, logger });
  teardown.add("sync", () => sync.close({ waitMsMax: SYNC_CLOSE_WAIT_MS_MAX }));

  const photos = startTerminalPhotos({
    settings: config.receiving.camera,
    camera: seen.camera,
    engine: watched.engine,
    photos: store.photos,
    clock,
    entropy,
    logger,
  });
  teardown.add("photos", () => photos.close());
  const samples = createTerminalSamples(config, store, {
    ...{ clock, logger, devices },
    studio: photos.studio,
    signatures: signing.desk,
    alarms: cabinets,
    diskSafe: () => disk.safe(),
  });
  teardown.add("samples", () => samples.close());

  const receiving = startTerminalReceiving({
    config,
    store,
    devices,
    studio: photos.studio,
    desk: signing.desk,
    operatorAtPage: () => kiosk?.operatorAtReceiving() ?? null,
    clock,
    logger,
  });
  teardown.add("receiving", () => receiving.close());

  const enrolment = openEnrolment({
    engine: watched.engine,
    roster: store.roster,
    templates: store.templates,
    journal: store.journal,
    clock,
    ids: store.ids,
    logger,
    limits: enrolmentLimits(config.face, engine),
    guardianNeededFor: ["student"],
  });
  teardown.add("enrolment", () => enrolment.close());
  const reports = createTerminalReports(config, {
    clock,
    ids: store.ids,
    logger,
    diskSafe: () => disk.safe(),
  });
  teardown.add("reports", () => reports.close());
  const page = createKioskServer({
    settings: {
      ...config.kiosk,
      site: config.site,
      device: config.device,
      zone: config.servingLine.mealPlan.zone,
      appVersion: APP_VERSION,
    },
    servingLine,
    roster: store.roster,
    enrolment,
    operators: store.operators,
    templateStore: store.templates,
    templateCount: (personId) => store.templateCount(personId),
    receiving: { receiving, meals: () => store.mealPlan().periods },
    photos: store.photos,
    ...kioskCabinets(config, store, { cabinets, samples, signatures: signing.desk, reports }),
    sync,
    camera: seen.camera,
    onSighting: watched.onSighting,
    onSigningHint: signing.onHint,
    engine: engineInfo(engine, config.face),
    faces: engine.faces,
    recognition: () => engine.recognition(),
    clockTrust: {
      current: () => store.timeTrust.current(),
      confirm: (operatorId) => store.confirmClock(operatorId),
    },
    checkpointCode: () => store.checkpoints.latestCode(),
    health: {
      journal: () => journalHealth(store),
      engine: () => engine.health(),
      disk: () => ({ ok: disk.safe(), reason: disk.safe() ? null : `disk-${disk.state().kind}` }),
    },
    metrics,
    clock,
    ids: store.ids,
    logger,
    uiFolder: options.uiFolder ?? UI_FOLDER,
    ...demoControls(options.demo, seen),
  });
  kiosk = page;
  const holding = holdLineForPages({
    servingLine,
    clock,
    pages: otherPages(config, page, receiving, samples),
  });
  teardown.add("line's hold", () => holding.close());
  teardown.add("kiosk", () => page.close());
  const { url } = await page.start();
  const opened = new AbortController();
  teardown.add("camera's connection", () => opened.abort());
  await seen.camera.open({ signal: opened.signal });
  devices.open();
  sync.start();
  const urls = [{ label: { zh: "终端", en: "Terminal" }, url }];
  return {
    urls,
    notes: [],
    store,
    engine,
    enrolment,
    servingLine,
    receiving,
    signatures: signing.desk,
    studio: photos.studio,
    cabinets,
    samples,
    sync,
    close: () => teardown.run(),
  };
}

/** The pages that use the till's camera while the till looks for diners by itself; none where goods have their own. */
function otherPages(
  { receiving: { camera }, servingLine: { activation } }: Config,
  page: Pick<KioskServer, "isPageOpen">,
  receiving: Pick<Receiving, "isAtGoods">,
  samples: Pick<Samples, "isTaking">,
): readonly HoldingPage[] {
  if (camera.kind !== "same" || activation !== "presence") return [];
  return [
    { use: "goods", isAtWork: () => page.isPageOpen("receive") && receiving.isAtGoods() },
    { use: "sample", isAtWork: () => page.isPageOpen("cabinet") && samples.isTaking() },
  ];
}

/** What runs now goes on record before anything happens under it. */
function recordStart({ journal, ids }: TerminalStore, { config }: TerminalOptions): void {
  journal.transact(() => {
    journal.append({
      id: ids.next(),
      kind: "device.started",
      body: { appVersion: APP_VERSION, node: process.versions.node },
    });
    journal.append({
      id: ids.next(),
      kind: "config.applied",
      body: { part: "canteen.yaml", sha256: configFingerprint(config) },
    });
  });
}

function makeSync(
  { config }: TerminalOptions,
  store: TerminalStore,
  servingLine: ServingLineControl,
  cabinets: CabinetsControl,
  world: { readonly clock: Clock; readonly entropy: Entropy; readonly logger: Logger },
): Sync {
  const { mqtt, site, device } = config;
  return createSync({
    ...world,
    address: { site, device },
    software: `canteen-edge ${APP_VERSION}`,
    broker: mqtt,
    receiptWaitMsMax: mqtt.receiptWaitMsMax,
    batchesInFlightMax: mqtt.batchesInFlightMax,
    journal: store.journal,
    ids: store.ids,
    roster: store.roster,
    ...(store.templateExchange === null ? {} : { templates: store.templateExchange }),
    photos: store.photos,
    orders: store.orders,
    alarms: alarmSource(cabinets),
    mealPlan: {
      version: () => store.mealPlans.version(),
      apply: (message) => {
        const saved = store.mealPlans.save(message);
        if (saved.kind !== "applied") return saved;
        servingLine.setMealPlan(saved.plan);
        return { kind: "applied" };
      },
    },
    commands: { log: store.commandLog, handlers: {} },
    onCloudTime: (time) => store.takeCloudTime(time),
  });
}

/** Names the meal's diners to the engine; a group's are those of the roster as it is now. */
function expectDiners(
  expected: ExpectedDiners | null,
  { roster }: TerminalStore,
  engine: Pick<FaceEngine, "setExpected">,
  logger: Logger,
): void {
  const personIds =
    expected?.kind === "groups"
      ? roster.personIdsOfGroups(expected.groupNames)
      : (expected?.personIds ?? null);
  engine.setExpected(personIds).catch((error: unknown) => {
    // Everybody stays searched all the same; a bug goes up as one.
    if (!isFault(error)) throw error;
    logger.warn({ code: error.code }, "the engine could not be told who eats now");
  });
}

function engineInfo({ engine }: TerminalEngine, face: Config["face"]): EngineInfo {
  const { qualityMin, enrolQualityMin, framesToAgree } = face;
  const liveness = livenessSettings(face).level;
  const { model, embeddingLength } = engine;
  return { model, embeddingLength, qualityMin, enrolQualityMin, liveness, framesToAgree };
}

function journalHealth({ journal }: TerminalStore): PartHealth {
  try {
    journal.head();
    return { ok: true, reason: null };
  } catch {
    return { ok: false, reason: "journal-unreadable" };
  }
}
