import { z } from "zod";

/** Food samples: how much, how long, how soon. The bounds are those of 餐饮服务食品安全操作规范. */

const HOUR_MS = 3_600_000;

const identifier = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    "只能用小写字母、数字和短横，最多 63 个，以字母或数字开头 / lower-case letters, digits and dashes, at most 63, starting with a letter or digit",
  );

export const samplesSchema = z.strictObject({
  scale: identifier
    .optional()
    .describe("Id of a scale in `devices`; without one no sample can be taken here."),
  gramsMin: z.int().min(125).max(5000).default(125).describe("Least net weight; 125 g by rule."),
  gramsMax: z.int().min(125).max(50_000).default(2000).describe("More than this is a mistake."),
  containers: z
    .array(
      z.strictObject({
        id: identifier.describe("Stable: samples record it."),
        name: z.strictObject({
          zh: z.string().min(1).max(40).describe("As shown, Chinese."),
          en: z.string().min(1).max(80).describe("As shown, English."),
        }),
        tareG: z.int().min(0).max(10_000).describe("Its empty weight, taken off."),
      }),
    )
    .min(1)
    .max(20)
    .default([{ id: "tared", name: { zh: "已去皮", en: "Tared on the scale" }, tareG: 0 }]),
  keepHours: z.int().min(48).max(2160).default(48).describe("Kept at least so long; 48 hours by rule."),
  graceMs: z
    .int()
    .min(0)
    .max(24 * HOUR_MS)
    .default(HOUR_MS / 2)
    .describe("After a meal's end until a dish without a sample is an alarm."),
  aheadMs: z
    .int()
    .min(0)
    .max(12 * HOUR_MS)
    .default(4 * HOUR_MS)
    .describe("Before a meal begins its dishes may be sampled."),
  disposeWithinMs: z
    .int()
    .min(HOUR_MS)
    .max(30 * 24 * HOUR_MS)
    .default(24 * HOUR_MS)
    .describe("After its hours a sample is reminded of; after this too it is an alarm."),
  authorities: z
    .array(z.string().trim().min(1).max(80))
    .max(8)
    .default(["市场监督管理局", "疾病预防控制中心", "教育局", "公安局"])
    .describe("Who may seize samples, offered by name where there is no keyboard."),
  label: z
    .strictObject({
      widthMm: z.int().min(40).max(120).default(60).describe("Width of the label."),
      heightMm: z.int().min(30).max(100).default(40).describe("Height of the label."),
    })
    .prefault({}),
});

/** What the rules between samples and devices look at; what is missing or invalid by itself is left out. */
export interface SampleParts {
  readonly scale?: string | undefined;
  readonly gramsMin?: number | undefined;
  readonly gramsMax?: number | undefined;
  readonly containers?: readonly { readonly tareG: number }[] | undefined;
}
