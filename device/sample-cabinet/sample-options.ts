import type { Database } from "better-sqlite3";
import type { Scale } from "../../firmware-bridge/ports/scale.ts";
import type { Journal, TimeTrust } from "../journal/journal-port.ts";
import type { PhotoStore } from "../photos/photo-port.ts";
import type { PhotoStudio } from "../photos/studio-port.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { Hint } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { SignatureDesk } from "../signatures/signature-port.ts";
import type { AlarmDesk } from "./cabinet-port.ts";
import type { DishesOfMeals, SampleContainer } from "./samples-port.ts";

/** What samples are kept by, as plain values: the configuration stays outside of this folder. */
export interface SampleSettings {
  readonly site: string;
  readonly device: string;
  readonly zone: string;
  readonly cabinets: readonly {
    readonly cabinetId: string;
    readonly name: Hint;
    readonly slotIds: readonly string[];
  }[];
  readonly scaleId: string | null;
  /** 125 or more, by 餐饮服务食品安全操作规范. */
  readonly gramsMin: number;
  readonly gramsMax: number;
  readonly containers: readonly SampleContainer[];
  /** 48 or more, by the same. */
  readonly keepHours: number;
  /** After a meal's end, until a dish without a sample is an alarm. */
  readonly graceMs: number;
  /** Before a meal begins its dishes are cooked, and may be sampled. */
  readonly aheadMs: number;
  /** After its hours a sample is reminded of for so long; then it is an alarm. */
  readonly disposeWithinMs: number;
  /** Who may take samples along, to choose from; as the record names them. */
  readonly authorities: readonly string[];
  readonly label: { readonly widthMm: number; readonly heightMm: number };
}

export interface SamplesOptions {
  readonly settings: SampleSettings;
  /** The journal's own, with `sampleMigrations`; the journal was opened with `sampleProjection`. */
  readonly db: Database;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly timeTrust: { current(): TimeTrust };
  readonly ids: IdSource;
  readonly logger: Logger;
  /** Null where none is configured: then no sample can be taken. */
  readonly scale: Scale | null;
  readonly meals: DishesOfMeals;
  readonly studio: PhotoStudio;
  readonly photos: Pick<PhotoStore, "claim">;
  readonly signatures: SignatureDesk;
  readonly alarms: AlarmDesk;
  /** Null where the operator is no longer known. */
  readonly operatorName: (operatorId: string) => string | null;
  readonly diskSafe: () => boolean;
}

/** How long a face is looked for before the answer is "nobody". */
export const LOOK_MS_MAX = 20_000;
