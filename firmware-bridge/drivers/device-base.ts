import type { BridgeDevice, DeviceState } from "../ports/device-state.ts";
import type { LineState } from "../transport/line.ts";
import { DecodedLine, type DecodedLineListener, type DecodedLineOptions } from "./decoded-line.ts";
import { StateTeller } from "./state-teller.ts";

/** The life of a device on a decoded line: states, listeners, opening and closing. */
export abstract class DeviceBase implements BridgeDevice {
  readonly label: string;
  protected readonly line: DecodedLine;
  readonly #told = new StateTeller();

  constructor(label: string, options: DecodedLineOptions) {
    this.label = label;
    const listener: DecodedLineListener = {
      frame: (decoded) => this.onFrame(decoded),
      begun: () => this.onBegun(),
      state: (state) => this.#onLine(state),
    };
    this.line = new DecodedLine(options, listener);
  }

  protected abstract onFrame(decoded: Parameters<DecodedLineListener["frame"]>[0]): void;
  /** Nothing that was seen before belongs to what comes. */
  protected onBegun(): void {}
  protected onOpen(): void {
    this.enter({ kind: "live" });
  }
  protected onAway(): void {}

  state(): DeviceState {
    return this.#told.state;
  }

  onState(listener: (state: DeviceState) => void): () => void {
    return this.#told.onState(listener);
  }

  open({ signal }: { readonly signal: AbortSignal }): void {
    this.line.open(signal);
  }

  async close(): Promise<void> {
    await this.line.close();
    this.enter({ kind: "closed" });
  }

  protected enter(state: DeviceState): void {
    this.#told.enter(state);
  }

  #onLine(state: LineState): void {
    if (state.kind !== "open") this.onAway();
    if (state.kind === "waiting") this.enter({ kind: "lost", fault: state.fault });
    if (state.kind === "connecting" && this.#told.state.kind === "closed") this.enter({ kind: "connecting" });
    if (state.kind === "open") this.onOpen();
  }
}
