import { z } from "zod";
import type { JsonObject } from "../journal/journal-port.ts";
import { EARLY_REASONS, VOID_REASONS } from "./samples-port.ts";

/**
 * Bodies of the journal's entries about food samples. The cloud and the inspector's report read the same schemas, so a
 * field is only ever added, and with a default. Staff are ids; a name is written only where an authority's officer
 * takes a sample away, because there it is the record itself.
 */

const id = z.string().min(1).max(128);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const grams = z.int().min(-1_000_000).max(1_000_000);
const bilingual = z.strictObject({ zh: z.string().min(1).max(80), en: z.string().min(1).max(160) });
const note = z.string().max(200);
const ranMs = z.int().min(0);

export const NOTE_LENGTH_MAX = 200;
export const CUSTODY_LENGTH_MAX = 100;
/** Frames of the stable window that are kept as they came; the hash is over all that were seen. */
export const RAW_FRAMES_MAX = 5;
export const RAW_FRAME_BYTES_MAX = 128;

const signature = z.strictObject({ operatorId: id, by: z.enum(["pin", "face"]) });

const meal = z.strictObject({ date: z.iso.date(), periodId: id, periodName: bilingual });
const dish = z.strictObject({ dishId: id, dishName: bilingual });

const photo = z.strictObject({
  photoSha256: sha256,
  thumbnailSha256: sha256,
  /** How far the picture is from the moment it is of. */
  offMs: z.int(),
  cameraLabel: z.string().min(1).max(128),
  facesBlurred: z.int().min(0).nullable(),
});
const photoMissing = z
  .enum(["camera-lost", "no-frame", "busy", "photo-space-full", "picture-unreadable", "faces-unseen"])
  .nullable();

/** What must be over, and what was, by the stamps and by proof (sample-clock.ts). */
const hours = z.strictObject({ neededMs: z.int().min(0), wallMs: z.int(), provenMs: z.int().min(0) });

const weight = z.strictObject({
  netG: grams,
  /** As the scale said it, in whole grams. */
  grossG: grams,
  tareG: grams,
  /** `scale`: the scale itself had been tared, so nothing was taken off here. */
  tareFrom: z.enum(["container", "scale"]),
  containerId: id,
  scaleId: id,
  /** SHA-256 over the stable window's frames, each behind its length in four bytes; the last of them in base64. */
  framesSha256: sha256,
  frameCount: z.int().min(1),
  lastFrames: z.array(z.string().max(2 * RAW_FRAME_BYTES_MAX)).max(RAW_FRAMES_MAX),
});

export const sampleStoredSchema = z
  .strictObject({
    /** Also the entry's own id: made when the dish was chosen. */
    sampleId: z.uuid(),
    cabinetId: id,
    slotId: id,
    meal,
    dish,
    isLate: z.boolean(),
    weight,
    photo: photo.nullable(),
    photoMissing,
    storedBy: signature,
    keepHours: z.int().min(48),
    /** By the wall clock. */
    keepUntilMs: z.int(),
    ranMs,
  })
  .check(({ value, issues }) => {
    if (value.weight.netG !== value.weight.grossG - value.weight.tareG)
      issues.push({ code: "custom", message: "netG must be grossG − tareG", input: value.weight.netG });
    if ((value.photo === null) !== (value.photoMissing !== null))
      issues.push({ code: "custom", message: "a photo, or why there is none", input: value.photoMissing });
  });

export const sampleDisposedSchema = z
  .strictObject({
    sampleId: z.uuid(),
    how: z.enum(["after-hours", "early"]),
    reason: z.enum(EARLY_REASONS).nullable(),
    note,
    disposedBy: signature,
    secondBy: signature.nullable(),
    hours,
    ranMs,
  })
  .check(({ value, issues }) => {
    const isEarly = value.how === "early";
    if (isEarly !== (value.reason !== null) || isEarly !== (value.secondBy !== null))
      issues.push({
        code: "custom",
        message: "an early disposal has a reason and a second person, another has neither",
        input: value.reason,
      });
    if (
      !isEarly &&
      (value.hours.wallMs < value.hours.neededMs || value.hours.provenMs < value.hours.neededMs)
    )
      issues.push({ code: "custom", message: "its hours are not over", input: value.hours });
    if (value.secondBy?.operatorId === value.disposedBy.operatorId)
      issues.push({ code: "custom", message: "the second person is another one", input: value.secondBy });
  });

const custodyText = z.string().trim().min(1).max(CUSTODY_LENGTH_MAX);

export const sampleSeizedSchema = z.strictObject({
  sampleId: z.uuid(),
  authority: custodyText,
  officer: custodyText,
  documentNumber: custodyText,
  sealNumber: custodyText,
  note,
  handedBy: signature,
  witness: signature,
  photo: photo.nullable(),
  photoMissing,
  hours,
  ranMs,
});

export const sampleVoidedSchema = z.strictObject({
  sampleId: z.uuid(),
  reason: z.enum(VOID_REASONS),
  note,
  struckBy: signature,
  secondBy: signature,
});

/** A meal's time of grace is over: what was cooked, and which dishes had a sample by then. Once for each meal. */
export const mealCheckedSchema = z.strictObject({
  meal,
  deadlineMs: z.int(),
  sampled: z.array(z.strictObject({ dishId: id, sampleId: z.uuid() })).max(100),
  missing: z.array(dish).max(100),
});

export type SampleStored = z.infer<typeof sampleStoredSchema>;
export type SampleDisposed = z.infer<typeof sampleDisposedSchema>;
export type SampleSeized = z.infer<typeof sampleSeizedSchema>;
export type SampleVoided = z.infer<typeof sampleVoidedSchema>;
export type MealChecked = z.infer<typeof mealCheckedSchema>;

export const SAMPLE_ENTRY_SCHEMAS = {
  "sample.stored": sampleStoredSchema,
  "sample.disposed": sampleDisposedSchema,
  "sample.seized": sampleSeizedSchema,
  "sample.voided": sampleVoidedSchema,
  "sample.meal-checked": mealCheckedSchema,
} as const;

/** The types say so already; this states it once, so that no cast is needed where an entry is written. */
export function bodyOf(
  body: SampleStored | SampleDisposed | SampleSeized | SampleVoided | MealChecked,
): JsonObject {
  return body;
}
