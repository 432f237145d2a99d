import { z } from "zod";
import { epochMs, fen } from "../platform/units.ts";
import { REFUSAL_REASONS } from "../serving-line/serving-line-port.ts";

/**
 * What the pay page and the terminal say to each other over `/ws`: one source for the server, the page and the tests.
 * Text messages are JSON of these schemas; a binary message is one JPEG: from the page a picture of its webcam
 * (only after `next-frame`), to the page a picture of the terminal's own camera.
 */

/** A pushed picture of the browser's webcam; 640×480 at quality 0.8 is about 60 kB. */
export const PAGE_FRAME_BYTES_MAX = 2 * 1024 * 1024;
/** The longest text message; a full menu order of 50 items has 4 kB. */
export const PAGE_TEXT_BYTES_MAX = 8 * 1024;
export const ORDER_ITEM_COUNT_MAX = 50;

const fenAmount = z.int().transform(fen);
const epoch = z.int().transform(epochMs);
export const bilingualSchema = z.object({ zh: z.string(), en: z.string() });
export type BilingualText = z.output<typeof bilingualSchema>;
const refusalReason = z.enum(REFUSAL_REASONS);
const allergens = z.array(z.string()).readonly();

export const receiptSchema = z.object({
  chargeId: z.string(),
  seq: z.int(),
  personId: z.string(),
  displayName: z.string(),
  groupName: z.string(),
  period: z.object({ id: z.string(), name: bilingualSchema }),
  businessDate: z.string(),
  priceFen: fenAmount,
  subsidyFen: fenAmount,
  amountFen: fenAmount,
  balanceFen: fenAmount,
  method: z.enum(["face", "card", "pin", "staff"]),
  atMs: epoch,
  timeTrust: z.enum(["synced", "held", "unknown"]),
  allergyWarning: allergens,
});
export type ReceiptShown = z.output<typeof receiptSchema>;

export const lookHintSchema = z.enum([
  "one-at-a-time",
  "come-closer",
  "look-here",
  "more-light",
  "hold-still",
  "blink",
  "turn-left",
  "turn-right",
]);

export const checkoutViewSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("closed"), reason: refusalReason }),
  z.object({ kind: z.literal("idle") }),
  z.object({ kind: z.literal("looking"), hint: lookHintSchema.nullable() }),
  z.object({
    kind: z.literal("confirm"),
    chargeId: z.string(),
    personId: z.string(),
    displayName: z.string(),
    amountFen: fenAmount,
    balanceFen: fenAmount,
    allergyWarning: allergens,
    disputable: z.boolean(),
  }),
  z.object({
    kind: z.literal("asking"),
    /** Null: card or PIN only. Names, when an operator is signed in at this screen. */
    choices: z
      .array(z.object({ personId: z.string(), displayName: z.string(), groupName: z.string() }))
      .readonly()
      .nullable(),
  }),
  z.object({
    kind: z.literal("not-me"),
    outcome: z.enum(["not-charged", "voided", "refused"]),
    amountFen: fenAmount.nullable(),
  }),
  z.object({ kind: z.literal("paid"), receipt: receiptSchema }),
  z.object({
    kind: z.literal("refused"),
    reason: refusalReason,
    displayName: z.string().nullable(),
    amountFen: fenAmount.nullable(),
    balanceFen: fenAmount.nullable(),
    earlier: receiptSchema.nullable(),
    pin: z
      .discriminatedUnion("kind", [
        z.object({ kind: z.literal("wrong"), attemptsLeft: z.int() }),
        z.object({ kind: z.literal("locked"), untilMs: z.number() }),
      ])
      .optional(),
  }),
  z.object({
    kind: z.literal("other-way"),
    reason: z.enum(["unknown-face", "ambiguous", "liveness", "camera-lost", "faces-loading"]),
  }),
]);
export type CheckoutViewShown = z.output<typeof checkoutViewSchema>;

const pricingSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("fixed"), priceFen: fenAmount }),
  z.object({ kind: z.literal("menu") }),
  z.object({ kind: z.literal("keyed"), amountFenMax: fenAmount }),
]);

export const lineStatusSchema = z.object({
  view: checkoutViewSchema,
  activation: z.enum(["touch", "presence"]),
  mealPeriod: z
    .object({
      id: z.string(),
      name: bilingualSchema,
      fromMinute: z.int(),
      toMinute: z.int(),
      pricing: pricingSchema,
      subsidyFen: z.object({ student: fenAmount, staff: fenAmount, guest: fenAmount }),
    })
    .nullable(),
  businessDate: z.string(),
  menu: z
    .array(z.object({ id: z.string(), name: bilingualSchema, priceFen: fenAmount, allergens }))
    .readonly(),
  order: z.object({
    itemIds: z.array(z.string()).readonly(),
    keyedFen: fenAmount.nullable(),
    totalFen: fenAmount.nullable(),
  }),
  servedCount: z.int(),
});
export type LineStatusShown = z.output<typeof lineStatusSchema>;

export const syncStatusSchema = z.object({
  connection: z.enum(["connected", "connecting", "offline", "refused"]),
  reason: z.string().nullable(),
  waitingCount: z.int(),
  lastReceiptAtMs: epoch.nullable(),
  rosterVersion: z.int(),
  refusedEntry: z.object({ seq: z.int(), code: z.string() }).nullable(),
});

export const cameraKindSchema = z.enum(["browser", "folder", "http", "v4l2"]);
export type CameraKindShown = z.output<typeof cameraKindSchema>;
export const cameraShownSchema = z.object({
  kind: cameraKindSchema,
  /** The cameras this terminal has. */
  kinds: z.array(cameraKindSchema).readonly(),
  label: z.string(),
  state: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("starting") }),
    z.object({ kind: z.literal("live") }),
    z.object({ kind: z.literal("lost"), code: z.string(), hint: bilingualSchema }),
    z.object({ kind: z.literal("closed") }),
  ]),
});
export type CameraShown = z.output<typeof cameraShownSchema>;

export const terminalNameSchema = z.object({
  site: z.string(),
  device: z.string(),
  /** IANA zone of the school. */
  zone: z.string(),
  language: z.enum(["zh", "en"]),
});

export const demoShownSchema = z.object({
  isOnline: z.boolean(),
  canChoosePerson: z.boolean(),
  isSceneEmpty: z.boolean(),
});

/** People; `comparing`: all are loaded, and look-alikes are being found. */
export const facesLoadingSchema = z.object({
  step: z.enum(["loading", "comparing"]),
  loadedCount: z.int(),
  totalCount: z.int(),
});

export type FacesLoadingShown = z.output<typeof facesLoadingSchema>;

export const statusMessageSchema = z.object({
  type: z.literal("status"),
  line: lineStatusSchema,
  /** Null when faces are recognised. */
  faces: facesLoadingSchema.nullable(),
  sync: syncStatusSchema,
  camera: cameraShownSchema,
  terminal: terminalNameSchema,
  /** Null outside the demo. */
  demo: demoShownSchema.nullable(),
});
export type StatusMessage = z.output<typeof statusMessageSchema>;

/** How every refusal of a request and every fault looks, in HTTP and on the socket. */
export const problemSchema = z.object({
  code: z.string(),
  message: bilingualSchema,
  hint: bilingualSchema,
  /** Where a request was wrong; never the value, which may be a PIN. */
  issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  attemptsLeft: z.int().optional(),
  waitMs: z.int().optional(),
});
export type Problem = z.output<typeof problemSchema>;

export const serverMessageSchema = z.discriminatedUnion("type", [
  statusMessageSchema,
  /** Asks the page for one picture of its webcam; it sends none unasked, so it can never flood the terminal. */
  z.object({ type: z.literal("next-frame") }),
  /** Faces of the newest picture, in its pixels. */
  z.object({
    type: z.literal("faces"),
    widthPx: z.int(),
    heightPx: z.int(),
    boxes: z.array(z.tuple([z.number(), z.number(), z.number(), z.number()])).readonly(),
  }),
  /** Another page became the pay screen: this one shows nothing more until it asks again with `hello`. */
  z.object({ type: z.literal("superseded") }),
  z.object({ type: z.literal("problem"), problem: problemSchema }),
]);
export type ServerMessage = z.output<typeof serverMessageSchema>;

export const lineCommandSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("activate") }),
  /** Names what the diner saw: a press that comes late must not confirm another payment than that. */
  z.strictObject({ kind: z.literal("confirm"), chargeId: z.string().min(1).max(64) }),
  z.strictObject({ kind: z.literal("cancel") }),
  /** Names it too: a late press must not take back the next one's payment. */
  z.strictObject({ kind: z.literal("not-me"), chargeId: z.string().min(1).max(64) }),
  /** One of the names asked about; only while an operator is signed in at this screen. */
  z.strictObject({ kind: z.literal("choose"), personId: z.string().min(1).max(64) }),
  z.strictObject({
    kind: z.literal("set-order"),
    itemIds: z.array(z.string().min(1).max(64)).max(ORDER_ITEM_COUNT_MAX),
    keyedFen: z.int().min(0).max(100_000_00).transform(fen).nullable(),
  }),
  z.strictObject({ kind: z.literal("card"), cardToken: z.string().min(1).max(128) }),
  z.strictObject({
    kind: z.literal("pin"),
    number: z.string().regex(/^[0-9A-Za-z-]{1,32}$/),
    pin: z.string().regex(/^\d{1,12}$/),
  }),
]);

export const pageMessageSchema = z.discriminatedUnion("type", [
  /** The page wants to be the pay screen; the newest one is. */
  z.strictObject({ type: z.literal("hello"), page: z.literal("pay") }),
  z.strictObject({ type: z.literal("command"), command: lineCommandSchema }),
  /** The browser's webcam cannot be used. */
  z.strictObject({ type: z.literal("camera-trouble"), reason: z.enum(["denied", "none", "busy", "failed"]) }),
]);
export type PageMessage = z.input<typeof pageMessageSchema>;
export type PageCommand = z.input<typeof lineCommandSchema>;
