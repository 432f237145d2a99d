import { z } from "zod";

/** What a cabinet says now; the rules of messages.ts hold here too. */

const epochMs = z.int().min(0).max(8_640_000_000_000_000);
const code = z.string().min(1).max(128);
const level = z.enum(["general", "major", "critical"]).describe("一般, 较大, 重大.");
const milliC = z.int().min(-1_000_000).max(1_000_000).describe("Thousandths of a degree Celsius.");

export const ALARMS_MAX = 100;

export const alarmStateSchema = z
  .strictObject({
    v: z.literal(1).describe("Schema version of this message."),
    atMs: epochMs.describe("Milliseconds since 1970-01-01T00:00Z by the terminal's clock."),
    level: level.nullable().describe("The worst of those that are told; null when all is well."),
    isSounding: z.boolean(),
    probes: z
      .array(z.strictObject({ probeId: code, milliC: milliC.nullable(), fault: code.nullable() }))
      .max(32),
    alarms: z
      .array(
        z.strictObject({
          alarmId: z.uuid().nullable().describe("The occurrence, as in the journal's alarm entries."),
          type: code,
          subject: code.nullable(),
          text: z.strictObject({ zh: z.string().min(1).max(80), en: z.string().min(1).max(160) }),
          level,
          state: z
            .enum([
              "unacknowledged",
              "acknowledged",
              "returned-unacknowledged",
              "shelved",
              "suppressed",
              "out-of-service",
            ])
            .describe("ISA-18.2."),
          isEscalated: z.boolean(),
          raisedAtMs: epochMs.nullable(),
        }),
      )
      .max(ALARMS_MAX)
      .describe("Worst first; beyond the maximum the others wait."),
  })
  .describe("State of one sample cabinet; retained, and ahead of every backlog.");

export type AlarmStateMessage = z.infer<typeof alarmStateSchema>;
