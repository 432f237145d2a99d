import { createHash } from "node:crypto";
import { canonicalJson } from "../journal/entry-hash.ts";
import type { GoodsRecord, RecordedWeight } from "./entries.ts";

/**
 * What of an entry is certain when its photo is taken. Whatever is decided about the goods afterwards (a mismatch, an
 * override, acceptance or not) is in the entry alone, and so are the photo's own hashes.
 */
export interface CaptionContent {
  /** The entry's. */
  readonly id: string;
  readonly order: { readonly orderId: string; readonly version: number } | null;
  readonly productId: string | null;
  readonly weight: Pick<RecordedWeight, "framesSha256" | "shownG" | "netG" | "tare" | "packs"> | null;
}

/** 48 bits: nobody looks for another weigh-in with the same code, and a person can compare it letter by letter. */
const CODE_LENGTH = 12;

/** The code on the strip: the first digits of SHA-256 over the content in canonical JSON (RFC 8785). */
export function contentCode({ id, order, productId, weight }: CaptionContent): string {
  const content = {
    id,
    order: order === null ? null : { orderId: order.orderId, version: order.version },
    productId,
    weight:
      weight === null
        ? null
        : {
            framesSha256: weight.framesSha256,
            shownG: weight.shownG,
            netG: weight.netG,
            tare: { ...weight.tare },
            packs: weight.packs === null ? null : { ...weight.packs },
          },
  };
  return createHash("sha256").update(canonicalJson(content)).digest("hex").slice(0, CODE_LENGTH);
}

/** The same of an entry that is on record. @param id the entry's. */
export function contentOnRecord(id: string, { body }: GoodsRecord): CaptionContent {
  const line = "line" in body ? body.line : null;
  return {
    id,
    order: "order" in body ? body.order : null,
    productId: "product" in body ? body.product.productId : (line?.product.productId ?? null),
    weight: "weight" in body ? body.weight : null,
  };
}
