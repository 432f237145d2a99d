import { z } from "zod";
import { cabinetsSchema, readCabinetParts } from "./cabinet-schema.ts";
import { cameraSchema } from "./camera-schema.ts";
import { type ConfigParts, contradictions } from "./contradictions.ts";
import { devicesSchema, readDeviceParts } from "./device-schema.ts";
import { faceSchema } from "./face-schema.ts";
import { receivingSchema } from "./receiving-schema.ts";
import { samplesSchema } from "./sample-schema.ts";

/**
 * The one schema of `canteen.yaml`: types, defaults, bounds and descriptions come from here.
 * Units are part of each key's name, so a value in the wrong unit is an unknown key or out of bounds.
 * A message is written "中文 / English"; explain-issue.ts says the rest in both languages.
 */

/** Raise it with a step in migration.ts when an older file would no longer be valid. */
export const CONFIG_VERSION = 1;

const portNumber = z.int().min(1).max(65_535);
const filePath = z.string().min(1).max(4096);
const identifier = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    "只能用小写字母、数字和短横，最多 63 个，以字母或数字开头 / lower-case letters, digits and dashes, at most 63, starting with a letter or digit",
  );
const fenAmount = z.int().min(0).max(100_000_00);
const timeOfDay = z
  .string()
  .regex(
    /^([01]\d|2[0-3]):[0-5]\d$|^24:00$/,
    '一天中的时间，如 "11:30"（24:00 表示一天结束） / a time of day such as "11:30" (24:00 ends the day)',
  );
const bilingual = z.strictObject({
  zh: z.string().min(1).max(40).describe("As shown, Chinese."),
  en: z.string().min(1).max(80).describe("As shown, English."),
});

const kioskSchema = z.strictObject({
  host: z
    .string()
    .default("127.0.0.1")
    .describe("Address to listen on; the kiosk's browser is on the same machine."),
  port: portNumber.default(8080).describe("Port of the kiosk's page."),
  language: z
    .enum(["zh", "en"])
    .default("zh")
    .describe("The language of the page at start; the diner may switch."),
});

const mealPeriodSchema = z.strictObject({
  id: identifier.describe("Stable: one charge per person, date and this id."),
  name: bilingual,
  from: timeOfDay.describe("Start of the meal, included."),
  to: timeOfDay.describe("End of the meal, excluded; never past midnight."),
  pricing: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z
        .literal("fixed")
        .describe("fixed: one price. menu: sum of the items. keyed: staff key the amount in."),
      priceFen: fenAmount.describe("Price of the meal before the subsidy."),
    }),
    z.strictObject({ kind: z.literal("menu") }),
    z.strictObject({
      kind: z.literal("keyed"),
      amountFenMax: fenAmount.describe("Most that staff may key in."),
    }),
  ]),
  subsidyFen: z
    .strictObject({
      student: fenAmount.default(0).describe("Paid by the school, off the price, never below zero."),
      staff: fenAmount.default(0).describe("As student."),
      guest: fenAmount.default(0).describe("As student."),
    })
    .prefault({}),
  dishes: z
    .array(
      z.strictObject({
        id: identifier.describe("Stable: samples record it."),
        name: bilingual,
        dates: z
          .array(z.iso.date())
          .max(62)
          .exactOptional()
          .describe("Cooked on these dates only; without it by the weekdays."),
        weekdays: z
          .array(z.int().min(1).max(7))
          .max(7)
          .exactOptional()
          .describe("Cooked on these only, 1 Monday to 7 Sunday; without it each day."),
      }),
    )
    .max(1000)
    .exactOptional()
    .describe("What is cooked for this meal: each dish leaves a sample in the cabinet."),
});

const mealPlanSchema = z.strictObject({
  version: z.string().min(1).max(64).default("local").describe("Name of this plan; each charge records it."),
  zone: z
    .string()
    .default("Asia/Shanghai")
    .refine(isTimeZone, "IANA 时区名，如 Asia/Shanghai / an IANA time zone such as Asia/Shanghai")
    .describe("Time zone of the school: business date and meals are computed in it."),
  periods: z.array(mealPeriodSchema).min(1).max(12),
  menu: z
    .array(
      z.strictObject({
        id: identifier.describe("Stable: charges record it."),
        name: bilingual,
        priceFen: fenAmount.describe("Price of one."),
        allergens: z
          .array(identifier)
          .max(20)
          .default([])
          .describe("Compared with the person's; the diner is warned."),
      }),
    )
    .max(200)
    .default([]),
});

const limitsSchema = z.strictObject({
  perChargeFenMax: fenAmount.default(50_00).describe("Most for one charge."),
  perDayFenMax: fenAmount.default(100_00).describe("Most for one person and day."),
  overdraftFenMax: fenAmount.default(0).describe("How far below zero a balance may go."),
  offlinePerPersonFenMax: fenAmount
    .default(100_00)
    .describe("Most for one person without the cloud's receipt."),
  offlineTotalFenMax: z
    .int()
    .min(0)
    .max(100_000_000_00)
    .default(50_000_00)
    .describe("Most for all people without the cloud's receipt."),
  offlineDaysMax: z
    .int()
    .min(1)
    .max(90)
    .default(30)
    .describe("Sales stop after so many days without a receipt."),
  offlineEntriesMax: z
    .int()
    .min(1000)
    .max(5_000_000)
    .default(500_000)
    .describe("Sales stop at so many journal entries without a receipt."),
});

const servingLineSchema = z.strictObject({
  activation: z
    .enum(["touch", "presence"])
    .default("touch")
    .describe(
      "touch: the diner presses, then looks. presence: only where a fixed-price meal mode was agreed.",
    ),
  shownMsMin: z.int().min(300).max(30_000).default(2500).describe("How long the result stays on the screen."),
  confirmMsMax: z
    .int()
    .min(1000)
    .max(60_000)
    .default(8000)
    .describe("After this an unconfirmed payment is dropped."),
  confirmFace: z.boolean().default(false).describe("Ask for one more press after the person was recognised."),
  mealPlan: mealPlanSchema,
  limits: limitsSchema.prefault({}),
});

const mqttSchema = z.strictObject({
  url: z
    .url({
      protocol: /^(mqtt|mqtts|ws|wss)$/,
      error: "mqtt、mqtts、ws 或 wss 地址 / an mqtt, mqtts, ws or wss URL",
    })
    .default("mqtt://127.0.0.1:1883")
    .describe("Address of the broker, without credentials."),
  protocolVersion: z.literal(["auto", 4, 5]).default("auto").describe("auto tries MQTT 5, then 3.1.1 (4)."),
  username: z.string().max(256).optional().describe("Name at the broker."),
  passwordFile: filePath.optional().describe("A file that holds the password; its own line end is cut off."),
  caFile: filePath.optional().describe("PEM of the broker's authority, for mqtts."),
  keepAliveMs: z
    .int()
    .min(5000)
    .max(600_000)
    .default(30_000)
    .describe("A dead connection is noticed within 1.5 times this."),
  reconnectWaitMsMin: z
    .int()
    .min(100)
    .max(60_000)
    .default(1000)
    .describe("First wait before a new attempt; later ones grow, with jitter."),
  reconnectSpreadMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(10_000)
    .describe(
      "The first wait lies anywhere up to this, so that thousands do not come back at the same moment.",
    ),
  reconnectWaitMsMax: z
    .int()
    .min(1000)
    .max(3_600_000)
    .default(60_000)
    .describe("Longest wait between attempts."),
  receiptWaitMsMax: z
    .int()
    .min(500)
    .max(600_000)
    .default(15_000)
    .describe("Without a receipt for this long a batch is sent again."),
  batchesInFlightMax: z.int().min(1).max(16).default(4).describe("Batches sent ahead of their receipts."),
});

const securitySchema = z.strictObject({
  deviceKeyFile: filePath
    .optional()
    .describe("Default: device.key in dataFolder; made at the first start, mode 0600."),
  siteKeyFile: filePath.optional().describe("The site's key for sharing templates between its terminals."),
  shareTemplates: z.boolean().default(false).describe("Give sealed templates to the site's other terminals."),
  pinAttemptsMax: z.int().min(3).max(20).default(5).describe("Wrong PINs before the lock."),
  pinLockMs: z.int().min(10_000).max(86_400_000).default(300_000).describe("How long the lock lasts."),
  sessionIdleMsMax: z
    .int()
    .min(30_000)
    .max(86_400_000)
    .default(600_000)
    .describe("An operator is signed out after so long without a touch."),
});

const storageSchema = z.strictObject({
  freeBytesMin: z
    .int()
    .min(1_000_000)
    .max(1e12)
    .default(50_000_000)
    .describe("Below this free space sales stop before anything could be lost."),
  temperatureBytesMax: z
    .int()
    .min(1_000_000)
    .max(1e12)
    // Enough for two years of 32 probes; fewer take less of it.
    .default(1_600_000_000)
    .describe(
      "Readings of the cabinets' probes (7 days) and their minutes (2 years): 48 MB for a probe read each 5 s. With less, minutes of more than a quarter ago go first; doctor says how many days fit.",
    ),
  backupBytesMax: z
    .int()
    .min(1_000_000)
    .max(1e12)
    .default(1_000_000_000)
    .describe(
      "Both hourly copies of the database together. Where two do not fit one is kept; where none fits, none.",
    ),
  journalDaysMin: z
    .int()
    .min(7)
    .max(36_500)
    .default(180)
    .describe(
      "How long journal entries stay here. Older ones that the cloud has go, up to a signed checkpoint; what it lacks never does.",
    ),
  journalBytesMax: z
    .int()
    .min(10_000_000)
    .max(1e12)
    .default(2_000_000_000)
    .describe(
      "Size of the database at which the oldest entries that the cloud has go before their time, but none of the last 7 days.",
    ),
  photoBytesMax: z
    .int()
    .min(10_000_000)
    .max(1e12)
    .default(2_000_000_000)
    .describe(
      "All photos together. At this the oldest that the cloud has go first; what it lacks is never deleted.",
    ),
  photoDaysMin: z
    .int()
    .min(0)
    .max(3650)
    .default(30)
    .describe("How long a photo stays here after the cloud has confirmed it."),
});

/** Each key by itself; rules between keys are in contradictions.ts. */
export const configStructure = z.strictObject({
  version: z.literal(CONFIG_VERSION).default(CONFIG_VERSION).describe("Version of this file's layout."),
  site: identifier.describe("The school; part of the MQTT topics."),
  device: identifier.describe("This terminal, unique within the site; part of the MQTT topics."),
  dataFolder: filePath
    .default(".canteen")
    .describe("Journal, keys and all else that must survive a restart."),
  logLevel: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("Least level that is logged."),
  kiosk: kioskSchema.prefault({}),
  camera: cameraSchema.prefault({ kind: "browser" }),
  devices: devicesSchema,
  face: faceSchema.prefault({}),
  servingLine: servingLineSchema,
  mqtt: mqttSchema.prefault({}),
  security: securitySchema.prefault({}),
  storage: storageSchema.prefault({}),
  receiving: receivingSchema.prefault({}),
  cabinets: cabinetsSchema,
  samples: samplesSchema.prefault({}),
});

export const configSchema = configStructure.check((context) => {
  for (const { path, reason, input } of contradictions(readParts(context.value))) {
    context.issues.push({ code: "custom", path: [...path], message: `${reason.zh} / ${reason.en}`, input });
  }
});

export type Config = z.infer<typeof configSchema>;

/** The values of `raw` that are valid by themselves, for the rules between keys. */
export function readParts(raw: unknown): ConfigParts {
  const config = record(raw);
  const servingLine = record(config["servingLine"]);
  const mealPlan = record(servingLine["mealPlan"]);
  const periods: readonly unknown[] = Array.isArray(mealPlan["periods"]) ? mealPlan["periods"] : [];
  return {
    activation: validFields(servingLineSchema, servingLine).activation,
    menuItemCount: validFields(mealPlanSchema, mealPlan).menu?.length,
    devices: (Array.isArray(config["devices"]) ? config["devices"] : []).map(readDeviceParts),
    goodsScales: validFields(receivingSchema, record(config["receiving"])).scales ?? [],
    samples: validFields(samplesSchema, record(config["samples"])),
    cabinets: (Array.isArray(config["cabinets"]) ? config["cabinets"] : []).map(readCabinetParts),
    periods: periods.map((period) => validFields(mealPeriodSchema, record(period))),
    limits: validFields(limitsSchema, record(servingLine["limits"])),
    mqtt: validFields(mqttSchema, record(config["mqtt"])),
    security: validFields(securitySchema, record(config["security"])),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Parses each key of an object alone, with its default, and leaves out what is invalid. */
function validFields<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  raw: Readonly<Record<string, unknown>>,
): Partial<z.output<z.ZodObject<Shape>>> {
  const entries = Object.entries(schema.shape).flatMap(([key, field]) => {
    const parsed = z.safeParse(field, raw[key]);
    return parsed.success ? [[key, parsed.data] as const] : [];
  });
  return Object.fromEntries(entries) as Partial<z.output<z.ZodObject<Shape>>>;
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
