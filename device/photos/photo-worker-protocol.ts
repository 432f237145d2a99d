import type { FacePlaces } from "../../models/face-engine-port.ts";
import type { MadePictures, PictureOrder } from "./picture-making.ts";

/** Messages between `picture-maker.ts` and its worker; one picture at a time. */
export type PhotoWorkerRequest =
  | { readonly kind: "picture"; readonly id: number; readonly order: Omit<PictureOrder, "faces"> }
  /** Once for each picture: the worker works on it before it knows them. */
  | { readonly kind: "faces"; readonly id: number; readonly faces: FacePlaces | null };

export type PhotoWorkerMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "made"; readonly id: number; readonly pictures: MadePictures }
  | { readonly kind: "unreadable"; readonly id: number };
