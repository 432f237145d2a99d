import type { BridgeClock, BridgeEntropy } from "../ports/clock.ts";
import type { Codec, Dialect, OptionBag } from "../ports/dialect.ts";
import type { FaultHint } from "../ports/fault.ts";
import type { InvalidFrame, Reading } from "../ports/reading.ts";
import type { ScanEvent, Scanner, ScanRefusal } from "../ports/scanner.ts";
import type { Transport } from "../ports/transport.ts";
import { textOf } from "../protocol/ascii.ts";
import { readAim } from "../protocol/gs1-ai/aim.ts";
import { THIS_YEAR } from "../protocol/gs1-ai/gs1-ai.ts";
import type { DecodedFrame } from "../session.ts";
import { DeviceBase } from "./device-base.ts";
import { deviceFault } from "./device-faults.ts";
import { RepeatFilter } from "./repeat-filter.ts";
import { formatHint } from "./top-bit.ts";
import { UnreadWatch } from "./unread-watch.ts";

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
  /** What came and could not be read is told after so long. */
  readonly unreadMsMax?: number;
}

const REPEAT_MS_MIN = 1000;
const CODE_END_MS = 100;
/** The line was read rightly; the code itself is a bad one. */
const REFUSED_CODES = ["check-digit", "date", "length", "ai", "repeated-ai", "unknown-symbology"];

/** A barcode or QR scanner. A code whose check digit or date is wrong is no scan; it is told as a refusal. */
export class ScannerDriver extends DeviceBase implements Scanner {
  readonly #clock: BridgeClock;
  readonly #dialect: Dialect;
  readonly #codec: Codec;
  readonly #unread: UnreadWatch;
  readonly #thisYear: number;
  readonly #repeats: RepeatFilter;
  readonly #listeners = new Set<(scan: ScanEvent) => void>();
  readonly #refusalListeners = new Set<(refusal: ScanRefusal) => void>();

  /** @throws BridgeFault `dialect-options`. */
  constructor(options: ScannerDriverOptions) {
    const codec = options.dialect.open(options.dialectOptions ?? {});
    super(`${options.dialect.key} ${options.transport.label}`, {
      ...options,
      codec,
      endAfterSilenceMs: options.codeEndMs ?? CODE_END_MS,
    });
    this.#clock = options.clock;
    this.#dialect = options.dialect;
    this.#codec = codec;
    this.#unread = new UnreadWatch({
      clock: options.clock,
      bytesIn: () => this.line.counters().bytesIn,
      onUnread: () => this.#blame(),
      ...(options.unreadMsMax === undefined ? {} : { lookEveryMs: options.unreadMsMax }),
    });
    this.#thisYear = options.thisYear ?? THIS_YEAR.fallback;
    this.#repeats = new RepeatFilter(options.repeatMsMin ?? REPEAT_MS_MIN);
  }

  onScan(listener: (scan: ScanEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onRefused(listener: (refusal: ScanRefusal) => void): () => void {
    this.#refusalListeners.add(listener);
    return () => this.#refusalListeners.delete(listener);
  }

  protected override onOpen(): void {
    super.onOpen();
    this.#unread.begin();
  }

  protected override onAway(): void {
    this.#unread.stop();
  }

  protected override onFrame({ reading, raw }: DecodedFrame): void {
    if (reading.type === "scan" && this.#isMisread(raw)) {
      this.#blame();
      return;
    }
    const isReadable =
      reading.type === "scan" || (reading.type === "invalid" && REFUSED_CODES.includes(reading.reason));
    if (!isReadable) return;
    this.#onReadable();
    const found = reading.type === "scan" ? this.#scanOf(reading) : reading;
    if (found.type === "scan") this.#tell(found);
    else this.#refuse(found.reason, raw);
  }

  #tell({ type: _, ...scan }: Scan): void {
    if (!this.#repeats.isNew(scan.text, scan.receivedMonoMs)) return;
    for (const listener of [...this.#listeners]) listener(scan);
  }

  /** A scanner repeats a bad code as it does a good one. */
  #refuse(why: string, raw: Uint8Array): void {
    const receivedMonoMs = this.#clock.mono();
    if (!this.#repeats.isNew(textOf(raw).trim(), receivedMonoMs)) return;
    const reason = why === "check-digit" ? why : "unreadable";
    for (const listener of [...this.#refusalListeners]) listener({ reason, receivedMonoMs });
  }

  #onReadable(): void {
    this.#unread.stop();
    this.enter({ kind: "live" });
  }

  /** To a dialect without a check any bytes are a code. A wrong setting shows in what no code holds. */
  #isMisread(raw: Uint8Array): boolean {
    if (this.#dialect.serial === null) return false;
    if (!isLegible(raw)) return true;
    return raw.some((byte) => byte >= 0x80) && this.#formatHint() !== undefined;
  }

  #formatHint(): FaultHint | undefined {
    return formatHint(this.line.recentBytes(), this.#codec, this.#dialect);
  }

  #blame(): void {
    const fault = deviceFault("device-unreadable", `${this.label}: device-unreadable`, this.#formatHint());
    this.enter({ kind: "faulty", fault });
  }

  /** An AIM identifier is read as such also where the dialect only passed it on. */
  #scanOf(reading: Extract<Reading, { type: "scan" }>): Scan | InvalidFrame {
    const { data = "", symbology } = reading;
    const aim = symbology.startsWith("]") ? `${symbology}${data}` : data;
    const known = aim.startsWith("]") ? readAim(aim, this.#thisYear) : reading;
    if (known.type === "invalid") return known;
    if (known.type !== "scan") return { type: "invalid", reason: known.type };
    return {
      type: "scan",
      text: known.data ?? (aim.startsWith("]") ? aim.slice(3) : data),
      symbology: known.symbology === "serial" || known.symbology === "keyboard" ? null : known.symbology,
      ais: known.ais ?? null,
      receivedMonoMs: this.#clock.mono(),
    };
  }
}

type Scan = ScanEvent & { readonly type: "scan" };

/** Separators of GS1 and ISO 15434 are the only control characters of a code; STX and ETX may enclose it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\x00\x01\x05-\x08\x0b\x0c\x0e-\x1b\x7f]/;
const CHARACTER_SETS = ["utf-8", "gb18030"];

/** @returns whether the bytes are text in a character set that codes are printed in here. */
function isLegible(raw: Uint8Array): boolean {
  if (CONTROL.test(textOf(raw))) return false;
  return raw.every((byte) => byte < 0x80) || CHARACTER_SETS.some((set) => isTextIn(set, raw));
}

function isTextIn(characterSet: string, raw: Uint8Array): boolean {
  try {
    return !CONTROL.test(new TextDecoder(characterSet, { fatal: true }).decode(raw));
  } catch {
    return false;
  }
}
