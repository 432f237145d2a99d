import type { KeyObject } from "node:crypto";
import type { Entropy } from "../platform/entropy.ts";
import { open, type SealContext, seal } from "./sealing.ts";

/** What a share is bound to: in another site, or for another person, model or enrolment, it does not open. */
export interface ShareName {
  readonly personId: string;
  readonly modelId: string;
  readonly shareId: string;
}

/** Seals templates for the site's other terminals; the cloud between them holds ciphertext only. */
export class SiteSealing {
  readonly #site: string;
  readonly #key: KeyObject;
  readonly #entropy: Entropy;

  /** @param key from `loadSiteKey`. */
  constructor(site: string, key: KeyObject, entropy: Entropy) {
    this.#site = site;
    this.#key = key;
    this.#entropy = entropy;
  }

  seal(name: ShareName, plain: Uint8Array): Uint8Array {
    return seal(this.#key, plain, this.#context(name), this.#entropy);
  }

  /** @throws CanteenError `sealed-data-damaged`. */
  open(name: ShareName, sealed: Uint8Array): Uint8Array {
    return open(this.#key, sealed, this.#context(name));
  }

  #context({ personId, modelId, shareId }: ShareName): SealContext {
    return ["shared-template", this.#site, personId, modelId, shareId];
  }
}
