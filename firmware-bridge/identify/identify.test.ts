import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { SerialSettings } from "../ports/dialect.ts";
import {
  MT_SICS_VOICE,
  ScaleSimulator,
  type ScaleVoice,
  ST_GS_VOICE,
} from "../simulators/scale-simulator.ts";
import { tcpBay } from "../simulators/tcp-bay.ts";
import { systemBridgeClock } from "../transport/system-time.ts";
import { tcpTransport } from "../transport/tcp-transport.ts";
import { identify } from "./identify.ts";
import { rankDialects } from "./rank.ts";
import { configStanza } from "./stanza.ts";

const SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };

interface GoldenFrame {
  readonly hex: string;
  readonly expected: { readonly type: string; readonly value?: string | null };
}

function weightsOf(key: string): Buffer {
  const lines = readFileSync(new URL(`../protocol/${key}/golden.jsonl`, import.meta.url), "utf8")
    .trim()
    .split("\n");
  const frames = lines
    .map((line): GoldenFrame => JSON.parse(line))
    .filter(({ expected }) => expected.type === "weight" && typeof expected.value === "string");
  const [first] = frames;
  if (first === undefined) throw new Error(`no weight of ${key}`);
  return Buffer.concat(Array.from({ length: 6 }, () => Buffer.from(first.hex, "hex")));
}

/** Dialects whose frames are theirs alone. `cas-22`, `cas-and18`, `cas-cbx` and `stgs-text` share their line. */
const DISTINCT = [
  "soh-stx-bcc",
  "toledo-continuous",
  "yaohua-tf0",
  "yaohua-cmd",
  "yaohua-ww",
  "toledo-price-cn",
  "mt-sics",
  "mt-print",
  "cas-22",
  "cas-pdii-18",
  "kern",
  "dini-argeo",
  "yousheng-bcd",
];

describe("ranking", () => {
  it.each(DISTINCT)("puts %s first for its own frames", (key) => {
    const [best] = rankDialects(Uint8Array.from(weightsOf(key)));
    expect(best?.protocol).toBe(key);
    expect(best?.confidence).toBeGreaterThan(0.7);
  });

  it("is unsure of noise, and says nothing about silence", () => {
    const noise = Uint8Array.from({ length: 2000 }, (_, index) => (index * 7919 + (index >> 3) * 31) & 0xff);
    expect(rankDialects(noise)[0]?.confidence ?? 0).toBeLessThan(0.3);
    expect(rankDialects(new Uint8Array())).toEqual([]);
  });

  it("warns of dialects with weak checks", () => {
    const [best] = rankDialects(Uint8Array.from(weightsOf("yaohua-tf0")));
    expect(best?.caution).toContain("swapped digits");
  });
});

describe("identifying", () => {
  async function found(voice: ScaleVoice) {
    const bay = await tcpBay();
    const clock = systemBridgeClock;
    const simulator = new ScaleSimulator({
      socket: bay.socket,
      clock,
      voice,
      script: [{ grams: 500, stable: true }],
      everyMs: 15,
    });
    await bay.plug();
    const [host = "", port] = bay.address.split(":");
    const candidates = await identify(() => tcpTransport({ host, port: Number(port) }), {
      clock,
      signal: new AbortController().signal,
      settings: [SETTINGS],
      listenMs: 400,
    });
    simulator.stop();
    await bay.close();
    return { candidates, commands: simulator.commands };
  }

  it("hears a scale that talks, without sending anything", async () => {
    const { candidates, commands } = await found(ST_GS_VOICE);
    expect(candidates[0]).toMatchObject({
      protocol: "stgs-text",
      settings: SETTINGS,
      sample: { value: "0.500" },
    });
    expect(commands).toEqual([]);
  });

  it("asks a silent scale for its weight, and for nothing else", async () => {
    const { candidates, commands } = await found({
      ...MT_SICS_VOICE,
      answers: { "\x05": "", "\x04\x05": "", ...MT_SICS_VOICE.answers },
    });
    expect(candidates[0]).toMatchObject({ protocol: "mt-sics" });
    expect(commands.filter((command) => /[TZ]/.test(command))).toEqual([]);
  });

  it("writes the stanza of the configuration", async () => {
    const { candidates } = await found(ST_GS_VOICE);
    const [best] = candidates;
    if (best === undefined) throw new Error("nothing found");
    expect(configStanza("/dev/serial/by-id/usb-1", best)).toContain(
      "    protocol: stgs-text\n    serial: { baudRate: 9600,",
    );
  });
});
