import type { ScaleCommand } from "../../firmware-bridge/ports/scale.ts";
import type { Signature, SignatureRequest, SignOutcome } from "../signatures/signature-port.ts";
import type { GoodsRecord, RecordedOverride, RecordedPhoto, RecordedScale } from "./entries.ts";
import type { GoodsCode } from "./goods-code.ts";
import type { GoodsLedger } from "./goods-ledger.ts";
import type { OrderBook } from "./order-port.ts";
import type {
  AskedFor,
  ChosenTare,
  GateReason,
  IssueTarget,
  KnownContainer,
  Mismatch,
  PackTare,
  ReceivingCommand,
  ReceivingRefusal,
  ScanNotice,
  Signer,
  TareRecord,
} from "./receiving-port.ts";
import type { GatedWeight, GateVerdict, SoftwareTare } from "./weight-gate.ts";

/** States, events and effects of the acceptance machine. All of it is data; nothing here does anything. */

export interface Product {
  readonly productId: string;
  readonly name: string;
}

/** The delivery somebody is at. What was weighed is in the journal, not here. */
export interface OpenDelivery {
  readonly deliveryId: string;
  readonly orderId: string;
  readonly orderVersion: number;
  /** The newest version that somebody chose about. */
  readonly seenVersion: number;
  readonly waiver: RecordedOverride | null;
}

export interface Goods {
  readonly lot: string | null;
  readonly expiry: string | null;
  readonly gtin: string | null;
  readonly labelNetG: number | null;
  readonly temperature: {
    readonly milliC: number;
    readonly thermometerId: string;
    readonly probe: string;
  } | null;
  readonly packCount: number | null;
}

export const NO_GOODS: Goods = {
  lot: null,
  expiry: null,
  gtin: null,
  labelNetG: null,
  temperature: null,
  packCount: null,
};

/** A line of the order, or goods that are on none. */
export type LineTarget =
  | { readonly kind: "line"; readonly lineId: string }
  | { readonly kind: "not-ordered"; readonly product: Product };

export type Place =
  | { readonly kind: "choosing" }
  | { readonly kind: "delivery"; readonly delivery: OpenDelivery }
  | {
      readonly kind: "weighing";
      readonly delivery: OpenDelivery;
      readonly target: LineTarget;
      readonly goods: Goods;
    }
  | {
      readonly kind: "issuing";
      readonly product: Product;
      readonly target: IssueTarget;
      readonly goods: Goods;
    };

export type PlaceOf<Kind extends Place["kind"]> = Extract<Place, { readonly kind: Kind }>;

/** A weight that was taken off the scale and does not change any more, whatever happens to the scale. */
export interface FrozenWeight {
  readonly weight: GatedWeight;
  readonly scale: RecordedScale;
  readonly tare: TareRecord;
  readonly packs: PackTare | null;
}

/** What will be on record once the photo is there and everybody agrees. */
export type Act =
  | { readonly kind: "take" }
  | { readonly kind: "issue" }
  | { readonly kind: "reject"; readonly reasonId: string }
  | {
      readonly kind: "finish-line";
      readonly decision: "accept" | "accept-in-part" | "reject";
      readonly reasonId: string | null;
      readonly mismatches: readonly Mismatch[];
    }
  | { readonly kind: "refuse-delivery"; readonly reasonId: string; readonly signature: Signature };

/** The act under way, with the id that its entry will carry and whoever began it. */
export interface Doing {
  readonly act: Act;
  readonly id: string;
  readonly operatorId: string;
  readonly weight: FrozenWeight | null;
}

/** What a signature is for. */
export type SignedAct =
  | { readonly kind: "override"; readonly reasonId: string; readonly asked: Asked }
  | { readonly kind: "delivery" }
  | { readonly kind: "refusal"; readonly reasonId: string }
  | { readonly kind: "photo-waiver"; readonly reasonId: string }
  | { readonly kind: "strike"; readonly weighInId: string; readonly reasonId: string };

export interface Asked {
  readonly doing: Doing;
  readonly photo: RecordedPhoto;
  readonly mismatches: readonly Mismatch[];
}

export type Pending =
  | { readonly kind: "none" }
  | { readonly kind: "photographing"; readonly token: number; readonly doing: Doing }
  | { readonly kind: "asking"; readonly asked: Asked }
  | {
      readonly kind: "signing";
      readonly token: number;
      readonly signed: SignedAct;
      readonly id: string;
      readonly operatorId: string;
    }
  /** The journal writes: what holds once it has, and what is then answered. */
  | {
      readonly kind: "recording";
      readonly token: number;
      readonly after: ReceivingState;
      readonly answer: InnerAnswer;
    };

export interface ReceivingState {
  readonly place: Place;
  readonly pending: Pending;
  readonly scaleId: string | null;
  readonly tare: ChosenTare;
  /** The weigh-in that is shown as just taken. */
  readonly shown: string | null;
  readonly lastScan: ScanNotice | null;
}

export type InnerAnswer =
  | { readonly kind: "done" }
  | { readonly kind: "taken"; readonly weighInId: string }
  | { readonly kind: "asked"; readonly mismatches: readonly Mismatch[] }
  | { readonly kind: "not-signed"; readonly outcome: Exclude<SignOutcome, { readonly kind: "signed" }> }
  | { readonly kind: "closed"; readonly outcome: "accepted" | "accepted-in-part" | "refused" }
  | { readonly kind: "refused"; readonly reason: ReceivingRefusal; readonly gate?: GateReason };

/** How a photo came out; `busy` never reaches a record. */
export type PhotoOutcome = RecordedPhoto | { readonly kind: "busy" };

export type ReceivingEvent =
  | {
      readonly kind: "command";
      /** Names the command in its answer, and in the outcomes of what it started. */
      readonly token: number;
      /** Made at the moment of intent: the entry's, should one follow. */
      readonly id: string;
      readonly operatorId: string;
      readonly command: ReceivingCommand;
      /** Of a scan: what the code says. */
      readonly code?: GoodsCode;
    }
  | { readonly kind: "photo"; readonly token: number; readonly outcome: PhotoOutcome }
  | { readonly kind: "sign-outcome"; readonly token: number; readonly outcome: SignOutcome }
  /** The disk did not take the attempt, or could not say who it was: nobody has signed. */
  | { readonly kind: "sign-failed"; readonly token: number }
  | { readonly kind: "recorded"; readonly token: number }
  | { readonly kind: "not-recorded"; readonly token: number }
  /** The pan of the chosen scale is empty again. */
  | { readonly kind: "pan-emptied" };

export type CommandEvent = Extract<ReceivingEvent, { readonly kind: "command" }>;

export type ReceivingEffect =
  | { readonly kind: "answer"; readonly token: number; readonly answer: InnerAnswer }
  | {
      readonly kind: "photo";
      readonly token: number;
      /** Of the weight; null for now. */
      readonly atMono: number | null;
      readonly caption: PhotoSubject;
    }
  | {
      readonly kind: "sign";
      readonly token: number;
      readonly request: SignatureRequest;
      readonly signer: Signer;
    }
  | { readonly kind: "stop-signing" }
  | {
      readonly kind: "record";
      readonly token: number;
      readonly id: string;
      readonly record: GoodsRecord;
      /** The scale whose pan has to be emptied before the next weight. */
      readonly disarm: string | null;
    }
  | {
      readonly kind: "command-scale";
      readonly token: number;
      readonly scaleId: string;
      readonly command: ScaleCommand;
    };

/** What the strip under a photo tells. */
export interface PhotoSubject {
  readonly id: string;
  readonly what: string;
  /** Of caption-content.ts. */
  readonly contentCode: string;
  readonly netG: number | null;
  readonly scaleLabel: string | null;
}

export interface Step {
  readonly state: ReceivingState;
  readonly effects: readonly ReceivingEffect[];
}

/** What the machine looks at beside its state: the same facts give the same step. */
export interface Facts {
  readonly day: string;
  readonly ledger: GoodsLedger;
  readonly orders: Pick<OrderBook, "find">;
  /** Whether somebody may receive goods at all. */
  readonly mayKeep: (operatorId: string) => boolean;
  /** Undefined for a scale that nobody configured for receiving. */
  readonly scale: (scaleId: string) => RecordedScale | undefined;
  readonly gate: (scaleId: string, tare: SoftwareTare) => GateVerdict;
  /** A fresh measurement without a fault. */
  readonly temperature: (
    thermometerId: string,
    probe: string,
  ) =>
    | { readonly kind: "read"; readonly milliC: number }
    | { readonly kind: "unknown" }
    | { readonly kind: "not-read" };
  readonly containers: ReadonlyMap<string, KnownContainer>;
  readonly reasons: Readonly<Record<"override" | "reject" | "strike" | "bin", ReadonlySet<string>>>;
}

export const ASKED_FOR: Readonly<Record<Exclude<Act["kind"], "refuse-delivery">, AskedFor>> = {
  take: "take",
  issue: "issue",
  reject: "reject",
  "finish-line": "finish-line",
};

export const START: ReceivingState = {
  place: { kind: "choosing" },
  pending: { kind: "none" },
  scaleId: null,
  tare: { kind: "none" },
  shown: null,
  lastScan: null,
};
