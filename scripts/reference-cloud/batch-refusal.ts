import { z } from "zod";
import type { MalformedCode, ReceiptMessage } from "../../device/sync/messages.ts";

/** As much of a batch as must be right to say which of its entries is not. */
const numberedSchema = z.object({ entries: z.array(z.object({ seq: z.int().min(1) })).max(512) });

/**
 * What a batch that cannot be read is answered with: the entry at fault, where one can be named. Without an answer its
 * terminal would send it again and again, and nobody there would know why.
 *
 * @param at the field at fault, as `parseMessage` names it.
 */
export function refusalOf(
  payload: Uint8Array,
  code: MalformedCode,
  at: string,
): NonNullable<ReceiptMessage["refused"]> {
  const [, index] = /^entries\.(\d+)\b/.exec(at) ?? [];
  if (index === undefined) return [];
  // It was JSON, or the fault would have no field.
  const numbered = numberedSchema.safeParse(JSON.parse(Buffer.from(payload).toString("utf8")));
  const entry = numbered.data?.entries[Number(index)];
  return entry === undefined ? [] : [{ seq: entry.seq, code }];
}
