import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { identify } from "../../firmware-bridge/identify/identify.ts";
import { configStanza } from "../../firmware-bridge/identify/stanza.ts";
import type { ScaleReading } from "../../firmware-bridge/ports/scale.ts";
import { PtyHost } from "../../firmware-bridge/simulators/pty-bay.ts";
import {
  MT_SICS_VOICE,
  ScaleSimulator,
  ST_GS_VOICE,
  YAOHUA_VOICE,
} from "../../firmware-bridge/simulators/scale-simulator.ts";
import { transportTo } from "../../firmware-bridge/transport/port-name.ts";
import { systemBridgeClock } from "../../firmware-bridge/transport/system-time.ts";
import { hasTool } from "../../test/require-tool.ts";
import { devicesSchema } from "../config/device-schema.ts";
import { systemEntropy } from "../platform/entropy.ts";
import { silentLogger } from "../platform/logger.ts";
import { SystemClock } from "../platform/system-clock.ts";
import { createTerminalDevices } from "../terminal-devices.ts";

const hasPython = hasTool("python3");
let host: PtyHost | undefined;
beforeAll(async () => {
  if (hasPython) host = await PtyHost.start();
});
afterAll(() => host?.stop());

describe.runIf(hasPython)("what serial identify prints", () => {
  it.each([
    ["mt-sics", MT_SICS_VOICE],
    ["stgs-text", ST_GS_VOICE],
    ["yaohua-tf0", YAOHUA_VOICE],
  ] as const)("is taken by the configuration as it is, and opens the device: %s", async (protocol, voice) => {
    if (host === undefined) throw new Error("no pty host");
    const bay = host.bay();
    const simulator = new ScaleSimulator({
      socket: bay.socket,
      clock: systemBridgeClock,
      voice: { ...voice, answers: { "\x05": "", "\x04\x05": "", ...voice.answers } },
      script: [{ grams: 1250, stable: true }],
      everyMs: 20,
    });
    await bay.plug();
    const [best] = await identify((settings) => transportTo(bay.address, settings), {
      clock: host.patientClock(systemBridgeClock),
      signal: new AbortController().signal,
      listenMs: 300,
    });
    if (best === undefined) throw new Error("nothing found");
    expect(best.protocol).toBe(protocol);
    const configs = devicesSchema.parse(parse(configStanza(bay.address, best)).devices);
    const devices = createTerminalDevices(configs, {
      clock: new SystemClock(),
      entropy: systemEntropy,
      logger: silentLogger,
    });
    const scale = devices.scales.get("scale-1");
    const first = new Promise<ScaleReading>((resolve) => {
      scale?.onReading((reading) => reading.stable && resolve(reading));
    });
    devices.open();
    const { value, unit, stableFrom } = await first;
    expect(`${value} ${unit}`).toBe("1.250 kg");
    expect(stableFrom).toBe(protocol === "yaohua-tf0" ? "software" : "wire");
    await devices.close();
    simulator.stop();
    await bay.close();
  });
});
