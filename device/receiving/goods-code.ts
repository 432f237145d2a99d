import type { OrderLine, PurchaseOrder } from "./order-port.ts";

/** What a code on goods says. How it is read is the firmware bridge's; the composition root passes its reader in. */
export type GoodsCode =
  | {
      readonly kind: "goods";
      /** 14 digits. */
      readonly gtin: string;
      /** AI 310x, in whole grams. */
      readonly netG: number | null;
      readonly lot: string | null;
      /** AI 17, else 15; YYYY-MM-DD. */
      readonly expiry: string | null;
    }
  /** No GS1 code: an order's QR, perhaps. */
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "refused"; readonly reason: "code-check-digit" | "code-unreadable" };

/** What the scanner itself found to be a bad code. */
export function refusedCode(why: "check-digit" | "unreadable"): GoodsCode {
  return { kind: "refused", reason: why === "check-digit" ? "code-check-digit" : "code-unreadable" };
}

/** GS1 elements, where the scanner's code had them; the text as it came. */
export interface ScannedCode {
  readonly text: string;
  readonly ais: readonly (readonly [ai: string, value: string])[] | null;
}

/** Reads what a scanner or a page gave. Pure. */
export type ReadGoodsCode = (scanned: ScannedCode) => GoodsCode;

/** GTINs of 8, 12, 13 and 14 digits are the same number with zeros before it. */
export function sameGtin(a: string, b: string): boolean {
  return a.padStart(14, "0") === b.padStart(14, "0");
}

/** The lines that a code may mean; several where an article was ordered twice. */
export function linesOfGtin(order: PurchaseOrder, gtin: string): readonly OrderLine[] {
  return order.lines.filter(({ gtins }) => gtins.some((known) => sameGtin(known, gtin)));
}
