import { createHash } from "node:crypto";
import type { ScaleReading } from "../../firmware-bridge/ports/scale.ts";

/** One reading of the stable window with the bytes that said so. */
export interface FramedReading {
  /** Before the moment of the weight: 0 for the newest. */
  readonly beforeMs: number;
  /** As the scale showed it. */
  readonly text: string;
  readonly unit: string;
  readonly frame: string;
}

/** @param window  oldest first, as the gate keeps it. */
export function framedReadings(window: readonly ScaleReading[]): FramedReading[] {
  const atMono = window.at(-1)?.receivedMonoMs ?? 0;
  return window.map(({ receivedMonoMs, value, unit, raw }) => ({
    beforeMs: Math.round(atMono - receivedMonoMs),
    text: value ?? "",
    unit: unit ?? "",
    frame: Buffer.from(raw).toString("base64"),
  }));
}

/**
 * SHA-256 over the frames, oldest first; each behind its length in four bytes, high byte first, so that no two
 * different lists of frames are the same bytes.
 */
export function framesSha256(frames: readonly string[]): string {
  const hash = createHash("sha256");
  for (const frame of frames) {
    const bytes = Buffer.from(frame, "base64");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
  return hash.digest("hex");
}
