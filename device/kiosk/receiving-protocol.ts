import { z } from "zod";
import type {
  LiveReceiving,
  ReceivingAnswer,
  ReceivingCommand,
  ReceivingView,
} from "../receiving/receiving-port.ts";
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

/**
 * What the receiving page and the terminal say to each other over `/ws/receiving`. What the page says is parsed here.
 * What the terminal says are the port's own types: the page comes from the same build, readings come fifteen times a
 * second, and a second description of the whole view would only be one more thing to keep equal.
 */

const id = pageId(64);
const text = typedText;
const tareG = z.int().min(1).max(10_000_000);
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);

/** Codes of a scanner: GS1 allows 74 characters, a QR of a delivery note a few more. */
export const SCAN_LENGTH_MAX = 512;
export const PACK_COUNT_MAX = 10_000;

const chosenTareSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.literal("container"), containerId: id }),
  z.strictObject({ kind: z.literal("keyed"), tareG }),
]);

const issueTargetSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("meal"), mealId: id }),
  z.strictObject({ kind: z.literal("bin"), reasonId: id }),
]);

const reasonId = id;

export const receivingCommandSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("choose-delivery"), orderId: id }),
  z.strictObject({ kind: z.literal("leave-delivery") }),
  z.strictObject({ kind: z.literal("choose-line"), lineId: id }),
  z.strictObject({
    kind: z.literal("choose-not-ordered"),
    name: text(80).min(1),
    gtin: z
      .string()
      .regex(/^\d{8,14}$/)
      .nullable(),
  }),
  z.strictObject({ kind: z.literal("leave-line") }),
  z.strictObject({ kind: z.literal("scan"), text: z.string().min(1).max(SCAN_LENGTH_MAX) }),
  z.strictObject({
    kind: z.literal("choose-order-version"),
    version: z.int().min(1),
    newestVersion: z.int().min(1).exactOptional(),
  }),
  z.strictObject({ kind: z.literal("choose-scale"), scaleId: id }),
  z.strictObject({
    kind: z.literal("scale-command"),
    scaleId: id,
    command: z.enum(["tare", "zero", "clear-tare", "print"]),
  }),
  z.strictObject({ kind: z.literal("set-tare"), tare: chosenTareSchema }),
  z.strictObject({ kind: z.literal("set-packs"), count: z.int().min(1).max(PACK_COUNT_MAX).nullable() }),
  z.strictObject({
    kind: z.literal("set-goods"),
    lot: text(40).min(1).nullable().exactOptional(),
    expiry: day.nullable().exactOptional(),
  }),
  z.strictObject({ kind: z.literal("take-temperature"), thermometerId: id, probe: id }),
  z.strictObject({ kind: z.literal("take") }),
  z.strictObject({ kind: z.literal("reject-goods"), reasonId, weighed: z.boolean() }),
  z.strictObject({
    kind: z.literal("finish-line"),
    decision: z.enum(["accept", "accept-in-part", "reject", "missing"]),
    reasonId: reasonId.nullable(),
  }),
  z.strictObject({ kind: z.literal("override"), reasonId, signer: signerSchema }),
  z.strictObject({ kind: z.literal("cancel") }),
  z.strictObject({ kind: z.literal("waive-photos"), reasonId, signer: signerSchema }),
  z.strictObject({ kind: z.literal("strike"), weighInId: id, reasonId, signer: signerSchema.nullable() }),
  z.strictObject({ kind: z.literal("close-delivery"), signer: signerSchema }),
  z.strictObject({ kind: z.literal("refuse-delivery"), reasonId, signer: signerSchema }),
  // Goods that were on no order are named by what somebody typed.
  z.strictObject({ kind: z.literal("start-issue"), productId: pageId(128), target: issueTargetSchema }),
  z.strictObject({ kind: z.literal("leave-issue") }),
]) satisfies z.ZodType<ReceivingCommand>;

export const receivingPageMessageSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("hello"), page: z.literal("receiving") }),
  /** `askId` comes back with the answer; the page counts them. */
  z.strictObject({ type: z.literal("command"), askId: z.int().min(0), command: receivingCommandSchema }),
  previewMessageSchema,
  cameraTroubleSchema,
]);
export type ReceivingPageMessage = z.input<typeof receivingPageMessageSchema>;

/** What stands around the work: who is signed in, the network, the camera, the meals that goods go to. */
export interface ReceivingSurroundings {
  readonly type: "surroundings";
  readonly operator: {
    readonly operatorId: string;
    readonly displayName: string;
    readonly role: "cashier" | "keeper" | "manager";
  };
  readonly sync: z.output<typeof syncStatusSchema>;
  readonly camera: z.output<typeof cameraShownSchema>;
  readonly terminal: z.output<typeof terminalNameSchema>;
  readonly meals: readonly MealShown[];
  /** Null outside the demo. */
  readonly demo: DemoGoodsShown | null;
}
export interface MealShown {
  readonly id: string;
  readonly name: { readonly zh: string; readonly en: string };
}

/** The demo's scale and codes; the bar at the foot of the page. */
export interface DemoGoodsShown {
  readonly grams: number;
  readonly gramsMax: number;
  readonly isShaken: boolean;
  readonly isPlugged: boolean;
  /** What a scanner could read here: delivery notes and goods of the open orders. */
  readonly codes: readonly { readonly label: string; readonly text: string }[];
}

export type ReceivingServerMessage =
  | ReceivingSurroundings
  | { readonly type: "view"; readonly view: ReceivingView }
  | { readonly type: "live"; readonly live: LiveReceiving }
  | AnsweringMessage<ReceivingAnswer>;

/** @throws ZodError for what is no message of this terminal's. */
export const receivingServerMessage = serverMessageReader<ReceivingServerMessage>([
  "surroundings",
  "view",
  "live",
]);

export const hashParamsSchema = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });
export const signersQuerySchema = z.strictObject({ what: z.enum(["override", "delivery"]) });
export const stockAnswerSchema = z.object({
  stock: z
    .array(
      z.object({
        product: z.object({ productId: z.string(), name: z.string() }),
        balanceG: z.int(),
        balancePieces: z.int(),
      }),
    )
    .readonly(),
});
export const demoScaleBodySchema = z.strictObject({
  grams: z.int().min(0).max(1_000_000).optional(),
  isShaken: z.boolean().optional(),
  isPlugged: z.boolean().optional(),
});
export const demoScanBodySchema = z.strictObject({ text: z.string().min(1).max(SCAN_LENGTH_MAX) });
