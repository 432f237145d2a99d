import type { PhotoCaption } from "../photos/studio-port.ts";
import type { PhotoSubject } from "./receiving-types.ts";

/** Of a UUIDv7 the first digits are the time; the last ones tell two records apart. */
const SHORT_ID_LENGTH = 8;

/**
 * The strip under a photo, as it is to be read years later. It names the entry by its id, and says a code of what the
 * entry holds: the entry's own hash covers the photo's, so the photo cannot hold that one.
 */
export function captionOf(
  { id, what, contentCode, netG, scaleLabel }: PhotoSubject,
  { day, time }: { readonly day: string; readonly time: string },
): PhotoCaption {
  const weight = netG === null ? "" : `  ${kilograms(netG)} kg`;
  const scale = scaleLabel === null ? "" : `  ${scaleLabel}`;
  return {
    lines: [
      `${what}${weight}`,
      `${day} ${time}${scale}`,
      `#${id.slice(-SHORT_ID_LENGTH)}  内容码 content ${contentCode}`,
    ],
  };
}

/** Digits are moved, never divided. */
function kilograms(netG: number): string {
  const digits = String(Math.abs(netG)).padStart(4, "0");
  return `${netG < 0 ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}
