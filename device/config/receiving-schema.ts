import { z } from "zod";
import { goodsCameraSchema } from "./camera-schema.ts";

/** What is weighed in and out: the scales' plates, known containers, and the reasons that people choose from. */

const identifier = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    "只能用小写字母、数字和短横，最多 63 个，以字母或数字开头 / lower-case letters, digits and dashes, at most 63, starting with a letter or digit",
  );
const named = {
  id: identifier.describe("Stable: records name it."),
  name: z.strictObject({
    zh: z.string().min(1).max(40).describe("As shown, Chinese."),
    en: z.string().min(1).max(80).describe("As shown, English."),
  }),
};
const massG = z.int().min(1).max(100_000_000);

type Reason = readonly [id: string, zh: string, en: string];

function reasons(defaults: readonly Reason[]) {
  return z
    .array(z.strictObject(named))
    .min(1)
    .max(30)
    .default(defaults.map(([id, zh, en]) => ({ id, name: { zh, en } })));
}

const scaleSchema = z.strictObject({
  id: identifier.describe("A scale of devices."),
  label: z.string().min(1).max(80).optional().describe("As people call it; default: its id."),
  unit: z
    .enum(["kg", "g", "jin"])
    .default("kg")
    .describe("What it weighs in; a reading in another unit is never taken."),
  minG: massG.describe("Min of its plate, in grams."),
  maxG: massG.describe("Max of its plate, in grams."),
  divisionG: massG.describe("Verification scale interval e of its plate, in grams."),
  serialNumber: z.string().min(1).max(80).optional().describe("From its plate; each record names it."),
  verifiedOn: z.iso.date().optional().describe("Day of its last verification (检定); each record names it."),
});

export const receivingSchema = z.strictObject({
  camera: goodsCameraSchema.prefault({ kind: "same" }),
  priceFree: z
    .boolean()
    .default(false)
    .describe(
      "Money and goods are kept apart (管钱不管物, 管物不管钱): the cloud is asked for orders without prices, and none is saved.",
    ),
  scales: z.array(scaleSchema).max(16).default([]).describe("Scales that goods are weighed on."),
  containers: z
    .array(
      z.strictObject({ ...named, tareG: z.int().min(1).max(1_000_000).describe("Its weight, in grams.") }),
    )
    .max(100)
    .default([])
    .describe("Boxes and trolleys whose weight is known."),
  overrideReasons: reasons([
    ["needed-today", "今天必须用", "needed today"],
    ["supplier-agreed", "已与供应商商定", "agreed with the supplier"],
    ["natural-variation", "商品自然误差", "natural variation"],
    ["camera-broken", "摄像头故障", "camera broken"],
  ]).describe("Why something was let in that does not match."),
  rejectReasons: reasons([
    ["not-fresh", "不新鲜", "not fresh"],
    ["damaged", "包装或商品破损", "damaged"],
    ["expired", "过期或临期", "expired or too close to it"],
    ["too-warm", "温度过高", "too warm"],
    ["wrong-goods", "品种不符", "wrong goods"],
    ["too-much", "超出订单", "more than ordered"],
    ["not-delivered", "未送到", "not delivered"],
  ]).describe("Why something was sent back, or is missing."),
  strikeReasons: reasons([
    ["wrong-line", "选错了商品", "wrong line"],
    ["wrong-tare", "皮重错误", "wrong tare"],
    ["weighed-twice", "重复称重", "weighed twice"],
    ["touched", "称重时碰到秤", "the scale was touched"],
  ]).describe("Why a weigh-in is struck."),
  binReasons: reasons([
    ["spoiled", "变质", "spoiled"],
    ["leftover", "剩余", "leftover"],
    ["expired", "过期", "expired"],
  ]).describe("Why goods go into the bin."),
});
