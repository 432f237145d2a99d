import { z } from "zod";

const filePath = z.string().min(1).max(4096);

/** How faces are found, compared and judged. */
export const faceSchema = z.strictObject({
  modelsFolder: filePath
    .default("models/artifacts")
    .describe("Weights that scripts/prepare-models.ts wrote."),
  threadCount: z.int().min(1).max(8).default(1).describe("Threads of one inference."),
  fpirMax: z
    .number()
    .min(0.000_01)
    .max(0.1)
    .default(0.001)
    .describe(
      "Share of strangers' visits that may end as somebody enrolled, 0.001 is 0.1 %. From it and from the people enrolled here the terminal works out the similarity and the lead that a match must have; `/admin` shows both.",
    ),
  sidePacks: z
    .array(z.string().min(1).max(128))
    .max(4)
    .default([])
    .describe(
      "Model packs that people were enrolled with before: matched too, each with its own templates. Packs of which there are templates here need not be named.",
    ),
  renewTemplates: z
    .boolean()
    .default(true)
    .describe(
      "Enrol people of the side packs anew from visits that they paid, within their consent; no picture is kept.",
    ),
  similarityMin: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      "Leave it out. When given, the worked-out least similarity is never lower than this, whatever `fpirMax` says.",
    ),
  marginMin: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Leave it out. When given, the worked-out lead over the second-best person is never smaller."),
  qualityMin: z.number().min(0).max(1).default(0.25).describe("A worse face is not compared at all."),
  enrolQualityMin: z.number().min(0).max(1).default(0.4).describe("A worse shot is not enrolled."),
  liveness: z
    .enum(["off", "assist", "strict"])
    .default("assist")
    .describe(
      "Is it a live face. assist: in doubt the diner is asked to blink or to turn the head. strict: asked unless every frame is clearly live; a camera that shows still pictures can never pass it.",
    ),
  livenessMin: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Leave it out. When given, the mark of assist in place of 0.5; 0 switches the check off."),
  framesToAgree: z
    .int()
    .min(2)
    .max(20)
    .default(3)
    .describe(
      "Frames that must name the same person where the match is close to its threshold; two suffice where it is clear.",
    ),
  lookMsMax: z
    .int()
    .min(500)
    .max(20_000)
    .default(2000)
    .describe("From the first face that can be judged; after this the diner is offered card or PIN."),
  lookAlikes: z
    .enum(["second-factor", "choose"])
    .default("second-factor")
    .describe(
      "Twins and others whom a camera confuses are asked. second-factor: card or PIN. choose: the names as well, while an operator is signed in at this screen.",
    ),
});
