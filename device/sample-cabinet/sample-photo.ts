import type { PhotoStudio } from "../photos/studio-port.ts";
import { isFault } from "../platform/errors.ts";
import type { SampleSeized, SampleStored } from "./sample-entries.ts";
import type { PhotoFound } from "./sample-taking.ts";

/** A picture of the moment, or why there is none: a sample without a photo is still a sample, also where the disk fails. */
export async function photograph(
  studio: PhotoStudio,
  atMono: number,
  lines: readonly string[],
): Promise<PhotoFound> {
  try {
    const taken = await studio.take({ atMono, caption: { lines } });
    return taken.kind === "taken" ? taken : { kind: "missing", reason: taken.reason };
  } catch (error) {
    if (!isFault(error)) throw error;
    return {
      kind: "missing",
      reason: error.code === "photo-worker-failed" ? "picture-unreadable" : "photo-space-full",
    };
  }
}

/** The photo as an entry has it. */
export function recordedPhoto(
  found: PhotoFound,
): Pick<SampleStored & SampleSeized, "photo" | "photoMissing"> {
  if (found.kind === "missing") return { photo: null, photoMissing: found.reason };
  const { photoSha256, thumbnailSha256, offMs, cameraLabel, facesBlurred } = found.photo;
  return {
    photo: { photoSha256, thumbnailSha256, offMs: Math.round(offMs), cameraLabel, facesBlurred },
    photoMissing: null,
  };
}

export function hashesOf(found: PhotoFound): readonly string[] {
  return found.kind === "taken" ? [found.photo.photoSha256, found.photo.thumbnailSha256] : [];
}
