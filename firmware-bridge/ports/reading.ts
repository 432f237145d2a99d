/**
 * What a frame says, as a plain object that survives JSON.
 * Numbers of a measurement are decimal strings: their trailing zeros are the device's resolution, and no binary
 * float ever touches a weight. `null` means that the device does not say, or that there is no value to trust.
 */
export type Reading =
  | WeightReading
  | CountReading
  | PercentReading
  | TareReading
  | ScaleStatus
  | TemperatureReading
  | TemperaturesReading
  | HumidityReading
  | ProbeReading
  | FloatsReading
  | ModbusMessage
  | ModbusCrc
  | RomReading
  | ResetReading
  | ConfigReading
  | ScanReading
  | ScanPart
  | CardReading
  | CommandMessage
  | ReplyMessage
  | AckMessage
  | InfoMessage
  | ListMessage
  | DeviceError
  | InvalidFrame
  | IgnoredFrame;

export type WeighMode = "gross" | "net" | "tare";

/** A unit of mass as dialects name it, spelt one way. `jin` is the market jin of 500 g. */
export type MassUnit =
  | "mg"
  | "g"
  | "kg"
  | "t"
  | "ton"
  | "lb"
  | "oz"
  | "ozt"
  | "dwt"
  | "ct"
  | "gr"
  | "tael"
  | "jin"
  | "tw-jin"
  | "lb:oz"
  | "mom"
  | "N";

export interface WeightReading {
  readonly type: "weight";
  /** null in overload, underload, before zeroing and in every other case without a number to trust. */
  readonly value: string | null;
  readonly unit: MassUnit | null;
  /** As the wire says it; null when the dialect carries no stability. */
  readonly stable: boolean | null;
  readonly mode: WeighMode | null;
  readonly overload?: boolean;
  readonly underload?: boolean;
  readonly zero?: boolean;
  readonly notZeroed?: boolean;
  readonly gross?: string;
  readonly tare?: string;
  readonly unitPrice?: string;
  readonly total?: string;
  readonly pieces?: string;
  /** The last digit is not verified (a finer one than the approval covers). */
  readonly auxDigit?: boolean;
  readonly compare?: string;
  /** The scale's own clock, `YYYY-MM-DDTHH:MM[:SS]`. */
  readonly deviceTime?: string;
  readonly address?: string;
  readonly channel?: number;
  readonly deviceId?: number;
  readonly lamp?: number;
  readonly hold?: boolean;
  readonly print?: boolean;
  readonly checksumVariant?: string;
}

export interface CountReading {
  readonly type: "count";
  readonly value: string | null;
  readonly stable: boolean | null;
  readonly overload?: boolean;
  readonly underload?: boolean;
}

export interface PercentReading {
  readonly type: "percent";
  readonly value: string | null;
  readonly stable: boolean | null;
  readonly overload?: boolean;
  readonly underload?: boolean;
}

/** The content of the tare memory, as an answer to a tare command. */
export interface TareReading {
  readonly type: "tare";
  readonly value: string | null;
  readonly unit: MassUnit | null;
  readonly stable: boolean | null;
}

export interface ScaleStatus {
  readonly type: "status";
  readonly code?: string;
  readonly meaning?: string;
  readonly motion?: boolean;
  readonly overCapacity?: boolean;
  readonly underZero?: boolean;
  readonly outsideZeroCapture?: boolean;
  readonly centerOfZero?: boolean;
  readonly net?: boolean;
}

export interface TemperatureReading {
  readonly type: "temperature";
  readonly celsius: string | null;
  readonly fault?: string;
  readonly suspect?: "power-on";
  readonly humidity?: string | null;
  readonly ambient?: string;
  readonly body?: string;
  readonly scale?: string;
  /** Modbus address of the probe. */
  readonly unit?: number;
}

export interface TemperaturesReading {
  readonly type: "temperatures";
  readonly celsius: readonly (string | null)[];
  readonly faults: readonly (string | null)[];
  readonly unit: number;
}

export interface HumidityReading {
  readonly type: "humidity";
  readonly percent: string | null;
  readonly fault?: string;
  readonly unit?: number;
}

/** A text probe, or the answer to a protocol probe (`ok`). */
export interface ProbeReading {
  readonly type: "probe";
  readonly ok?: boolean;
  readonly ph?: string;
  readonly celsius?: string | null;
  readonly humidity?: string;
}

export interface FloatsReading {
  readonly type: "floats";
  readonly values: readonly (string | null)[];
  readonly unit: number;
}

export interface ModbusMessage {
  readonly type: "modbus";
  readonly kind:
    | "request"
    | "response"
    | "bits"
    | "exception"
    | "write-coil"
    | "write-register"
    | "write-coils"
    | "write-registers"
    | "write-reply";
  /** Modbus address of the device. */
  readonly unit: number;
  readonly fc: number;
  readonly address?: number;
  readonly quantity?: number;
  readonly count?: number;
  readonly value?: number;
  readonly registers?: readonly number[];
  readonly bytes?: readonly number[];
  readonly code?: number;
  /** Bytes that belonged to no frame in front of this one, and behind it. */
  readonly skip?: number;
  readonly trailing?: number;
}

/** A message of an unknown function whose CRC is right. */
export interface ModbusCrc {
  readonly type: "crc";
  readonly ok: true;
}

export interface RomReading {
  readonly type: "rom";
  readonly crc: true;
  /** Two hex digits; 28 = DS18B20. */
  readonly family: string;
  readonly serial: string;
}

export interface ResetReading {
  readonly type: "reset";
  readonly result: "short" | "presence" | "alarm" | "no-presence";
}

export interface ConfigReading {
  readonly type: "config";
  readonly baud: number | null;
  /** Modbus address. */
  readonly unit: number;
}

export interface ScanReading {
  readonly type: "scan";
  readonly symbology: string;
  readonly data?: string;
  readonly ais?: readonly (readonly [ai: string, value: string])[];
  readonly netWeightKg?: string;
  readonly bestBefore?: string;
  readonly packDate?: string;
  readonly date?: string;
  readonly rule?: string;
  readonly embedded?: string;
  readonly addOn?: string;
}

/** The first reports of a code that is longer than one report. */
export interface ScanPart {
  readonly type: "scan-part";
  readonly symbology: string;
  readonly data: string;
  readonly more: true;
}

/** `uid` is upper-case hex, most significant byte first; null means that no card is in the field. */
export interface CardReading {
  readonly type: "card";
  readonly uid?: string | null;
  readonly facility?: number;
  readonly number?: number;
}

/** A message from the host to the device, as seen on a shared line or in a log. */
export interface CommandMessage {
  readonly type: "command";
  readonly name: string;
  readonly address?: string;
  readonly unitPrice?: string;
  readonly zone?: string;
  readonly length?: number;
  readonly data?: string;
  readonly unit?: number;
  readonly baud?: number;
  readonly expectReply?: string;
  readonly value?: string;
}

export interface ReplyMessage {
  readonly type: "reply";
  readonly address?: string;
  readonly command?: string;
  readonly text?: string;
  readonly data?: string;
}

export interface AckMessage {
  readonly type: "ack";
  readonly ok: boolean;
  readonly command?: string;
  readonly code?: string;
  readonly stable?: boolean;
}

export interface InfoMessage {
  readonly type: "info";
  readonly key: string;
  /** All parts, with blanks between them. */
  readonly value: string;
  readonly values?: readonly string[];
}

export interface ListMessage {
  readonly type: "list";
  readonly key: string;
  readonly items: readonly string[];
}

/** The device says that something is wrong with it or with the command. */
export interface DeviceError {
  readonly type: "error";
  readonly code: string;
  readonly retry?: boolean;
}

/** Bytes that claim to be a frame and must not be believed. */
export interface InvalidFrame {
  readonly type: "invalid";
  readonly reason: string;
  /** What the rest would say, for a person who looks for the fault. Never a weight to act on. */
  readonly lenient?: Reading;
}

/** A frame of the dialect that is no measurement, and no fault either. */
export interface IgnoredFrame {
  readonly type: "ignored";
  readonly reason: string;
}
