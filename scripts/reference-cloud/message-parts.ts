import { MESSAGE_BYTES_MAX } from "../../device/sync/messages.ts";

/**
 * Half of what a terminal takes: a larger packet would end its connection, again and again, and with it the journal's way
 * up. The other half is for the envelope, and leaves gaps for a receipt on a slow line.
 */
const PART_BYTES_MAX = MESSAGE_BYTES_MAX / 2;

/** Cuts a list into pieces that fit a message each, by number and by size; each has one item at least. */
export function cutIntoParts<T>(items: readonly T[], countMax: number): T[][] {
  const parts: T[][] = [];
  let bytes = 0;
  for (const item of items) {
    const itemBytes = Buffer.byteLength(JSON.stringify(item)) + 1;
    const part = parts.at(-1);
    if (part === undefined || part.length === countMax || bytes + itemBytes > PART_BYTES_MAX) {
      parts.push([item]);
      bytes = itemBytes;
    } else {
      part.push(item);
      bytes += itemBytes;
    }
  }
  return parts;
}
