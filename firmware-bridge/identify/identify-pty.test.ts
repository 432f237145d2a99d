import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasTool } from "../../test/require-tool.ts";
import type { SerialSettings } from "../ports/dialect.ts";
import { PtyHost } from "../simulators/pty-bay.ts";
import { transportTo } from "../transport/port-name.ts";
import { systemBridgeClock } from "../transport/system-time.ts";
import { type IdentifyOptions, identify } from "./identify.ts";
import type { Identified } from "./rank.ts";
import { configStanza } from "./stanza.ts";

const SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };
const LISTEN: Pick<IdentifyOptions, "settings" | "listenMs"> = {
  settings: [SETTINGS],
  // Many times what a device needs here, because a busy machine may stand still for a while.
  listenMs: 900,
};
const EVERY_MS = 20;
/** Each test has a line of its own and mostly listens. */
const SIDE_BY_SIDE = { concurrent: true } as const;
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

const hasPython = hasTool("python3");
let host: PtyHost | undefined;
beforeAll(async () => {
  if (hasPython) host = await PtyHost.start();
});
afterAll(() => host?.stop());

/** What a device that talks by itself says: the first frame of each dialect's own that measures. */
function saidBy(key: string): Uint8Array {
  const frames = readFileSync(new URL(`../protocol/${key}/golden.jsonl`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line): { hex: string; expected: { type: string; value?: string | null } } => JSON.parse(line));
  const found = frames.find(({ expected: { type, value } }) =>
    ["temperature", "card", "modbus"].includes(type) ? true : type === "weight" && value != null,
  );
  if (found === undefined) throw new Error(`nothing to say for ${key}`);
  return Uint8Array.from(Buffer.from(found.hex, "hex"));
}

/** Each dialect, who is ranked first, and who fits as well. */
const TALKERS: readonly (readonly [key: string, first: string, alike: readonly string[]])[] = [
  ["adam-cbk", "adam-cbk", []],
  ["aihua-acs", "aihua-acs", []],
  ["and-standard", "and-standard", ["cas-cbx", "stgs-text"]],
  ["block-print", "block-print", []],
  ["cas-22", "cas-22", []],
  ["cas-and18", "cas-and18", ["stgs-text"]],
  ["cas-cbx", "and-standard", ["cas-cbx", "stgs-text"]],
  ["cas-pdii-18", "cas-pdii-18", ["cas-and18", "cas-cbx", "stgs-text"]],
  ["digi-ds781", "digi-ds781", []],
  ["dini-argeo", "dini-argeo", []],
  ["enq-stx-etx", "enq-stx-etx", []],
  ["gg-shuangjie", "gg-shuangjie", []],
  ["ir-gy-mcu90614", "ir-gy-mcu90614", []],
  ["kern", "kern", []],
  ["modbus-rtu", "modbus-rtu", ["modbus-temp"]],
  ["modbus-temp", "modbus-rtu", ["modbus-temp"]],
  ["mt-print", "mt-print", []],
  ["mt-sics", "mt-sics", []],
  ["ohaus", "ohaus", []],
  ["rfid-abba", "rfid-abba", []],
  ["rfid-em4100", "rfid-em4100", []],
  ["sartorius-sbi", "sartorius-sbi", []],
  ["soh-stx-bcc", "soh-stx-bcc", []],
  ["stgs-text", "stgs-text", ["kern"]],
  ["toledo-8217", "toledo-8217", []],
  ["toledo-continuous", "toledo-continuous", []],
  ["toledo-dialog06", "toledo-dialog06", []],
  ["toledo-price-cn", "toledo-price-cn", []],
  ["yaohua-cmd", "yaohua-cmd", []],
  ["yaohua-eq", "yaohua-eq", ["yaohua-eq"]],
  ["yaohua-tf0", "yaohua-tf0", []],
  ["yaohua-ww", "yaohua-ww", []],
  ["yousheng-bcd", "yousheng-bcd", []],
];

interface Asked {
  readonly key: string;
  readonly turns: readonly { readonly heard: string; readonly said: string }[];
}
const asked = (key: string, ...turns: (readonly [heard: string, said: string])[]): Asked => ({
  key,
  turns: turns.map(([heard, said]) => ({ heard, said })),
});
/** Devices that speak only when asked, in the bytes of their manuals: what makes them speak, and what they say. */
const ASKED: readonly Asked[] = [
  asked("mt-sics", ["SI\r\n", "S S      1.250 kg\r\n"]),
  asked("and-standard", ["SI\r\n", "ST,+001234.5  g\r\n"]),
  asked("toledo-8217", ["W", "\x02 01.250\r"]),
  asked("toledo-dialog06", ["\x04\x05", "\x0202\x1b3\x1b01250\x1b000990\x1b001238\x03"]),
  asked("enq-stx-etx", ["\x05", "\x0201250\x03"]),
  asked("soh-stx-bcc", ["\x05", "\x06"], ["\x11", "\x01\x02S 00.488kge\x03\x04"]),
  asked("modbus-rtu", ["\x01\x03\x00\x00\x00\x01\x84\x0a", "\x01\x03\x02\x00\xfa\x38\x07"]),
];

async function identified(
  play: (send: (bytes: Uint8Array) => void, onHeard: (listener: (bytes: Uint8Array) => void) => void) => void,
): Promise<readonly Identified[]> {
  if (host === undefined) throw new Error("no pty host");
  const bay = host.bay();
  await bay.plug();
  const stops: (() => void)[] = [];
  play(bay.socket.send, (listener) => stops.push(bay.socket.onReceived(listener)));
  try {
    return await identify((settings) => transportTo(bay.address, settings), {
      ...LISTEN,
      clock: host.patientClock(systemBridgeClock),
      signal: new AbortController().signal,
    });
  } finally {
    for (const stop of stops) stop();
    await bay.close();
  }
}

describe.runIf(hasPython)("serial identify on a pty", SIDE_BY_SIDE, () => {
  it.each(TALKERS)("hears %s: first is %s, and as well fit %j", async (key, first, alike) => {
    let sending: ReturnType<typeof setInterval> | undefined;
    const found = await identified((send) => {
      sending = setInterval(() => send(saidBy(key)), EVERY_MS);
    });
    clearInterval(sending);
    const [best] = found;
    expect(best?.protocol, JSON.stringify(found)).toBe(first);
    const fitting = [best?.protocol, ...(best?.alike ?? []).map(({ protocol }) => protocol)];
    expect(new Set(fitting)).toEqual(new Set([first, ...alike]));
    for (const other of alike) if (best !== undefined) expect(configStanza("/dev/x", best)).toContain(other);
  });

  it.each(ASKED)("asks a silent $key, and finds it", async ({ key, turns }) => {
    const found = await identified((send, onHeard) => {
      let heard = "";
      onHeard((bytes) => {
        heard += Buffer.from(bytes).toString("latin1");
        const turn = turns.find((candidate) => heard.endsWith(candidate.heard));
        if (turn === undefined) return;
        heard = "";
        send(bytesOf(turn.said));
      });
    });
    expect(found[0]?.protocol, JSON.stringify(found)).toBe(key);
  });

  it("takes the echo of its own question for no answer", async () => {
    const found = await identified((send, onHeard) => onHeard(send));
    expect(found).toEqual([]);
  });

  it("says of a digit order that it cannot know what either order would weigh", async () => {
    let sending: ReturnType<typeof setInterval> | undefined;
    const found = await identified((send) => {
      sending = setInterval(() => send(bytesOf("=000.3000")), EVERY_MS);
    });
    clearInterval(sending);
    const [best] = found;
    if (best === undefined) throw new Error("nothing found");
    const stanza = configStanza("/dev/ttyUSB0", best);
    expect(stanza).toMatch(/fits as well: yaohua-eq \{"digits":"\w+"\} [\d.]+ kg; compare with the display/);
  });
});
