import type { BridgeClock, BridgeEntropy } from "../ports/clock.ts";
import type { Dialect, OptionBag } from "../ports/dialect.ts";
import type { Reading } from "../ports/reading.ts";
import type { ScanEvent, Scanner } from "../ports/scanner.ts";
import type { Transport } from "../ports/transport.ts";
import { readAim } from "../protocol/gs1-ai/aim.ts";
import { THIS_YEAR } from "../protocol/gs1-ai/gs1-ai.ts";
import type { DecodedFrame } from "../session.ts";
import { DeviceBase } from "./device-base.ts";
import { RepeatFilter } from "./repeat-filter.ts";

export interface ScannerDriverOptions {
  readonly transport: Transport;
  readonly dialect: Dialect;
  readonly dialectOptions?: OptionBag;
  readonly clock: BridgeClock;
  readonly entropy: BridgeEntropy;
  /** The same code again counts as new after so long without it. */
  readonly repeatMsMin?: number;
  /** A code without a suffix ends after so long without a byte. */
  readonly codeEndMs?: number;
  readonly thisYear?: number;
}

const REPEAT_MS_MIN = 1000;
const CODE_END_MS = 100;

/** A barcode or QR scanner. A code whose check digit or date is wrong is no scan. */
export class ScannerDriver extends DeviceBase implements Scanner {
  readonly #clock: BridgeClock;
  readonly #thisYear: number;
  readonly #repeats: RepeatFilter;
  readonly #listeners = new Set<(scan: ScanEvent) => void>();

  /** @throws BridgeFault `dialect-options`. */
  constructor(options: ScannerDriverOptions) {
    super(`${options.dialect.key} ${options.transport.label}`, {
      ...options,
      codec: options.dialect.open(options.dialectOptions ?? {}),
      endAfterSilenceMs: options.codeEndMs ?? CODE_END_MS,
    });
    this.#clock = options.clock;
    this.#thisYear = options.thisYear ?? THIS_YEAR.fallback;
    this.#repeats = new RepeatFilter(options.repeatMsMin ?? REPEAT_MS_MIN);
  }

  onScan(listener: (scan: ScanEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected override onFrame({ reading }: DecodedFrame): void {
    const scan = reading.type === "scan" ? this.#scanOf(reading) : null;
    if (scan === null || !this.#repeats.isNew(scan.text, scan.receivedMonoMs)) return;
    for (const listener of [...this.#listeners]) listener(scan);
  }

  #scanOf(reading: Extract<Reading, { type: "scan" }>): ScanEvent | null {
    const { data = "", symbology } = reading;
    const aim = symbology.startsWith("]") ? `${symbology}${data}` : data;
    const known = aim.startsWith("]") ? readAim(aim, this.#thisYear) : reading;
    if (known.type !== "scan") return null;
    return {
      text: known.data ?? (aim.startsWith("]") ? aim.slice(3) : data),
      symbology: known.symbology === "serial" || known.symbology === "keyboard" ? null : known.symbology,
      ais: known.ais ?? null,
      receivedMonoMs: this.#clock.mono(),
    };
  }
}
