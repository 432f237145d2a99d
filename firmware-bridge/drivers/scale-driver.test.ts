import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasTool } from "../../test/require-tool.ts";
import { isTareOn, type Scale, type ScaleReading, type ScaleState } from "../ports/scale.ts";
import { DIALECTS, dialectOf } from "../protocol/registry.ts";
import { PtyHost } from "../simulators/pty-bay.ts";
import {
  MT_SICS_VOICE,
  type PanSample,
  ScaleSimulator,
  type ScaleTrouble,
  type ScaleVoice,
  ST_GS_VOICE,
  YAOHUA_VOICE,
} from "../simulators/scale-simulator.ts";
import type { DeviceBay } from "../simulators/socket.ts";
import { tcpBay } from "../simulators/tcp-bay.ts";
import { serialTransport } from "../transport/serial-transport.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../transport/system-time.ts";
import { tcpTransport } from "../transport/tcp-transport.ts";
import { exactGrams, resolutionOf } from "./grams.ts";
import { ScaleDriver, type ScaleDriverOptions } from "./scale-driver.ts";
import { StabilityWindow } from "./stability.ts";

const hasPython = hasTool("python3");
let host: PtyHost | undefined;
beforeAll(async () => {
  if (hasPython) host = await PtyHost.start();
});
afterAll(() => host?.stop());

const lines = [
  {
    line: "TCP",
    make: tcpBay,
    transportTo: ({ address }: DeviceBay) =>
      tcpTransport({ host: address.split(":")[0] ?? "", port: Number(address.split(":")[1]) }),
  },
  {
    line: "a pty",
    make: async (): Promise<DeviceBay> => {
      if (host === undefined) throw new Error("no pty host");
      return host.bay();
    },
    transportTo: ({ address }: DeviceBay) =>
      serialTransport({
        address: { kind: "path", path: address },
        settings: { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 },
        hangupCheckMs: 20,
      }),
  },
].filter(({ line }) => hasPython || line !== "a pty");

interface Stage {
  readonly scale: Scale;
  readonly simulator: ScaleSimulator;
  readonly bay: DeviceBay;
  reading(matches: (reading: ScaleReading) => boolean): Promise<ScaleReading>;
  state(matches: (state: ScaleState) => boolean): Promise<ScaleState>;
}

const SETTLED: readonly PanSample[] = [
  { grams: 900, stable: false },
  { grams: 1180, stable: false },
  { grams: 1250, stable: true },
];

async function onStage(
  { make, transportTo }: (typeof lines)[number],
  cast: {
    readonly key: string;
    readonly voice: ScaleVoice;
    readonly trouble?: ScaleTrouble;
    readonly script?: readonly PanSample[];
    readonly options?: Partial<ScaleDriverOptions>;
  },
  test: (stage: Stage) => Promise<void>,
): Promise<void> {
  const bay = await make();
  const simulator = new ScaleSimulator({
    socket: bay.socket,
    clock: systemBridgeClock,
    voice: cast.voice,
    trouble: cast.trouble ?? "none",
    script: cast.script ?? SETTLED,
    everyMs: 20,
  });
  const dialect = dialectOf(cast.key);
  if (dialect === null) throw new Error(`no dialect ${cast.key}`);
  const scale = new ScaleDriver({
    transport: transportTo(bay),
    dialect,
    clock: systemBridgeClock,
    entropy: systemBridgeEntropy,
    stability: { readingsMin: 3, spanMsMin: 30, gapMsMax: 2000, toleranceSteps: 0 },
    silenceMsMax: 300,
    ...cast.options,
  });
  await bay.plug();
  scale.open({ signal: new AbortController().signal });
  try {
    await test({
      scale,
      simulator,
      bay,
      reading: (matches) =>
        new Promise((resolve) => {
          const stop = scale.onReading((reading) => {
            if (!matches(reading)) return;
            stop();
            resolve(reading);
          });
        }),
      state: (matches) =>
        new Promise((resolve) => {
          const stop = scale.onState((state) => {
            if (!matches(state)) return;
            stop();
            resolve(state);
          });
          if (!matches(scale.state())) return;
          stop();
          resolve(scale.state());
        }),
    });
  } finally {
    await scale.close();
    simulator.stop();
    await bay.close();
  }
}

const faultCode = (state: ScaleState): string | undefined =>
  "fault" in state ? state.fault.code : undefined;

describe.each(lines)("a scale over $line", (line) => {
  it.each([
    ["stgs-text", ST_GS_VOICE, "wire"],
    ["mt-sics", MT_SICS_VOICE, "wire"],
    ["yaohua-tf0", YAOHUA_VOICE, "software"],
  ] as const)("settles in %s, in grams and with its resolution", (key, voice, stableFrom) =>
    onStage(line, { key, voice }, async ({ reading, scale }) => {
      const first = await reading((candidate) => candidate.stable);
      expect(first).toMatchObject({
        value: "1.250",
        unit: "kg",
        grams: 1250,
        resolution: "0.001",
        stableFrom,
      });
      expect(first.raw.length).toBeGreaterThan(5);
      // MT-SICS calls every weight net, so that is no sign of a tare.
      expect(isTareOn(first)).toBe(false);
      expect(scale.state()).toEqual({ kind: "live" });
    }),
  );

  it("comes back after a replug, and what it saw before no longer counts as stable", () =>
    onStage(line, { key: "yaohua-tf0", voice: YAOHUA_VOICE }, async ({ reading, state, bay }) => {
      await reading((candidate) => candidate.stable);
      await bay.unplug();
      expect(faultCode(await state((candidate) => candidate.kind === "lost"))).toMatch(/^port-/);
      const first = reading(() => true);
      await bay.plug();
      expect((await first).stable).toBe(false);
    }));
});

describe("a scale in trouble", () => {
  const [line] = lines;
  if (line === undefined) throw new Error("no line");

  it.each([
    ["overload", { overload: true, value: null, grams: null }],
    ["negative", { value: "-1.250", grams: -1250 }],
    ["motion", { stable: false }],
    ["garbage", { value: "1.250", stable: true }],
    ["unit-switch", { unit: "g", grams: 1250 }],
    ["stuck", { value: "0.900", stable: false }],
  ] as const)("says %s", (trouble, expected) =>
    onStage(line, { key: "stgs-text", voice: ST_GS_VOICE, trouble }, async ({ reading }) => {
      const wanted = Object.entries(expected);
      const found = await reading((candidate) => {
        const parts = new Map<string, unknown>(Object.entries(candidate));
        return wanted.every(([key, value]) => parts.get(key) === value);
      });
      expect(found).toMatchObject(expected);
    }),
  );

  it.each([
    ["silence", "device-silent"],
    ["half-frames", "device-unreadable"],
    ["parity-look", "device-unreadable"],
  ] as const)("blames %s on what it is, with a hint for the counter", (trouble, code) =>
    onStage(line, { key: "stgs-text", voice: ST_GS_VOICE, trouble }, async ({ state }) => {
      const faulty = await state((candidate) => faultCode(candidate) === code);
      expect(faulty).toMatchObject({
        kind: "faulty",
        fault: { code, hint: { zh: expect.any(String), en: expect.any(String) } },
      });
    }),
  );

  it("takes no drifting weight for a stable one", () =>
    onStage(
      line,
      { key: "yaohua-tf0", voice: YAOHUA_VOICE, trouble: "drift" },
      async ({ scale, reading }) => {
        let stable = 0;
        scale.onReading((candidate) => {
          if (candidate.stable) stable += 1;
        });
        await reading((candidate) => (candidate.grams ?? 0) >= 1270);
        expect(stable).toBe(0);
      },
    ));

  it("gives no value above the capacity that the site has set", () =>
    onStage(
      line,
      { key: "yaohua-tf0", voice: YAOHUA_VOICE, options: { capacityG: 1000 } },
      async ({ reading }) => {
        expect(await reading((candidate) => candidate.overload)).toMatchObject({
          value: null,
          grams: null,
          stable: false,
        });
      },
    ));
});

describe("a command to a scale", () => {
  const [line] = lines;
  if (line === undefined) throw new Error("no line");
  const cast = { key: "mt-sics", voice: MT_SICS_VOICE };

  it("is done when the scale confirms, and refused when the scale refuses", () =>
    onStage(line, cast, async ({ scale, state, simulator }) => {
      await state((candidate) => candidate.kind === "live");
      expect(await scale.command("tare")).toEqual({ kind: "done" });
      expect(await scale.command("zero")).toEqual({ kind: "done" });
      expect(await scale.command("clear-tare")).toEqual({
        kind: "refused",
        reason: "by-the-scale",
        code: "not-executable",
      });
      expect(simulator.commands).toEqual(["T\r\n", "Z\r\n", "TAC\r\n"]);
    }));

  it("is refused while the scale is away, while another runs, and where the dialect has none", () =>
    onStage(line, cast, async ({ scale, state, bay }) => {
      await state((candidate) => candidate.kind === "live");
      const [first, second] = await Promise.all([scale.command("tare"), scale.command("zero")]);
      expect([first, second]).toEqual([{ kind: "done" }, { kind: "refused", reason: "busy" }]);
      expect(await scale.command("print")).toEqual({ kind: "refused", reason: "unsupported" });
      await bay.unplug();
      await state((candidate) => candidate.kind === "lost");
      expect(await scale.command("tare")).toEqual({ kind: "refused", reason: "not-open" });
    }));
});

describe("stability in software", () => {
  const rule = { readingsMin: 3, spanMsMin: 100, gapMsMax: 500, toleranceSteps: 1 };
  const seen = (...samples: readonly (readonly [value: string, monoMs: number])[]): boolean[] => {
    const window = new StabilityWindow(rule);
    return samples.map(([value, monoMs]) => window.observe(value, monoMs));
  };

  it("needs enough readings over enough time", () => {
    expect(seen(["1.00", 0], ["1.00", 60], ["1.00", 120])).toEqual([false, false, true]);
    expect(seen(["1.00", 0], ["1.00", 1], ["1.00", 2])).toEqual([false, false, false]);
  });

  it("begins anew at a jump, at a hole and at another resolution", () => {
    expect(seen(["1.00", 0], ["1.00", 60], ["1.02", 120]).at(-1)).toBe(false);
    expect(seen(["1.00", 0], ["1.00", 60], ["1.00", 700]).at(-1)).toBe(false);
    expect(seen(["1.00", 0], ["1.00", 60], ["1.000", 120]).at(-1)).toBe(false);
  });

  it("lets readings differ by the tolerance, and not creep away step by step", () => {
    expect(seen(["1.00", 0], ["1.01", 60], ["1.00", 120]).at(-1)).toBe(true);
    expect(seen(["1.00", 0], ["1.01", 60], ["1.02", 120]).at(-1)).toBe(false);
    expect(seen(["-0.01", 0], ["0.00", 60], ["0.00", 120]).at(-1)).toBe(true);
  });
});

describe("grams of a decimal string", () => {
  it.each([
    ["1.250", "kg", 1250],
    ["-0.5", "kg", -500],
    ["12.5", "g", null],
    ["12.0", "g", 12],
    ["1.5", "jin", 750],
    ["0.0005", "kg", null],
    ["1", "lb", null],
    ["-0.0", "kg", 0],
  ] as const)("%s %s is %s", (value, unit, grams) => {
    expect(exactGrams(value, unit)).toBe(grams);
  });

  it("keeps the resolution of the last place", () => {
    expect([resolutionOf("12.340"), resolutionOf("5"), resolutionOf("-0.5")]).toEqual(["0.001", "1", "0.1"]);
  });
});

describe("a scale that is asked by a handshake", () => {
  it("is sent DC1 when it has acknowledged ENQ, and never before", async () => {
    const bay = await tcpBay();
    const heard: number[] = [];
    let isReady = false;
    bay.socket.onReceived((bytes) => {
      for (const byte of bytes) {
        heard.push(byte);
        if (byte === 0x05 && isReady) bay.socket.send(Uint8Array.of(0x06));
        if (byte === 0x05 && heard.length > 2) isReady = true;
        if (byte === 0x11)
          bay.socket.send(Uint8Array.from(Buffer.from("0102532030302e3438386b67650304", "hex")));
      }
    });
    const dialect = dialectOf("soh-stx-bcc");
    if (dialect === null) throw new Error("no dialect");
    const [host = "", port] = bay.address.split(":");
    const scale = new ScaleDriver({
      transport: tcpTransport({ host, port: Number(port) }),
      dialect,
      clock: systemBridgeClock,
      entropy: systemBridgeEntropy,
      pollEveryMs: 30,
    });
    await bay.plug();
    const first = new Promise<ScaleReading>((resolve) => scale.onReading(resolve));
    scale.open({ signal: new AbortController().signal });
    expect(await first).toMatchObject({
      value: "0.488",
      unit: "kg",
      grams: 488,
      stable: true,
      deviceTime: null,
    });
    expect(heard.indexOf(0x11)).toBeGreaterThan(2);
    expect(heard.slice(0, heard.indexOf(0x11)).every((byte) => byte === 0x05)).toBe(true);
    await scale.close();
    await bay.close();
  });
});

describe("the scale's own clock", () => {
  const JIK =
    "^KJIK000\r\n2023-11-07\r\n17:19:26\r\n  0.00 kg\r\n  1.94 kg\r\n0\r\n0\r\n  1.94 kg\r\n  1.94 kg\r\n~P1\r\n";
  const label = (when: string): string =>
    `DATE & TIME ${when}\rSCALE NO 1\rSTATUS \x83*\rGROSS WEIGHT  1138.0kg\rNET WEIGHT      21.5kg\rTARE          1116.5kg\r`;

  it.each([
    ["block-print", JIK, "2023-11-07T17:19:26"],
    ["block-print", JIK.replace("2023-11-07", "07/11/23"), null],
    ["block-print", label("JAN. 14,2024  06:28AM"), "2024-01-14T06:28"],
    ["block-print", label("DEC. 1,2023  12:05AM"), "2023-12-01T00:05"],
    ["block-print", label("DEC. 31,2023  12:05PM"), "2023-12-31T12:05"],
    ["block-print", label("FOO. 31,2023  12:05PM"), null],
  ] as const)(
    "of %s is told with the reading, and is null where it is not understood",
    async (key, said, deviceTime) => {
      const bay = await tcpBay();
      const dialect = dialectOf(key);
      if (dialect === null) throw new Error("no dialect");
      const [host = "", port] = bay.address.split(":");
      const scale = new ScaleDriver({
        transport: tcpTransport({ host, port: Number(port) }),
        dialect,
        clock: systemBridgeClock,
        entropy: systemBridgeEntropy,
        silenceMsMax: null,
      });
      await bay.plug();
      const first = new Promise<ScaleReading>((resolve) => scale.onReading(resolve));
      // The gateway may see the connection later than the driver: it prints until it was heard.
      const printing = setInterval(() => bay.socket.send(Uint8Array.from(Buffer.from(said, "latin1"))), 20);
      scale.open({ signal: new AbortController().signal });
      expect((await first).deviceTime).toBe(deviceTime);
      clearInterval(printing);
      await scale.close();
      await bay.close();
    },
  );

  it("is in the frames of no other scale", () => {
    const others = DIALECTS.filter(({ device, key }) => device === "scale" && key !== "block-print");
    for (const { key } of others) {
      const golden = readFileSync(new URL(`../protocol/${key}/golden.jsonl`, import.meta.url), "utf8");
      expect(golden, key).not.toContain("deviceTime");
    }
  });
});
