import type { DeviceState } from "../ports/device-state.ts";

/** A device's state and who wants to know of its changes. The same state, with the same fault, is told once. */
export class StateTeller {
  readonly #listeners = new Set<(state: DeviceState) => void>();
  #state: DeviceState = { kind: "closed" };

  get state(): DeviceState {
    return this.#state;
  }

  onState(listener: (state: DeviceState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  enter(state: DeviceState): void {
    const isSame =
      this.#state.kind === state.kind &&
      (!("fault" in this.#state) || !("fault" in state) || this.#state.fault.code === state.fault.code);
    if (isSame) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}
