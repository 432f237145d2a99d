import { z } from "zod";
import { epochMs } from "../platform/units.ts";

/** Answer of `/api/recognition`: how sure a match must be at this terminal, and how that came about. */

const rate = z.object({ value: z.number(), low: z.number(), high: z.number() });
const bilingual = z.object({ zh: z.string(), en: z.string() });
const person = z.object({ number: z.string(), displayName: z.string(), groupName: z.string() });

export const recognitionAnswerSchema = z.object({
  similarityMin: z.number(),
  marginMin: z.number(),
  source: z.enum(["calibrated", "configured"]),
  targetMet: z.boolean(),
  fpirMax: z.number(),
  state: z.object({
    kind: z.enum(["waiting", "running", "idle"]),
    finishedAtMs: z.int().transform(epochMs).nullable(),
    tookMs: z.number().nullable(),
    failure: z.string().nullable(),
  }),
  /** Null until the first calibration is done. */
  calibration: z
    .object({
      peopleCount: z.int(),
      templateCount: z.int(),
      fpir: rate,
      fnir: rate.nullable(),
      cohortShare: z.number(),
      curve: z.array(z.object({ similarity: z.number(), fmr: z.number(), fpir: z.number() })).readonly(),
    })
    .nullable(),
  lookAlikeCount: z.int(),
  /** The nearest, by name, for those who see the list of people; empty for others. */
  lookAlikes: z
    .array(
      z.object({
        people: z.tuple([person, person]),
        similarity: z.number(),
        /** Likelier one person under two ids, or twins, than two who look alike. */
        isProbablySame: z.boolean(),
      }),
    )
    .readonly(),
  errorRate: bilingual.nullable(),
});
export type RecognitionShown = z.output<typeof recognitionAnswerSchema>;
