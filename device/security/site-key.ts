import type { KeyObject } from "node:crypto";
import type { Entropy } from "../platform/entropy.ts";
import { open, type SealContext, seal } from "./sealing.ts";

/** What a shared template is bound to: in another site, for another person, model or enrolment it does not open. */
export interface SharedTemplateName {
  readonly personId: string;
  readonly modelId: string;
  readonly templateId: string;
  readonly enrolmentId: string;
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

  seal(name: SharedTemplateName, plain: Uint8Array): Uint8Array {
    return seal(this.#key, plain, this.#context(name), this.#entropy);
  }

  /** @throws CanteenError `sealed-data-damaged`. */
  open(name: SharedTemplateName, sealed: Uint8Array): Uint8Array {
    return open(this.#key, sealed, this.#context(name));
  }

  #context({ personId, modelId, templateId, enrolmentId }: SharedTemplateName): SealContext {
    return ["shared-template", this.#site, personId, modelId, templateId, enrolmentId];
  }
}
