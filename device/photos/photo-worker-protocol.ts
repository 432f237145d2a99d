import type { MadePictures, PictureOrder } from "./picture-making.ts";

/** Messages between `picture-maker.ts` and its worker; one order at a time. */
export interface NumberedOrder {
  readonly id: number;
  readonly order: PictureOrder;
}

export type PhotoWorkerMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "made"; readonly id: number; readonly pictures: MadePictures }
  | { readonly kind: "unreadable"; readonly id: number };
