import { z } from "zod";

/**
 * The devices of a terminal: scales, thermometers, scanners, card readers, and the lines that several share.
 * Protocol keys and their options are known by the firmware bridge, which this folder may not import: they are checked
 * when the device is opened. `canteen-edge serial identify` writes an entry.
 */

const deviceId = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    "只能用小写字母、数字和短横，最多 63 个，以字母或数字开头 / lower-case letters, digits and dashes, at most 63, starting with a letter or digit",
  );

const serialSchema = z.strictObject({
  baudRate: z.int().min(300).max(921_600).describe("Bits a second."),
  dataBits: z.literal([7, 8]).default(8).describe("Bits of a character."),
  parity: z.enum(["none", "even", "odd"]).default("none").describe("Check bit of a character."),
  stopBits: z.literal([1, 2]).default(1).describe("Stop bits of a character."),
});

const plausibleSchema = z
  .strictObject({
    min: z.int().min(-273_150).max(1_000_000).describe("Thousandths of a degree Celsius."),
    max: z.int().min(-273_150).max(1_000_000).describe("Thousandths of a degree Celsius."),
  })
  .optional();

const common = {
  id: deviceId.describe("Stable: records name the device by it."),
  port: z
    .string()
    .min(1)
    .max(256)
    .describe("/dev/serial/by-id/…, host:port, rfc2217:host:port, usb:VVVV:PPPP or usb-serial:VVVV:PPPP."),
  serial: serialSchema.optional(),
};

const spoken = {
  ...common,
  protocol: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "协议名，如 mt-sics / a protocol such as mt-sics")
    .describe("How it speaks; serial identify finds it, firmware-bridge/README.md lists them."),
  options: z
    .record(z.string().max(64), z.json())
    .default({})
    .describe("What the wire does not say: unit, digit order, address, byte order of card numbers."),
};

const scaleSchema = z.strictObject({
  kind: z
    .literal("scale")
    .describe(
      "scale, thermometer (one that talks), scanner, card-reader, modbus-bus (probes and relays on RS-485), onewire-bus (DS2480B).",
    ),
  ...spoken,
  capacityG: z
    .int()
    .min(1)
    .max(100_000_000)
    .optional()
    .describe("Above this the reading has no value; for scales that do not report overload."),
  pollEveryMs: z
    .int()
    .min(50)
    .max(60_000)
    .optional()
    .describe("How often it is asked; default: as its manual allows."),
  isKeyPressOnly: z.boolean().default(false).describe("It speaks only when somebody presses print."),
  stability: z
    .strictObject({
      readingsMin: z.int().min(2).max(100).default(3).describe("Readings in a row that must agree."),
      spanMsMin: z.int().min(0).max(60_000).default(300).describe("Time from the first to the last of them."),
      gapMsMax: z.int().min(50).max(60_000).default(2000).describe("A longer silence begins anew."),
      toleranceSteps: z
        .int()
        .min(0)
        .max(1000)
        .default(0)
        .describe("Steps of the last decimal that they may differ by: 5 for a division of 0.005 kg."),
    })
    .prefault({}),
});

const thermometerSchema = z.strictObject({
  kind: z.literal("thermometer"),
  ...spoken,
  pollEveryMs: z.int().min(50).max(600_000).optional(),
  silenceMsMax: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(10_000)
    .describe("Without a measurement for this long it counts as faulty."),
  plausibleMilliC: plausibleSchema,
});

const scannerSchema = z.strictObject({
  kind: z.literal("scanner"),
  ...spoken,
  use: z
    .enum(["till", "receiving"])
    .default("till")
    .describe("till: codes pay like a card. receiving: order lines and goods."),
});

const cardReaderSchema = z.strictObject({ kind: z.literal("card-reader"), ...spoken });

const modbusBusSchema = z.strictObject({
  kind: z.literal("modbus-bus"),
  ...common,
  replyWaitMsMax: z.int().min(20).max(10_000).default(500).describe("How long a device may take to answer."),
  pollEveryMs: z.int().min(50).max(600_000).default(5000).describe("Pause between two rounds."),
  probes: z
    .array(
      z.strictObject({
        id: deviceId.describe("Stable: alarms and records name the probe by it."),
        unit: z.int().min(1).max(247).describe("Modbus address."),
        functionCode: z.literal([3, 4]).default(3).describe("3 holding registers, 4 input registers."),
        register: z.int().min(0).max(65_535).default(0).describe("The first register."),
        fields: z
          .array(
            z.strictObject({
              name: z.enum(["temperature", "humidity", "skip"]).describe("What the next register holds."),
              scale: z
                .string()
                .regex(/^\d+(\.\d{1,6})?$/, '十进制数，如 "0.1" / a decimal such as "0.1"')
                .default("0.1")
                .describe("One count, as text."),
            }),
          )
          .min(1)
          .max(16),
        sentinels: z
          .record(z.string().regex(/^[0-9a-fA-F]{1,4}$/), z.string().min(1).max(32))
          .optional()
          .describe('Register values that mean a fault, in hex: { "8000": sensor }.'),
        plausibleMilliC: plausibleSchema,
      }),
    )
    .max(32)
    .default([]),
  relays: z
    .array(
      z.strictObject({
        id: deviceId.describe("Stable: the buzzer or lamp is named by it."),
        unit: z.int().min(1).max(247).describe("Modbus address of the relay module."),
        coil: z.int().min(0).max(65_535).describe("Its coil, from 0."),
      }),
    )
    .max(32)
    .default([]),
  inputs: z
    .array(
      z.strictObject({
        id: deviceId.describe("Stable: the door is named by it."),
        unit: z.int().min(1).max(247).describe("Modbus address of the input module."),
        functionCode: z.literal([1, 2]).default(2).describe("2 discrete inputs, 1 coils."),
        input: z.int().min(0).max(65_535).describe("Its input, from 0."),
      }),
    )
    .max(32)
    .default([]),
});

const onewireBusSchema = z.strictObject({
  kind: z.literal("onewire-bus"),
  ...common,
  pollEveryMs: z.int().min(50).max(600_000).default(5000),
  probes: z
    .array(
      z.strictObject({
        id: deviceId,
        rom: z
          .string()
          .regex(/^[0-9A-F]{16}$/, "16 位十六进制大写 / 16 hex digits, upper case")
          .describe("Code of the sensor, as canteen-edge doctor lists it."),
        plausibleMilliC: plausibleSchema,
      }),
    )
    .max(32)
    .default([]),
});

export const devicesSchema = z
  .array(
    z.discriminatedUnion("kind", [
      scaleSchema,
      thermometerSchema,
      scannerSchema,
      cardReaderSchema,
      modbusBusSchema,
      onewireBusSchema,
    ]),
  )
  .max(32)
  .default([])
  .describe("Scales, thermometers, scanners, card readers and buses; `serial identify` prints an entry.");

export type DeviceConfig = z.infer<typeof devicesSchema>[number];

/** What the rules between devices look at, of an entry that may be wrong elsewhere. */
export interface DeviceParts {
  readonly id?: string;
  readonly port?: string;
  readonly kind?: string;
  /** Of a scale. */
  readonly capacityG?: number;
  readonly names: readonly string[];
}

export function readDeviceParts(raw: unknown): DeviceParts {
  const entry = recordOf(raw);
  const names = ["probes", "relays", "inputs"].flatMap((key) => {
    const list: readonly unknown[] = Array.isArray(entry[key]) ? entry[key] : [];
    return list.map((item) => recordOf(item)["id"]).filter((id) => typeof id === "string");
  });
  return {
    ...(typeof entry["id"] === "string" ? { id: entry["id"] } : {}),
    ...(typeof entry["port"] === "string" ? { port: entry["port"] } : {}),
    ...(typeof entry["kind"] === "string" ? { kind: entry["kind"] } : {}),
    ...(typeof entry["capacityG"] === "number" ? { capacityG: entry["capacityG"] } : {}),
    names,
  };
}

function recordOf(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === "object" && raw !== null ? { ...raw } : {};
}
