import { describe, expect, it } from "vitest";
import type { DeviceState } from "../ports/device-state.ts";
import type { Thermometer, ThermometerReading } from "../ports/thermometer.ts";
import { dialectOf } from "../protocol/registry.ts";
import { OneWireSimulator, romOf, type SimulatedSensor } from "../simulators/onewire-simulator.ts";
import { ProbeSimulator } from "../simulators/probe-simulator.ts";
import { RelaySimulator, type RelayTrouble } from "../simulators/relay-simulator.ts";
import type { DeviceBay } from "../simulators/socket.ts";
import { tcpBay } from "../simulators/tcp-bay.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../transport/system-time.ts";
import { tcpTransport } from "../transport/tcp-transport.ts";
import { ListeningThermometer } from "./listening-thermometer.ts";
import { ModbusBus } from "./modbus-bus.ts";
import { ModbusRelay } from "./modbus-relay.ts";
import { type ModbusProbe, ModbusThermometer } from "./modbus-thermometer.ts";
import { OneWireThermometer } from "./onewire-thermometer.ts";

const TIME = { clock: systemBridgeClock, entropy: systemBridgeEntropy };
const signal = new AbortController().signal;
const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

function transportTo({ address }: DeviceBay) {
  const [host = "", port] = address.split(":");
  return tcpTransport({ host, port: Number(port) });
}

function readingOf(
  thermometer: Thermometer,
  matches: (reading: ThermometerReading) => boolean,
): Promise<ThermometerReading> {
  return new Promise((resolve) => {
    const stop = thermometer.onReading((reading) => {
      if (!matches(reading)) return;
      stop();
      resolve(reading);
    });
  });
}

function faultOf(device: Thermometer): Promise<string> {
  const codeOf = (state: DeviceState): string | null => (state.kind === "faulty" ? state.fault.code : null);
  return new Promise((resolve) => {
    const stop = device.onState((state) => {
      const code = codeOf(state);
      if (code === null) return;
      stop();
      resolve(code);
    });
  });
}

describe("a thermometer that talks", () => {
  async function listening(
    key: string,
    test: (thermometer: ListeningThermometer, bay: DeviceBay) => Promise<void>,
    options: { readonly pollEveryMs?: number; readonly silenceMsMax?: number } = {},
  ): Promise<void> {
    const bay = await tcpBay();
    const dialect = dialectOf(key);
    if (dialect === null) throw new Error(key);
    const thermometer = new ListeningThermometer({
      transport: transportTo(bay),
      dialect,
      ...TIME,
      probe: "door",
      ...options,
    });
    await bay.plug();
    const opened = new Promise<void>((resolve) => {
      const stop = thermometer.onState((state) => {
        if (state.kind !== "connecting") return;
        stop();
        resolve();
      });
    });
    thermometer.open({ signal });
    await opened;
    try {
      await test(thermometer, bay);
    } finally {
      await thermometer.close();
      await bay.close();
    }
  }

  it("tells surface, surroundings and body of an infrared head, which is asked", () =>
    listening(
      "ir-gy-mcu90614",
      async (thermometer, bay) => {
        bay.socket.onReceived((bytes) => {
          if (Buffer.from(bytes).toString("hex").includes("a515ba"))
            bay.socket.send(Uint8Array.from(Buffer.from("5a5a4507620e4209e20e600b", "hex")));
        });
        expect(await readingOf(thermometer, ({ fault }) => fault === null)).toMatchObject({
          probe: "door",
          celsius: "36.50",
          milliC: 36_500,
          bodyCelsius: "36.80",
          ambientCelsius: "25.30",
        });
      },
      { pollEveryMs: 20 },
    ));

  it("reads a text probe, and names its open sensor a fault", () =>
    listening("probe-text", async (thermometer, bay) => {
      const first = readingOf(thermometer, ({ celsius }) => celsius !== null);
      const second = readingOf(thermometer, ({ fault }) => fault !== null);
      const fault = faultOf(thermometer);
      // The socket exists a moment after the state says so, hence again and again.
      const talking = setInterval(() => bay.socket.send(latin1("-18.5\xb0C\r\n----\xb0C\r\n")), 5);
      expect(await first).toMatchObject({ milliC: -18_500 });
      expect(await second).toMatchObject({ milliC: null, fault: "sensor" });
      expect(await fault).toBe("probe-fault");
      clearInterval(talking);
    }));

  it.each([
    ["says nothing", "", "device-silent", "silent"],
    ["speaks otherwise", "ST,GS,  1.250 kg\r\n", "device-unreadable", "damaged"],
  ])("is faulty when it %s", (_what, text, code, fault) =>
    listening(
      "probe-text",
      async (thermometer, bay) => {
        const seen = faultOf(thermometer);
        const reading = readingOf(thermometer, () => true);
        const talking = setInterval(() => text !== "" && bay.socket.send(latin1(text)), 5);
        expect(await seen).toBe(code);
        expect(await reading).toMatchObject({ celsius: null, fault });
        clearInterval(talking);
      },
      { silenceMsMax: text === "" ? 80 : 1000 },
    ),
  );
});

describe("1-Wire sensors behind a DS2480B", () => {
  const sensor = (serial: string, count: number, trouble?: SimulatedSensor["trouble"]): SimulatedSensor => ({
    rom: romOf(serial),
    count,
    ...(trouble === undefined ? {} : { trouble }),
  });
  // E3 leaves the data mode unless it is sent twice, and here it is in the ROM codes and in a temperature.
  const FRIDGE = sensor("E3E300000001", 4 * 16 + 3);
  const FREEZER = sensor("E3E300000002", -18 * 16);
  const ROOM = sensor("01020304E305", 0x01e3);

  async function onWire(
    sensors: SimulatedSensor[],
    trouble: "none" | "short" | "empty" | "silence",
    test: (thermometer: OneWireThermometer, readings: ThermometerReading[]) => Promise<void>,
  ): Promise<void> {
    const bay = await tcpBay();
    const simulator = new OneWireSimulator({ socket: bay.socket, sensors, trouble });
    const thermometer = new OneWireThermometer({
      transport: transportTo(bay),
      ...TIME,
      probes: [{ name: "fridge", rom: FRIDGE.rom }],
      pollEveryMs: 20,
    });
    const readings: ThermometerReading[] = [];
    thermometer.onReading((reading) => readings.push(reading));
    await bay.plug();
    thermometer.open({ signal });
    try {
      await test(thermometer, readings);
    } finally {
      await thermometer.close();
      simulator.stop();
      await bay.close();
    }
  }

  it("are all found, and read by name or by their code", () =>
    onWire([FRIDGE, FREEZER, ROOM], "none", async (thermometer, readings) => {
      await readingOf(thermometer, ({ probe }) => probe === ROOM.rom);
      await readingOf(thermometer, ({ probe }) => probe === FREEZER.rom);
      const celsius = new Map(readings.map((reading) => [reading.probe, reading.celsius]));
      expect(celsius.get("fridge")).toBe("4.1875");
      expect(celsius.get(FREEZER.rom)).toBe("-18.0000");
      expect(celsius.get(ROOM.rom)).toBe("30.1875");
    }));

  it.each([
    ["power-on", "power-on"],
    ["bad-crc", "damaged"],
    ["gone-after-search", "silent"],
  ] as const)("give no temperature with: %s", (trouble, fault) =>
    onWire([sensor("E3E300000001", 64, trouble)], "none", async (thermometer) => {
      expect(await readingOf(thermometer, ({ probe }) => probe === "fridge")).toMatchObject({
        celsius: null,
        milliC: null,
        fault,
      });
    }),
  );

  it.each([
    ["short", "bus-short", "short"],
    ["empty", "bus-empty", "silent"],
    ["silence", "device-silent", "silent"],
  ] as const)("name a line that is bad: %s", (trouble, code, fault) =>
    onWire([FRIDGE], trouble, async (thermometer) => {
      const reading = readingOf(thermometer, () => true);
      expect(await faultOf(thermometer)).toBe(code);
      expect(await reading).toMatchObject({ probe: "fridge", celsius: null, fault });
    }),
  );
});

describe("a Modbus line that several devices share", () => {
  const probe = (name: string, unit: number): ModbusProbe => ({
    name,
    unit,
    functionCode: 3,
    address: 0,
    quantity: 1,
    registers: { fields: [{ name: "temperature", scale: "0.1" }] },
  });

  async function onBus(
    trouble: RelayTrouble,
    test: (parts: {
      readonly relay: ModbusRelay;
      readonly thermometer: ModbusThermometer;
      readonly module: RelaySimulator;
      readonly isLive: Promise<void>;
    }) => Promise<void>,
  ): Promise<void> {
    const bay = await tcpBay();
    const probes = [1, 2, 3].map(
      (unit) =>
        new ProbeSimulator({
          socket: bay.socket,
          clock: systemBridgeClock,
          unit,
          registers: [10 * unit],
          trouble: unit === 2 ? "silence" : "none",
        }),
    );
    const module = new RelaySimulator({ socket: bay.socket, unit: 9, trouble });
    const bus = new ModbusBus({ transport: transportTo(bay), ...TIME, replyWaitMsMax: 400 });
    const thermometer = new ModbusThermometer({
      bus,
      probes: [probe("one", 1), probe("two", 2), probe("three", 3)],
      clock: systemBridgeClock,
      pollEveryMs: 10,
    });
    const relay = new ModbusRelay({ bus, channels: [{ name: "buzzer", unit: 9, coil: 3 }] });
    await bay.plug();
    const isLive = new Promise<void>((resolve) => {
      const stop = relay.onState((state) => {
        if (state.kind !== "live") return;
        stop();
        resolve();
      });
    });
    thermometer.open({ signal });
    relay.open({ signal });
    try {
      await test({ relay, thermometer, module, isLive });
    } finally {
      await relay.close();
      await thermometer.close();
      for (const simulator of [...probes, module]) simulator.stop();
      await bay.close();
    }
  }

  it("reads all probes, of which one is silent, and switches the relay in between", () =>
    onBus("none", async ({ relay, thermometer, module, isLive }) => {
      const [one, two, three] = ["one", "two", "three"].map((name) =>
        readingOf(thermometer, (reading) => reading.probe === name),
      );
      await isLive;
      expect(await relay.set("buzzer", true)).toEqual({ kind: "done" });
      expect(module.coils.get(3)).toBe(true);
      expect(await relay.set("buzzer", false)).toEqual({ kind: "done" });
      expect(module.coils.get(3)).toBe(false);
      expect(await one).toMatchObject({ celsius: "1.0" });
      expect(await two).toMatchObject({ celsius: null, fault: "silent" });
      expect(await three).toMatchObject({ celsius: "3.0" });
    }));

  it("takes a module that knows no reading at its word", () =>
    onBus("no-reading", async ({ relay, isLive }) => {
      await isLive;
      expect(await relay.set("buzzer", true)).toEqual({ kind: "done" });
    }));

  it.each([
    ["silence", "device-silent"],
    ["stuck", "relay-stuck"],
    ["echo-only", "device-silent"],
  ] as const)("never counts an alarm as given that is not: %s", (trouble, code) =>
    onBus(trouble, async ({ relay, isLive }) => {
      await isLive;
      expect(await relay.set("buzzer", true)).toMatchObject({ kind: "failed", fault: { code } });
    }),
  );

  it("refuses to switch what it does not know, and while the line is away", () =>
    onBus("none", async ({ relay, isLive }) => {
      await isLive;
      expect(await relay.set("siren", true)).toEqual({ kind: "refused", reason: "unknown-channel" });
      const waiting = relay.set("buzzer", true);
      await relay.close();
      await waiting;
    }));
});
