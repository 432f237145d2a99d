import type { FramingSpec } from "./framing.ts";
import type { Reading } from "./reading.ts";

export type DeviceKind = "scale" | "thermometer" | "scanner" | "card-reader" | "bus";

export interface SerialSettings {
  readonly baudRate: number;
  readonly dataBits: 7 | 8;
  readonly parity: "none" | "even" | "odd";
  readonly stopBits: 1 | 2;
}

/** What a host can ask of a device. A dialect has those that its manual has. */
export type CommandName =
  | "read"
  | "read-stable"
  | "stream"
  | "stop"
  | "tare"
  | "zero"
  | "clear-tare"
  | "print";

/** How far a frame can be believed. */
export interface Trust {
  /** `wire`: the frame says whether the weight is stable. `software`: decide it from equal readings. */
  readonly stability: "wire" | "software" | "none";
  /** What guards the digits. `weak` sees one changed byte but, for example, no two swapped digits. */
  readonly check: "none" | "weak" | "crc";
  /** `documentation`: no frame of a real device was at hand; ask for a log before relying on it. */
  readonly evidence: "captured" | "documentation";
  /** What a person should know before relying on this dialect. */
  readonly caution?: string;
}

/** One way in which devices speak. Everything in it is pure. */
export interface Dialect {
  readonly key: string;
  readonly title: string;
  readonly device: DeviceKind;
  /** The maker's default; null for USB HID and for buses without a serial line. */
  readonly serial: SerialSettings | null;
  /** USB HID: first bytes of the reports that this dialect means; the device may send others. */
  readonly hidReportIds?: readonly number[];
  readonly trust: Trust;
  /** Its weights are called net whether a tare is on or not, so that says nothing of a tare. */
  readonly isAlwaysNet?: true;
  /** Names of the options that `open` understands; a site sets what the wire does not say. */
  readonly optionNames: readonly string[];
  /** @throws BridgeFault `dialect-options` when a value is out of its range. */
  open(options: OptionBag): Codec;
}

export type OptionBag = Readonly<Record<string, unknown>>;

/** A dialect with its options settled. */
export interface Codec {
  readonly framing: FramingSpec;
  /** Decoders may remember (a list over several lines), so each connection takes a new one. */
  decoder(): Decoder;
  readonly commands: Readonly<Partial<Record<CommandName, Uint8Array>>>;
  /**
   * The frame that a device would send for `reading`; what the dialect has no place for is left out.
   * @returns null when the value or its kind cannot be said, or something else would be said instead.
   */
  encode?(reading: Reading): Uint8Array<ArrayBuffer> | null;
}

export interface Decoder {
  /**
   * @param frame  one whole frame as `framing` delimits it.
   * @returns no reading for lines that are noise, otherwise one, seldom more. Never throws.
   */
  decode(frame: Uint8Array): readonly Reading[];
  /** The input has ended: the reading of a message that only its end completes. */
  end?(): readonly Reading[];
}
