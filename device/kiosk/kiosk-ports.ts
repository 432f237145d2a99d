import type { Camera } from "../../firmware-bridge/ports/camera.ts";
import type { Box } from "../../models/face-engine-port.ts";
import type { PhotoStore } from "../photos/photo-port.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { Logger } from "../platform/logger.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { TimeTrust } from "../platform/time-trust.ts";
import type { Receiving } from "../receiving/receiving-port.ts";
import type { Enrolment } from "../roster/enrolment-port.ts";
import type { RecognitionStatus } from "../roster/gallery-calibration-port.ts";
import type { Roster, TemplateStore } from "../roster/roster-port.ts";
import type { Cabinets } from "../sample-cabinet/cabinet-port.ts";
import type { Reports } from "../sample-cabinet/report-port.ts";
import type { Samples } from "../sample-cabinet/samples-port.ts";
import type { Operators } from "../security/operators-port.ts";
import type { ServingLine } from "../serving-line/serving-line-port.ts";
import type { SignatureDesk, SigningHint } from "../signatures/signature-port.ts";
import type { Sync } from "../sync/sync-port.ts";
import type { FacesLoadingShown } from "./protocol.ts";

export type CameraKind = "browser" | "folder" | "http" | "v4l2";

/** The terminal's camera as the kiosk needs it: what it sees, which one it is, and the way in for the browser's pictures. */
export interface KioskCamera extends Pick<Camera, "state" | "onFrame" | "onState"> {
  readonly label: string;
  readonly kinds: readonly CameraKind[];
  kind(): CameraKind;
  choose(kind: CameraKind): Promise<boolean>;
  push(jpeg: Uint8Array<ArrayBuffer>): boolean;
}

/** Where faces are in the newest frame; nothing of who they are. */
export interface FaceSighting {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly boxes: readonly Box[];
}

/** What the operator sees of the engine: its model and what a picture must have. */
export interface EngineInfo {
  readonly model: string;
  readonly embeddingLength: number;
  readonly qualityMin: number;
  readonly enrolQualityMin: number;
  readonly liveness: "off" | "assist" | "strict";
  readonly framesToAgree: number;
}

/** @param reason a stable code, e.g. `disk-almost-full`; null when all is well. */
export interface PartHealth {
  readonly ok: boolean;
  readonly reason: string | null;
}

/** Checks that only the composition root can make; camera and sync the kiosk sees itself. They must not throw. */
export interface HealthProbes {
  journal(): PartHealth | Promise<PartHealth>;
  engine(): PartHealth | Promise<PartHealth>;
  disk(): PartHealth | Promise<PartHealth>;
}

/** What only the demo offers on the pay page. */
export interface DemoControls {
  isOnline(): boolean;
  /** Stops or starts the embedded broker. */
  setOnline(online: boolean): Promise<void>;
  /** Undefined where no folder camera stands behind the demo. */
  readonly scene?: {
    next(): void;
    keepEmpty(isEmpty: boolean): void;
    isKeptEmpty(): boolean;
  };
  /** Undefined where no simulated scale stands behind the demo. */
  readonly goods?: DemoGoods;
  /** Undefined where no simulated cabinet stands behind the demo. */
  readonly cabinet?: DemoCabinet;
}

/** The demo's sample cabinet: what a visitor may do to it. */
export interface DemoCabinet {
  condition(): DemoCabinetCondition;
  set(change: Partial<DemoCabinetCondition>): void;
}

export interface DemoCabinetCondition {
  readonly isDoorOpen: boolean;
  readonly isCompressorOn: boolean;
  /** The probe among the samples. */
  readonly isProbeUnplugged: boolean;
}

/** The demo's pan and scanner: they speak bytes to the terminal as real ones do. */
export interface DemoGoods {
  scale(): {
    readonly grams: number;
    readonly gramsMax: number;
    readonly isShaken: boolean;
    readonly isPlugged: boolean;
  };
  /** Sets what lies on the pan, boxes included. */
  put(grams: number): void;
  /** Keeps the pan moving. */
  shake(isShaken: boolean): void;
  plug(isPlugged: boolean): Promise<void>;
  codes(): readonly { readonly label: string; readonly text: string }[];
  scan(text: string): void;
}

/** Receiving, and what its page needs beside it. */
export interface KioskReceiving {
  readonly receiving: Receiving;
  /** The meals that goods may be given out to. */
  readonly meals: () => readonly {
    readonly id: string;
    readonly name: { readonly zh: string; readonly en: string };
  }[];
}

/** Sample cabinets, and what their page needs beside them. */
export interface KioskCabinets {
  readonly cabinets: Cabinets;
  /** Null where temperatures are watched and no samples kept. */
  readonly samples: Samples | null;
  readonly signatures: SignatureDesk;
  /** The page's camera is the one that photographs samples, so its picture shows what will be on the photo. */
  readonly seesSamples: boolean;
  /** Null where the operator is no longer known. */
  readonly operatorName: (operatorId: string) => string | null;
  readonly reports: Reports;
}

/** Whether the wall clock may be believed, and the operator's word where nobody else can give it. */
export interface ClockTrust {
  current(): TimeTrust;
  /** On record before it counts. @throws CanteenError of the disk: then nothing was confirmed. */
  confirm(operatorId: string): void;
}

export interface KioskSettings {
  readonly host: string;
  /** 0 takes a free port (tests). */
  readonly port: number;
  readonly language: "zh" | "en";
  readonly site: string;
  readonly device: string;
  /** IANA zone of the school, for times on the screens. */
  readonly zone: string;
  readonly appVersion: string;
}

export interface KioskServerOptions {
  readonly settings: KioskSettings;
  readonly servingLine: ServingLine;
  readonly roster: Roster;
  readonly enrolment: Enrolment;
  readonly operators: Operators;
  /** Undefined where nothing is received. */
  readonly receiving?: KioskReceiving;
  /** Undefined where no cabinet is configured. */
  readonly cabinets?: KioskCabinets;
  /** Pictures by their hash. */
  readonly photos?: Pick<PhotoStore, "find" | "read">;
  readonly templateStore: Pick<TemplateStore, "recordConsent" | "withdraw">;
  /** How many templates a person has, without opening them; undefined shows "unknown". */
  readonly templateCount?: (personId: string) => number;
  readonly sync: Pick<Sync, "status" | "onStatus">;
  readonly camera: KioskCamera;
  /** Face boxes for the picture on the pay page. @returns a function that unsubscribes. */
  readonly onSighting?: (listener: (sighting: FaceSighting) => void) => () => void;
  /** What is said to whoever signs by face, for the page that they stand at. */
  readonly onSigningHint?: (listener: (hint: SigningHint | null) => void) => () => void;
  readonly engine: EngineInfo;
  /** How far the enrolled faces are loaded; left out: they are. */
  readonly faces?: {
    state(): FacesLoadingShown | null;
    onChange(listener: () => void): () => void;
  };
  /** How sure a match must be here, and how that came about. */
  readonly recognition: () => RecognitionStatus;
  readonly clockTrust: ClockTrust;
  /** The journal's newest signed checkpoint as a line of text; null before the first. */
  readonly checkpointCode: () => string | null;
  readonly health: HealthProbes;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** Folder of the built page (`device/kiosk/ui/dist`). */
  readonly uiFolder: string;
  readonly demo?: DemoControls;
}

export interface KioskServer {
  /**
   * @returns the address to open.
   * @throws CanteenError `port-in-use`, `port-not-allowed`, `address-unavailable`, `ui-not-built`.
   */
  start(): Promise<{ readonly url: string }>;
  /** Who is signed in at the pay screen with a role at the counter; null when nobody is. */
  operatorAtTill(): string | null;
  /** Who is signed in at the receiving page; null when nobody is. */
  operatorAtReceiving(): string | null;
  /** Whether such a page is open in a browser; asking keeps no session alive. */
  isPageOpen(page: "receive" | "cabinet"): boolean;
  close(): Promise<void>;
}
