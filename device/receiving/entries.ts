import { z } from "zod";
import type { JsonObject } from "../journal/journal-port.ts";
import { MISMATCHES, VERDICTS } from "./receiving-port.ts";

/**
 * Bodies of the journal's entries about goods. The cloud reads the same schemas, so a field is only ever added, and
 * with a default. People are ids. Masses are whole grams, temperatures thousandths of a degree, quantities decimal
 * strings in the order's unit.
 */

const id = z.string().min(1).max(128);
const name = z.string().min(1).max(80);
const code = z.string().min(1).max(64);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const mass = z.int().min(-100_000_000).max(100_000_000);
const day = z.iso.date();
const quantity = z.string().regex(/^-?(0|[1-9]\d{0,11})(\.\d{1,3})?$/);
const mismatches = z.array(z.enum(MISMATCHES)).max(MISMATCHES.length);

const product = z.strictObject({ productId: id, name });

/** The line as it stood in the version that the goods were matched against. */
const orderLine = z.strictObject({
  lineId: id,
  product,
  unit: z.enum(["kg", "g", "jin", "piece"]),
  quantity,
  packTareG: mass.nullable(),
  tolerance: z.strictObject({ underBp: z.int().min(0), overBp: z.int().min(0) }),
  /** Null also where the terminal keeps no prices. */
  priceFen: z.int().min(0).nullable(),
  gtins: z.array(code).max(10),
  temperatureMilliCMax: z.int().nullable(),
  lotRequired: z.boolean(),
  shelfDaysMin: z.int().min(0).nullable(),
});

const tare = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.enum(["scale-key", "command"]), tareG: mass.nullable() }),
  z.strictObject({ kind: z.literal("container"), containerId: id, tareG: mass }),
  z.strictObject({ kind: z.literal("keyed"), tareG: mass }),
]);

const scale = z.strictObject({
  scaleId: id,
  label: z.string().max(200),
  serialNumber: z.string().max(80).nullable(),
  /** Last verification (检定). */
  verifiedOn: day.nullable(),
  minG: mass,
  maxG: mass,
  divisionG: mass,
  /** How its frames are read: key and options of a dialect. */
  protocol: code,
  protocolOptions: z.record(z.string().max(64), z.json()),
});

const weight = z
  .strictObject({
    scale,
    shownG: mass,
    tare,
    packs: z.strictObject({ count: z.int().min(0).max(10_000), tareG: mass }).nullable(),
    netG: mass,
    /** The stable window, oldest first: the first reading and the newest ones. Each with its bytes, base64. */
    readings: z
      .array(
        z.strictObject({
          beforeMs: z.int().min(0),
          text: z.string().max(32),
          unit: z.string().max(8),
          frame: z.string().max(8192),
        }),
      )
      .min(1)
      .max(16),
    /** As `framesSha256` of raw-frames.ts. */
    framesSha256: sha256,
  })
  .check(({ value, issues }) => {
    const takenG = "containerId" in value.tare || value.tare.kind === "keyed" ? value.tare.tareG : 0;
    const packsG = value.packs === null ? 0 : value.packs.count * value.packs.tareG;
    if (value.netG !== value.shownG - takenG - packsG)
      issues.push({ code: "custom", message: "net must be shown less tare and packs", input: value.netG });
  });

const photo = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("taken"),
    photoSha256: sha256,
    thumbnailSha256: sha256,
    offMs: z.int().min(-3_600_000).max(3_600_000),
    cameraLabel: z.string().max(200),
    /** Null in entries from when a photo was kept though nothing could look for faces. */
    facesBlurred: z.int().min(0).nullable(),
    /** On the strip under the photo, of caption-content.ts; null of entries from before there was one. */
    contentCode: z
      .string()
      .regex(/^[0-9a-f]{12}$/)
      .nullable()
      .default(null),
  }),
  z.strictObject({
    kind: z.literal("none"),
    why: z.enum([
      "camera-lost",
      "no-frame",
      "picture-unreadable",
      "faces-unseen",
      "photo-space-full",
      "no-camera",
      "nothing-to-show",
    ]),
  }),
]);

const signature = z.strictObject({ operatorId: id, by: z.enum(["pin", "face"]) });
const override = z.strictObject({ ...signature.shape, reasonId: id });

const goods = z.strictObject({
  lot: z.string().max(64).nullable(),
  expiry: day.nullable(),
  gtin: code.nullable(),
  /** What the label claims; the scale's weight is the one that counts. */
  labelNetG: mass.nullable(),
  temperature: z.strictObject({ milliC: z.int(), thermometerId: id, probe: id }).nullable(),
});

const order = z.strictObject({ orderId: id, version: z.int().min(1), supplierId: id, supplierName: name });

const common = {
  /** Also the entry's own id. */
  weighInId: z.uuid(),
  product,
  operatorId: id,
  /** The school's day as the terminal's clock had it; the entry's stamp says how far that may be believed. */
  day,
  pieces: z.int().min(0).max(10_000),
  goods,
  photo,
  mismatches,
  /** Whoever let in what did not match, or waived the photo. */
  override: override.nullable(),
};

const delivered = { deliveryId: z.uuid(), order, line: orderLine.nullable() };

/** What may not stand in the record without a name under it. */
function needsOverride(value: {
  readonly mismatches: readonly string[];
  readonly override: unknown;
}): boolean {
  return value.mismatches.length > 0 && value.override === null;
}

export const weighInAcceptedSchema = z
  .strictObject({
    ...common,
    ...delivered,
    weight,
    quantity,
    /** Of the line with this one, in this order. */
    verdict: z.enum(VERDICTS),
  })
  .check(({ value, issues }) => {
    if (needsOverride(value))
      issues.push({ code: "custom", message: "a mismatch needs an override", input: value.mismatches });
  });

export const weighInRejectedSchema = z.strictObject({
  ...common,
  ...delivered,
  /** Null: turned away without weighing. */
  weight: weight.nullable(),
  quantity: quantity.nullable(),
  reasonId: id,
});

export const weighInIssuedSchema = z.strictObject({
  ...common,
  weight,
  target: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("meal"), mealId: id }),
    z.strictObject({ kind: z.literal("bin"), reasonId: id }),
  ]),
});

export const weighInReversedSchema = z.strictObject({
  weighInId: z.uuid(),
  kind: z.enum(["accepted", "rejected", "issued"]),
  deliveryId: z.uuid().nullable(),
  reasonId: id,
  operatorId: id,
  /** Needed once the delivery is closed. */
  signature: signature.nullable(),
});

export const deliveryOpenedSchema = z.strictObject({
  deliveryId: z.uuid(),
  order,
  dueDate: day,
  operatorId: id,
});

/** The cloud changed the order meanwhile; somebody saw both and chose. */
export const deliveryOrderChosenSchema = z.strictObject({
  deliveryId: z.uuid(),
  orderId: id,
  inUseVersion: z.int().min(1),
  newestVersion: z.int().min(1),
  chosenVersion: z.int().min(1),
  /** Decided lines that the chosen version changes: to be decided anew. None in entries from before there was such a list. */
  reopenedLineIds: z.array(id).max(200).default([]),
  operatorId: id,
});

export const deliveryPhotosWaivedSchema = z.strictObject({
  deliveryId: z.uuid(),
  override,
  operatorId: id,
});

const decision = z.enum(["accepted", "accepted-in-part", "rejected", "missing"]);

export const deliveryLineFinishedSchema = z.strictObject({
  deliveryId: z.uuid(),
  order,
  line: orderLine,
  decision,
  received: z.strictObject({ netG: mass, pieces: z.int() }),
  rejected: z.strictObject({ netG: mass, pieces: z.int() }),
  verdict: z.enum(VERDICTS),
  mismatches,
  override: override.nullable(),
  reasonId: id.nullable(),
  photo: photo.nullable(),
  operatorId: id,
});

export const deliveryClosedSchema = z.strictObject({
  deliveryId: z.uuid(),
  order,
  outcome: z.enum(["accepted", "accepted-in-part", "refused"]),
  lines: z
    .array(
      z.strictObject({
        lineId: id,
        decision,
        received: z.strictObject({ netG: mass, pieces: z.int() }),
        quantity,
        verdict: z.enum(VERDICTS),
      }),
    )
    .max(200),
  /** The whole delivery went back: why, and its photo. */
  reasonId: id.nullable(),
  photo: photo.nullable(),
  weighedBy: z.array(id).max(50),
  operatorId: id,
  /** The second person. */
  signature,
});

export type WeighInAccepted = z.infer<typeof weighInAcceptedSchema>;
export type WeighInRejected = z.infer<typeof weighInRejectedSchema>;
export type WeighInIssued = z.infer<typeof weighInIssuedSchema>;
export type WeighInReversed = z.infer<typeof weighInReversedSchema>;
export type DeliveryOpened = z.infer<typeof deliveryOpenedSchema>;
export type DeliveryOrderChosen = z.infer<typeof deliveryOrderChosenSchema>;
export type DeliveryPhotosWaived = z.infer<typeof deliveryPhotosWaivedSchema>;
export type DeliveryLineFinished = z.infer<typeof deliveryLineFinishedSchema>;
export type DeliveryClosed = z.infer<typeof deliveryClosedSchema>;
export type RecordedPhoto = z.infer<typeof photo>;
export type RecordedWeight = z.infer<typeof weight>;
export type RecordedScale = z.infer<typeof scale>;
export type RecordedOverride = z.infer<typeof override>;
export type RecordedOrder = z.infer<typeof order>;

/** Schemas by kind, for whoever reads the journal. */
export const GOODS_ENTRY_SCHEMAS = {
  "weighin.accepted": weighInAcceptedSchema,
  "weighin.rejected": weighInRejectedSchema,
  "weighin.issued": weighInIssuedSchema,
  "weighin.reversed": weighInReversedSchema,
  "delivery.opened": deliveryOpenedSchema,
  "delivery.order-chosen": deliveryOrderChosenSchema,
  "delivery.photos-waived": deliveryPhotosWaivedSchema,
  "delivery.line-finished": deliveryLineFinishedSchema,
  "delivery.closed": deliveryClosedSchema,
} as const;

export type GoodsKind = keyof typeof GOODS_ENTRY_SCHEMAS;
export type GoodsRecord = {
  [Kind in GoodsKind]: { readonly kind: Kind; readonly body: z.infer<(typeof GOODS_ENTRY_SCHEMAS)[Kind]> };
}[GoodsKind];

/** What is written, checked once more against its schema: a body that does not fit is a bug of ours. */
export function bodyOf({ kind, body }: GoodsRecord): JsonObject {
  return GOODS_ENTRY_SCHEMAS[kind].parse(body) as JsonObject;
}

/** Hashes of the pictures that a record quotes. */
export function photoHashes({ body }: GoodsRecord): readonly string[] {
  const taken = "photo" in body && body.photo?.kind === "taken" ? body.photo : null;
  return taken === null ? [] : [taken.photoSha256, taken.thumbnailSha256];
}
