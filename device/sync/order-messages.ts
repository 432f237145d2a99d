import { z } from "zod";

/** Purchase orders on their way to the terminal; the rules of messages.ts hold here too. */

const version = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const fen = z.int().min(0).max(100_000_00);
const decimal = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,7})(\.[0-9]{1,3})?$/)
  .describe("A decimal without sign: at most 8 digits before the point and 3 behind it.");
const identifierText = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/);
const basisPoints = z.int().min(0).max(10_000).describe("Hundredths of a per cent.");

const orderLineSchema = z.strictObject({
  lineId: identifierText,
  product: z.strictObject({ productId: identifierText, name: z.string().min(1).max(80) }),
  unit: z.enum(["kg", "g", "jin", "piece"]).describe("jin: 市斤, 500 g."),
  quantity: decimal,
  packTareG: z.int().min(0).max(100_000).nullable().describe("Of one piece's box or wrapping."),
  tolerance: z
    .strictObject({ underBp: basisPoints, overBp: basisPoints })
    .default({ underBp: 500, overBp: 500 })
    .describe("How far the received quantity may be off; absent: 5 % either way."),
  priceFen: fen.nullable().describe("For one unit; null where money and goods are kept apart."),
  gtins: z.array(z.string().regex(/^[0-9]{8,14}$/)).max(10),
  temperatureMilliCMax: z.int().min(-40_000).max(100_000).nullable(),
  lotRequired: z.boolean(),
  shelfDaysMin: z.int().min(0).max(3650).nullable(),
});

export const purchaseOrderSchema = z
  .strictObject({
    orderId: identifierText,
    version: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
    supplier: z.strictObject({ supplierId: identifierText, name: z.string().min(1).max(80) }),
    dueDate: z.iso.date(),
    status: z.enum(["open", "closed", "cancelled"]),
    lines: z
      .array(orderLineSchema)
      .min(1)
      .max(200)
      .refine(
        (lines) => new Set(lines.map(({ lineId }) => lineId)).size === lines.length,
        "a lineId stands twice",
      ),
  })
  .describe("One purchase order, whole.");

export const ordersSchema = z
  .strictObject({
    v: z.literal(1).describe("Schema version of this message."),
    after: version.describe("Fits on any revision from here on; an older terminal asks for what it lacks."),
    revision: version.min(1),
    orders: z.array(purchaseOrderSchema).max(20),
  })
  .describe("Purchase orders that changed after `after`, as they are at `revision`.");

export type OrdersMessage = z.infer<typeof ordersSchema>;
