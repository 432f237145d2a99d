import { z } from "zod";

/**
 * Sample cabinets: their probes, limits and alarms. The defaults are those of 餐饮服务食品安全操作规范: 0 to 8 °C. Which
 * devices there are is in `devices`; here they are named.
 */

const identifier = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    "只能用小写字母、数字和短横，最多 63 个，以字母或数字开头 / lower-case letters, digits and dashes, at most 63, starting with a letter or digit",
  );
const bilingual = z.strictObject({
  zh: z.string().min(1).max(40).describe("As shown, Chinese."),
  en: z.string().min(1).max(80).describe("As shown, English."),
});
const timeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, '一天中的时间，如 "02:30" / a time of day such as "02:30"');
const level = z.enum(["general", "major", "critical"]).describe("一般, 较大 or 重大.");
const isOn = z.boolean().default(true).describe("false: never raised.");
const celsiusStep = z.int().min(0).max(20_000);
const duration = (defaultMs: number): z.ZodDefault<z.ZodInt> =>
  z.int().min(0).max(86_400_000).default(defaultMs);
const delay = (defaultMs: number): z.ZodDefault<z.ZodInt> =>
  duration(defaultMs).describe("It must hold for so long.");
const MINUTE_MS = 60_000;

const probeSchema = z.strictObject({
  probe: identifier.describe("Id of a probe on a bus, or of a thermometer, in `devices`."),
  name: bilingual.optional().describe("Default: the probe's id."),
  lowMilliC: z.int().min(-60_000).max(60_000).default(0).describe("Thousandths of a degree Celsius."),
  highMilliC: z.int().min(-60_000).max(60_000).default(8000).describe("Thousandths of a degree Celsius."),
  silenceMsMax: z
    .int()
    .min(2000)
    .max(3_600_000)
    .default(20_000)
    .describe("Without a reading for so long the probe counts as silent; longer than its poll."),
});

const alarmsSchema = z.strictObject({
  high: z
    .strictObject({
      isOn,
      level: level.default("major"),
      delayMs: delay(10 * MINUTE_MS),
      hysteresisMilliC: celsiusStep.default(500).describe("It ends so far below the limit."),
    })
    .prefault({})
    .describe("Above the probe's high limit."),
  low: z
    .strictObject({
      isOn,
      level: level.default("general"),
      delayMs: delay(10 * MINUTE_MS),
      hysteresisMilliC: celsiusStep.default(500).describe("It ends so far above the limit."),
    })
    .prefault({})
    .describe("Below the probe's low limit."),
  risingFast: z
    .strictObject({
      isOn,
      level: level.default("general"),
      delayMs: delay(2 * MINUTE_MS),
      limitMilliCPerMin: celsiusStep.default(400).describe("Thousandths of a degree in a minute."),
      hysteresisMilliCPerMin: celsiusStep.default(200).describe("It ends so far below."),
    })
    .prefault({})
    .describe("Warming up fast, over ten minutes."),
  doorOpen: z
    .strictObject({
      isOn,
      level: level.default("general"),
      delayMs: delay(2 * MINUTE_MS),
      inferredMilliCPerMin: celsiusStep
        .default(800)
        .describe("Without a contact: from this slope on the door counts as open."),
    })
    .prefault({})
    .describe("The door stays open."),
  probeFault: z
    .strictObject({ isOn, level: level.default("major"), delayMs: delay(MINUTE_MS) })
    .prefault({})
    .describe("A probe gives no value."),
  probeStuck: z
    .strictObject({
      isOn,
      level: level.default("general"),
      delayMs: duration(6 * 3_600_000).describe("The very same value for so long is no measurement."),
    })
    .prefault({})
    .describe("A probe that says the same for hours."),
  lineLost: z
    .strictObject({ isOn, level: level.default("major"), delayMs: delay(MINUTE_MS) })
    .prefault({})
    .describe("The probes' whole line is away or silent."),
  cumulative: z
    .strictObject({
      isOn,
      level: level.default("major"),
      limitMs: duration(60 * MINUTE_MS).describe("Time above the high limit within the window."),
      windowMs: z
        .int()
        .min(3_600_000)
        .max(7 * 86_400_000)
        .default(86_400_000)
        .describe("The window."),
      hysteresisMs: duration(10 * MINUTE_MS).describe("It ends so far below."),
    })
    .prefault({})
    .describe("Short trips above the limit, added up."),
  powerBack: z
    .strictObject({
      isOn,
      level: level.default("general"),
      delayMs: duration(5 * MINUTE_MS).describe("A gap in the recording from this length on."),
    })
    .prefault({})
    .describe("Back after a loss of power: what happened meanwhile is unknown."),
});

const escalation = (defaultMs: number): z.ZodDefault<z.ZodInt> =>
  z
    .int()
    .min(MINUTE_MS)
    .max(86_400_000)
    .default(defaultMs)
    .describe("Unacknowledged for so long it goes one level up.");

const cabinetSchema = z.strictObject({
  id: identifier.describe("Stable: records and the MQTT topic name the cabinet by it."),
  name: bilingual,
  slots: z.int().min(1).max(500).default(24).describe("Places for samples."),
  probes: z.array(probeSchema).min(1).max(32).describe("The warmest of them counts."),
  door: z
    .strictObject({
      input: identifier.describe("Id of an input on a bus in `devices`."),
      openWhen: z.enum(["on", "off"]).default("on").describe("What the input says while the door is open."),
    })
    .optional()
    .describe("Without it an open door is inferred from the temperature, and marked as inferred."),
  relay: identifier.optional().describe("Id of the relay on a bus in `devices` that sounds."),
  alarms: alarmsSchema.prefault({}),
  defrost: z
    .array(
      z.strictObject({
        from: timeOfDay.describe("Start, in the school's time zone."),
        to: timeOfDay.describe("End; before the start it is on the next day."),
      }),
    )
    .max(24)
    .default([])
    .describe("Local times at which it is warm by design: high and fast-rising alarms are suppressed."),
  escalateAfterMs: z
    .strictObject({
      general: escalation(60 * MINUTE_MS),
      major: escalation(20 * MINUTE_MS),
      critical: escalation(10 * MINUTE_MS),
    })
    .prefault({}),
  shelveMsMax: z
    .int()
    .min(MINUTE_MS)
    .max(7 * 86_400_000)
    .default(8 * 3_600_000)
    .describe("Longest that a person may keep one alarm quiet."),
  silenceMs: z
    .int()
    .min(10_000)
    .max(3_600_000)
    .default(5 * MINUTE_MS)
    .describe("How long one press keeps the sound away."),
});

export const cabinetsSchema = z
  .array(cabinetSchema)
  .max(16)
  .default([])
  .describe("Sample cabinets (留样柜); without one the terminal watches no temperature.");

/** What the rules between cabinets and devices look at. */
export interface CabinetParts {
  readonly id?: string | undefined;
  readonly probes: readonly {
    readonly probe?: string;
    readonly lowMilliC?: number;
    readonly highMilliC?: number;
  }[];
  readonly input?: string;
  readonly relay?: string;
}

export function readCabinetParts(raw: unknown): CabinetParts {
  const parsed = cabinetSchema.safeParse(raw);
  if (!parsed.success) return { probes: [] };
  const { id, probes, door, relay } = parsed.data;
  return {
    id,
    probes,
    ...(door === undefined ? {} : { input: door.input }),
    ...(relay === undefined ? {} : { relay }),
  };
}
