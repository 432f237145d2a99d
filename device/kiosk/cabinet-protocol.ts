import { z } from "zod";
import {
  type AcknowledgementRate,
  ALARM_ACTION_CODES,
  type AlarmRecord,
  type AlarmView,
  type CabinetRefusal,
  type CabinetView,
  type TemperatureCurve,
} from "../sample-cabinet/cabinet-port.ts";
import {
  EARLY_REASONS,
  type KeptHours,
  type LeaveRefusal,
  type NotSigned,
  SAMPLES_OF_ONE_ACT_MAX,
  type SamplesView,
  type SampleView,
  type TakeRefusal,
  type TakingView,
  VOID_REASONS,
} from "../sample-cabinet/samples-port.ts";
import {
  type AnsweringMessage,
  cameraTroubleSchema,
  pageId,
  previewMessageSchema,
  serverMessageReader,
  signerSchema,
  typedText,
} from "./page-protocol.ts";
import type { cameraShownSchema, syncStatusSchema, terminalNameSchema } from "./protocol.ts";
import type { DemoGoodsShown } from "./receiving-protocol.ts";

/**
 * What the cabinet's page and the terminal say to each other over `/ws/cabinet`, and every page over `/ws/alarms`. What
 * a page says is parsed here; what the terminal says are the ports' own types, as on the receiving page.
 */

const id = pageId(128);
const text = typedText;
const durationMs = z
  .int()
  .min(1)
  .max(7 * 86_400_000);
const sampleIds = z.array(id).min(1).max(SAMPLES_OF_ONE_ACT_MAX);
const signer = signerSchema;

const takeCommandSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("start"),
    date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
    periodId: id,
    dishId: id,
    containerId: id,
  }),
  z.strictObject({ kind: z.literal("choose-container"), containerId: id }),
  z.strictObject({ kind: z.literal("take-weight") }),
  z.strictObject({ kind: z.literal("retry-photo") }),
  z.strictObject({ kind: z.literal("go-on-without-photo") }),
  z.strictObject({
    kind: z.literal("sign-by-pin"),
    operatorId: id,
    pin: z.string().regex(/^\d{1,12}$/),
  }),
  z.strictObject({ kind: z.literal("sign-by-face") }),
  z.strictObject({ kind: z.literal("stop-looking") }),
  z.strictObject({ kind: z.literal("choose-slot"), cabinetId: id, slotId: id }),
  z.strictObject({ kind: z.literal("cancel") }),
]);

export const cabinetCommandSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("take"), take: takeCommandSchema }),
  z.strictObject({ kind: z.literal("dispose"), sampleIds, first: signer }),
  z.strictObject({
    kind: z.literal("dispose-early"),
    sampleIds,
    reason: z.enum(EARLY_REASONS),
    note: text(200),
    first: signer,
    second: signer,
  }),
  z.strictObject({
    kind: z.literal("seize"),
    sampleIds,
    authority: text(80),
    officer: text(80),
    documentNumber: text(80),
    sealNumber: text(80),
    note: text(200),
    first: signer,
    second: signer,
  }),
  z.strictObject({
    kind: z.literal("void"),
    sampleId: id,
    reason: z.enum(VOID_REASONS),
    note: text(200),
    first: signer,
    second: signer,
  }),
  z.strictObject({
    kind: z.literal("acknowledge"),
    alarmId: id,
    action: z.strictObject({ code: z.enum(ALARM_ACTION_CODES), text: text(200).min(1).nullable() }),
    signer,
  }),
  z.strictObject({
    kind: z.literal("shelve"),
    key: z.string().min(1).max(400),
    durationMs,
    reason: text(200),
    signer,
  }),
  z.strictObject({ kind: z.literal("unshelve"), key: z.string().min(1).max(400), signer }),
  z.strictObject({ kind: z.literal("defrost"), cabinetId: id, durationMs, signer }),
  z.strictObject({ kind: z.literal("end-defrost"), cabinetId: id, signer }),
  z.strictObject({
    kind: z.literal("out-of-service"),
    cabinetId: id,
    probeId: id.nullable(),
    reason: text(200),
    signer,
  }),
  z.strictObject({ kind: z.literal("return-to-service"), cabinetId: id, probeId: id.nullable(), signer }),
  z.strictObject({
    kind: z.literal("calibrate"),
    cabinetId: id,
    probeId: id,
    offsetMilliC: z.int().min(-100_000).max(100_000),
    signer,
  }),
  z.strictObject({ kind: z.literal("silence"), cabinetId: id }),
  /** Ends the look for a face that any command of before is waiting for. */
  z.strictObject({ kind: z.literal("stop-looking") }),
]);
export type CabinetCommand = z.output<typeof cabinetCommandSchema>;

export const cabinetPageMessageSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("hello"), page: z.literal("cabinet") }),
  /** `askId` comes back with the answer; the page counts them. */
  z.strictObject({ type: z.literal("command"), askId: z.int().min(0), command: cabinetCommandSchema }),
  previewMessageSchema,
  cameraTroubleSchema,
]);
export type CabinetPageMessage = z.input<typeof cabinetPageMessageSchema>;

/** What became of a command. */
export type CabinetAnswer =
  | { readonly kind: "done" }
  | {
      readonly kind: "take-refused";
      readonly reason: TakeRefusal;
      readonly shortG: number | null;
      readonly netG: number | null;
    }
  | { readonly kind: "leave-refused"; readonly reason: LeaveRefusal; readonly hours: KeptHours | null }
  | { readonly kind: "cabinet-refused"; readonly reason: CabinetRefusal }
  | { readonly kind: "not-signed"; readonly who: "first" | "second"; readonly outcome: NotSigned };

/** What stands around the work. */
export interface CabinetSurroundings {
  readonly type: "surroundings";
  readonly sync: z.output<typeof syncStatusSchema>;
  readonly camera: z.output<typeof cameraShownSchema>;
  readonly terminal: z.output<typeof terminalNameSchema>;
  /** False where temperatures are watched and no samples kept. */
  readonly keepsSamples: boolean;
  /** The picture of the page's camera is what will be on a sample's photo. */
  readonly seesSamples: boolean;
  /** Null outside the demo. */
  readonly demo: DemoCabinetShown | null;
  readonly goods: DemoGoodsShown | null;
}

/** The demo's cabinet; the bar at the foot of the page. */
export interface DemoCabinetShown {
  readonly isDoorOpen: boolean;
  readonly isCompressorOn: boolean;
  readonly isProbeUnplugged: boolean;
}

/** A cabinet, and the names of those who acted on its alarms. */
export interface CabinetShown {
  readonly view: CabinetView;
  readonly names: Readonly<Record<string, string>>;
}

export type SamplesShown = Omit<SamplesView, "taking">;

export type CabinetServerMessage =
  | CabinetSurroundings
  | ({ readonly type: "cabinet" } & CabinetShown)
  | { readonly type: "samples"; readonly samples: SamplesShown }
  | { readonly type: "taking"; readonly taking: TakingView }
  | AnsweringMessage<CabinetAnswer>;

/** @throws ZodError for what is no message of this terminal's. */
export const cabinetServerMessage = serverMessageReader<CabinetServerMessage>([
  "surroundings",
  "cabinet",
  "samples",
  "taking",
]);

// Alarms, on every page.

/** One cabinet as every page shows it. */
export interface AlarmedCabinet {
  readonly cabinetId: string;
  readonly name: CabinetView["name"];
  readonly level: CabinetView["level"];
  readonly isSounding: boolean;
  readonly silencedForMs: number | null;
  /** Unacknowledged or still holding, worst first. */
  readonly alarms: readonly AlarmView[];
  /** The warmest probe that has a value. */
  readonly warmestMilliC: number | null;
}
export interface AlarmsMessage {
  readonly type: "alarms";
  readonly terminal: z.output<typeof terminalNameSchema>;
  readonly cabinets: readonly AlarmedCabinet[];
}
/** How many alarms of a cabinet other pages are told of; the cabinet's own page shows all. */
export const ALARMS_SHOWN_MAX = 8;

export const alarmPageMessageSchema = z.strictObject({ type: z.literal("silence"), cabinetId: id });
export type AlarmPageMessage = z.input<typeof alarmPageMessageSchema>;
const alarmsMessageKind = z.looseObject({ type: z.literal("alarms") });
/** @throws ZodError for what is no message of this terminal's. */
export function alarmsMessage(json: string): AlarmsMessage {
  return alarmsMessageKind.parse(JSON.parse(json)) as unknown as AlarmsMessage;
}

// Asked for beside the sockets.

const epoch = z.coerce.number().int().min(0);
export const CURVE_SPAN_MS_MAX = 32 * 86_400_000;
const span = { fromMs: epoch, toMs: epoch };
export const curveQuerySchema = z
  .strictObject({ cabinetId: id, ...span, points: z.coerce.number().int().min(10).max(2000).default(720) })
  .refine(({ fromMs, toMs }) => toMs > fromMs && toMs - fromMs <= CURVE_SPAN_MS_MAX, "at most 32 days");
/** `next` of the page before: what is older follows. */
const before = z.coerce.number().int().min(1).nullable().default(null);
export const recordsQuerySchema = z.strictObject({ cabinetId: id, ...span, before });
export const historyQuerySchema = z.strictObject({ before });
export const ratesQuerySchema = z.strictObject(span);
export const cabinetSignersQuerySchema = z.strictObject({ right: z.enum(["keep", "override"]) });
export const labelParamsSchema = z.strictObject({ sampleId: id });
export const demoCabinetBodySchema = z.strictObject({
  isDoorOpen: z.boolean().optional(),
  isCompressorOn: z.boolean().optional(),
  isProbeUnplugged: z.boolean().optional(),
});

const answerOf = <T>(key: string) =>
  z.looseObject({ [key]: z.unknown() }).transform((answer) => answer as unknown as T);
export interface CurveAnswer {
  readonly curve: TemperatureCurve;
  readonly limits: readonly {
    readonly probeId: string;
    readonly name: CabinetView["name"];
    readonly lowMilliC: number;
    readonly highMilliC: number;
  }[];
}
/** Of the same build, as the sockets' messages are. */
export const curveAnswerSchema = answerOf<CurveAnswer>("curve");
export const recordsAnswerSchema = answerOf<{
  readonly records: readonly AlarmRecord[];
  readonly names: Readonly<Record<string, string>>;
  /** Give it as `before` for older ones; null: there are none. */
  readonly next: number | null;
}>("records");
export const ratesAnswerSchema = answerOf<{
  readonly rates: readonly (AcknowledgementRate & { readonly displayName: string | null })[];
}>("rates");
export const historyAnswerSchema = answerOf<{
  readonly samples: readonly SampleView[];
  readonly next: number | null;
}>("samples");
