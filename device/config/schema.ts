import { z } from "zod";

/**
 * The one schema of `canteen.yaml`: types, defaults, bounds and descriptions come from here.
 * Units are part of each key's name, so a value in the wrong unit is an unknown key or out of bounds.
 */

const portNumber = z.int().min(1).max(65_535);
const filePath = z.string().min(1).max(4096);
const identifier = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    "lower-case letters, digits and dashes, at most 63, starting with a letter or digit",
  );
const fenAmount = z.int().min(0).max(100_000_00);
const timeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'a time of day such as "11:30" (24:00 ends the day)');
const bilingual = z.strictObject({ zh: z.string().min(1).max(40), en: z.string().min(1).max(80) });

const kioskSchema = z.strictObject({
  host: z
    .string()
    .default("127.0.0.1")
    .describe("Address to listen on; the kiosk's browser is on the same machine."),
  port: portNumber.default(8080),
  language: z
    .enum(["zh", "en"])
    .default("zh")
    .describe("The language of the page at start; the diner may switch."),
});

const cameraSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("browser") }).describe("The webcam of the kiosk's browser."),
  z.strictObject({
    kind: z.literal("folder"),
    folder: filePath,
    framePeriodMs: z.int().min(20).max(60_000).default(200),
    photoHoldMs: z.int().min(0).max(600_000).default(4000),
  }),
  z.strictObject({
    kind: z.literal("http"),
    url: z.url({ protocol: /^https?$/ }),
    framePeriodMs: z.int().min(20).max(60_000).default(100),
    silenceMsMax: z.int().min(500).max(60_000).default(3000),
  }),
]);

const faceSchema = z.strictObject({
  modelsFolder: filePath.default("models/artifacts"),
  threadCount: z.int().min(1).max(8).default(1).describe("Threads of one inference."),
  similarityMin: z
    .number()
    .min(0)
    .max(1)
    .default(0.52)
    .describe(
      "Least similarity of the best person; see models/README.md for the measurement behind the default.",
    ),
  marginMin: z.number().min(0).max(1).default(0.08).describe("Least lead over the second-best person."),
  qualityMin: z.number().min(0).max(1).default(0.25),
  enrolQualityMin: z.number().min(0).max(1).default(0.4),
  livenessMin: z.number().min(0).max(1).default(0).describe("0 switches the check off."),
  framesToAgree: z
    .int()
    .min(2)
    .max(20)
    .default(3)
    .describe("Consecutive frames that must name the same person."),
  lookMsMax: z
    .int()
    .min(500)
    .max(20_000)
    .default(4000)
    .describe("After this the diner is offered card or PIN."),
});

const mealPeriodSchema = z.strictObject({
  id: identifier,
  name: bilingual,
  from: timeOfDay,
  to: timeOfDay,
  pricing: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("fixed"), priceFen: fenAmount }),
    z.strictObject({ kind: z.literal("menu") }),
    z.strictObject({ kind: z.literal("keyed"), amountFenMax: fenAmount }),
  ]),
  subsidyFen: z
    .strictObject({ student: fenAmount.default(0), staff: fenAmount.default(0), guest: fenAmount.default(0) })
    .prefault({}),
});

const mealPlanSchema = z.strictObject({
  version: z.string().min(1).max(64).default("local"),
  zone: z.string().default("Asia/Shanghai").refine(isTimeZone, "an IANA time zone such as Asia/Shanghai"),
  periods: z.array(mealPeriodSchema).min(1).max(12),
  menu: z
    .array(
      z.strictObject({
        id: identifier,
        name: bilingual,
        priceFen: fenAmount,
        allergens: z.array(identifier).max(20).default([]),
      }),
    )
    .max(200)
    .default([]),
});

const limitsSchema = z.strictObject({
  perChargeFenMax: fenAmount.default(50_00),
  perDayFenMax: fenAmount.default(100_00),
  overdraftFenMax: fenAmount.default(0),
  offlinePerPersonFenMax: fenAmount.default(100_00),
  offlineTotalFenMax: z.int().min(0).max(100_000_000_00).default(50_000_00),
  offlineDaysMax: z.int().min(1).max(90).default(30),
  offlineEntriesMax: z.int().min(1000).max(5_000_000).default(500_000),
});

const servingLineSchema = z.strictObject({
  activation: z
    .enum(["touch", "presence"])
    .default("touch")
    .describe(
      "touch: the diner presses, then looks. presence: only where a fixed-price meal mode was agreed.",
    ),
  shownMsMin: z.int().min(300).max(30_000).default(2500).describe("How long the result stays on the screen."),
  confirmMsMax: z.int().min(1000).max(60_000).default(8000),
  confirmFace: z.boolean().default(false).describe("Ask for one more press after the person was recognised."),
  mealPlan: mealPlanSchema,
  limits: limitsSchema.prefault({}),
});

const mqttSchema = z.strictObject({
  url: z.url({ protocol: /^(mqtt|mqtts|ws|wss)$/ }).default("mqtt://127.0.0.1:1883"),
  protocolVersion: z.literal(["auto", 4, 5]).default("auto").describe("auto tries MQTT 5, then 3.1.1 (4)."),
  username: z.string().max(256).optional(),
  passwordFile: filePath.optional().describe("A file that holds the password; its own line end is cut off."),
  caFile: filePath.optional().describe("PEM of the broker's authority, for mqtts."),
  keepAliveMs: z.int().min(5000).max(600_000).default(30_000),
  reconnectWaitMsMin: z.int().min(100).max(60_000).default(1000),
  reconnectWaitMsMax: z.int().min(1000).max(3_600_000).default(60_000),
  receiptWaitMsMax: z.int().min(500).max(600_000).default(15_000),
  batchesInFlightMax: z.int().min(1).max(16).default(4),
});

const securitySchema = z.strictObject({
  deviceKeyFile: filePath
    .optional()
    .describe("Default: device.key in dataFolder; made at the first start, mode 0600."),
  siteKeyFile: filePath.optional().describe("The site's key for sharing templates between its terminals."),
  shareTemplates: z.boolean().default(false).describe("Give sealed templates to the site's other terminals."),
  pinAttemptsMax: z.int().min(3).max(20).default(5),
  pinLockMs: z.int().min(10_000).max(86_400_000).default(300_000),
  sessionIdleMsMax: z.int().min(30_000).max(86_400_000).default(600_000),
});

const storageSchema = z.strictObject({
  freeBytesMin: z
    .int()
    .min(1_000_000)
    .max(1e12)
    .default(50_000_000)
    .describe("Below this free space sales stop before anything could be lost."),
});

export const configSchema = z
  .strictObject({
    version: z.literal(1).default(1),
    site: identifier,
    device: identifier,
    dataFolder: filePath.default(".canteen"),
    logLevel: z.enum(["debug", "info", "warn", "error"]).default("info"),
    kiosk: kioskSchema.prefault({}),
    camera: cameraSchema.prefault({ kind: "browser" }),
    face: faceSchema.prefault({}),
    servingLine: servingLineSchema,
    mqtt: mqttSchema.prefault({}),
    security: securitySchema.prefault({}),
    storage: storageSchema.prefault({}),
  })
  .check((context) => {
    for (const { path, message, input } of contradictions(context.value)) {
      context.issues.push({ code: "custom", path: [...path], message, input });
    }
  });

export type Config = z.infer<typeof configSchema>;

interface Contradiction {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly input: unknown;
}

/** What each value allows but their combination does not. */
function contradictions(config: {
  readonly servingLine: z.infer<typeof servingLineSchema>;
  readonly mqtt: z.infer<typeof mqttSchema>;
  readonly security: z.infer<typeof securitySchema>;
}): Contradiction[] {
  const found: Contradiction[] = [];
  const { mealPlan, activation, limits } = config.servingLine;
  mealPlan.periods.forEach((period, index) => {
    const path = ["servingLine", "mealPlan", "periods", index] as const;
    if (minuteOfDay(period.from) >= minuteOfDay(period.to)) {
      found.push({ path: [...path, "to"], message: `must be after from (${period.from})`, input: period.to });
    }
    if (period.pricing.kind === "menu" && mealPlan.menu.length === 0) {
      found.push({
        path: [...path, "pricing"],
        message: "menu pricing needs items in mealPlan.menu",
        input: period.pricing,
      });
    }
    if (activation === "presence" && period.pricing.kind !== "fixed") {
      found.push({
        path: [...path, "pricing"],
        message: "activation presence is for fixed-price meals only: nobody confirms the amount",
        input: period.pricing,
      });
    }
    for (const [otherIndex, other] of mealPlan.periods.entries()) {
      if (otherIndex >= index) break;
      if (other.id === period.id) {
        found.push({
          path: [...path, "id"],
          message: `is also the id of period ${otherIndex}`,
          input: period.id,
        });
      }
      if (
        minuteOfDay(other.from) < minuteOfDay(period.to) &&
        minuteOfDay(period.from) < minuteOfDay(other.to)
      ) {
        found.push({ path: [...path, "from"], message: `overlaps period ${other.id}`, input: period.from });
      }
    }
  });
  if (limits.perChargeFenMax > limits.perDayFenMax) {
    found.push({
      path: ["servingLine", "limits", "perChargeFenMax"],
      message: `is more than perDayFenMax (${limits.perDayFenMax})`,
      input: limits.perChargeFenMax,
    });
  }
  const { mqtt, security } = config;
  if (mqtt.passwordFile !== undefined && mqtt.username === undefined) {
    found.push({ path: ["mqtt", "passwordFile"], message: "needs mqtt.username", input: mqtt.passwordFile });
  }
  if (mqtt.caFile !== undefined && !/^(mqtts|wss):/.test(mqtt.url)) {
    found.push({ path: ["mqtt", "caFile"], message: "needs an mqtts or wss url", input: mqtt.caFile });
  }
  if (mqtt.reconnectWaitMsMin > mqtt.reconnectWaitMsMax) {
    found.push({
      path: ["mqtt", "reconnectWaitMsMin"],
      message: `is more than reconnectWaitMsMax (${mqtt.reconnectWaitMsMax})`,
      input: mqtt.reconnectWaitMsMin,
    });
  }
  if (security.shareTemplates && security.siteKeyFile === undefined) {
    found.push({ path: ["security", "shareTemplates"], message: "needs security.siteKeyFile", input: true });
  }
  return found;
}

/** "11:30" is 690. */
export function minuteOfDay(time: string): number {
  const [hours = "0", minutes = "0"] = time.split(":");
  return Number(hours) * 60 + Number(minutes);
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
