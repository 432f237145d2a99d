import type { CameraUse, TillHold } from "./serving-line-control.ts";

type Bystander = { readonly personId: string | null };

/** Who has the till's camera now, one hold for each use. */
export class TillHolds {
  readonly #holds = new Map<CameraUse, TillHold>();
  /** Of holds that ended while another lasted. */
  #left: Bystander | null = null;

  isFree(): boolean {
    return this.#holds.size === 0;
  }

  /**
   * @param onFree when the last of the holds that lasted together ends: with who stood there, where all name the same.
   * @returns null while a hold for this use lasts.
   */
  give(use: CameraUse, onFree: (bystander: Bystander) => void): TillHold | null {
    if (this.#holds.has(use)) return null;
    const hold: TillHold = {
      release: (bystander) => {
        if (this.#holds.get(use) !== hold) return;
        this.#holds.delete(use);
        const isOnlyOne = this.#left === null || this.#left.personId === bystander.personId;
        const left = isOnlyOne ? bystander : { personId: null };
        this.#left = this.isFree() ? null : left;
        if (this.isFree()) onFree(left);
      },
    };
    this.#holds.set(use, hold);
    return hold;
  }
}
