import { describe, expect, it } from "vitest";
import type { BridgeDevice, DeviceState } from "../ports/device-state.ts";
import type { ThermometerReading } from "../ports/thermometer.ts";
import { dialectOf } from "../protocol/registry.ts";
import { ProbeSimulator, type ProbeTrouble } from "../simulators/probe-simulator.ts";
import type { DeviceBay } from "../simulators/socket.ts";
import { tcpBay } from "../simulators/tcp-bay.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../transport/system-time.ts";
import { tcpTransport } from "../transport/tcp-transport.ts";
import { CardReaderDriver } from "./card-reader-driver.ts";
import { ModbusBus } from "./modbus-bus.ts";
import { type ModbusProbe, ModbusThermometer } from "./modbus-thermometer.ts";
import { RepeatFilter } from "./repeat-filter.ts";
import { ScannerDriver } from "./scanner-driver.ts";

const TIME = { clock: systemBridgeClock, entropy: systemBridgeEntropy };
const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));

function transportTo({ address }: DeviceBay) {
  const [host = "", port] = address.split(":");
  return tcpTransport({ host, port: Number(port) });
}

function dialect(key: string) {
  const found = dialectOf(key);
  if (found === null) throw new Error(`no dialect ${key}`);
  return found;
}

function stateOf(device: BridgeDevice, matches: (state: DeviceState) => boolean): Promise<DeviceState> {
  return new Promise((resolve) => {
    const stop = device.onState((state) => {
      if (!matches(state)) return;
      stop();
      resolve(state);
    });
    if (!matches(device.state())) return;
    stop();
    resolve(device.state());
  });
}

const PROBES: readonly ModbusProbe[] = [
  {
    name: "fridge",
    unit: 1,
    functionCode: 3,
    address: 0,
    quantity: 2,
    registers: {
      fields: [
        { name: "humidity", scale: "0.1" },
        { name: "temperature", scale: "0.1" },
      ],
    },
  },
];

async function withProbe(
  trouble: ProbeTrouble,
  probes: readonly ModbusProbe[],
  test: (first: Promise<ThermometerReading>, thermometer: ModbusThermometer) => Promise<void>,
): Promise<void> {
  const bay = await tcpBay();
  const simulator = new ProbeSimulator({
    socket: bay.socket,
    clock: systemBridgeClock,
    unit: 1,
    registers: [0x0292, 0xff9b],
    trouble,
  });
  const thermometer = new ModbusThermometer({
    bus: new ModbusBus({ transport: transportTo(bay), ...TIME }),
    probes,
    clock: systemBridgeClock,
    pollEveryMs: 50,
    // Who answers does so at once, but a busy machine may look elsewhere for a while.
    replyWaitMsMax: trouble === "silence" ? 200 : 1000,
  });
  const first = new Promise<ThermometerReading>((resolve) => thermometer.onReading(resolve));
  await bay.plug();
  thermometer.open({ signal: new AbortController().signal });
  try {
    await test(first, thermometer);
  } finally {
    await thermometer.close();
    simulator.stop();
    await bay.close();
  }
}

describe("a Modbus thermometer", () => {
  it.each(["none", "slow-reply", "greeting", "echo"] as const)("reads its probe in spite of: %s", (trouble) =>
    withProbe(trouble, PROBES, async (first) => {
      expect(await first).toMatchObject({
        probe: "fridge",
        celsius: "-10.1",
        milliC: -10100,
        humidityPercent: "65.8",
        fault: null,
      });
    }),
  );

  it.each([
    ["silence", "silent"],
    ["probe-fault", "sensor"],
    ["exception", "exception"],
    ["bad-crc", "damaged"],
    ["wrong-length", "unfitting"],
    ["duplicate-address", "silent"],
  ] as const)("gives no temperature with: %s", (trouble, fault) =>
    withProbe(trouble, PROBES, async (first) => {
      const reading = await first;
      expect(reading).toMatchObject({ celsius: null, milliC: null });
      expect([fault, "damaged"]).toContain(reading.fault);
    }),
  );

  it("calls a value outside of the probe's window implausible", () =>
    withProbe(
      "none",
      PROBES.map((probe) => ({ ...probe, plausibleMilliC: { min: 0, max: 10_000 } })),
      async (first) => {
        expect(await first).toMatchObject({ celsius: null, fault: "implausible" });
      },
    ));

  it("asks the other probes too when one is silent, and is live as long as one answers", () =>
    withProbe(
      "none",
      [{ ...PROBES[0], name: "gone", unit: 9 } as ModbusProbe, ...PROBES],
      async (first, thermometer) => {
        const second = new Promise<ThermometerReading>((resolve) => {
          thermometer.onReading((reading) => reading.probe === "fridge" && resolve(reading));
        });
        expect(await first).toMatchObject({ probe: "gone", fault: "silent" });
        expect(await second).toMatchObject({ celsius: "-10.1" });
        await stateOf(thermometer, (state) => state.kind === "live");
      },
    ));

  it("is faulty when no probe answers at all", () =>
    withProbe("silence", PROBES, async (_first, thermometer) => {
      expect(await stateOf(thermometer, (state) => state.kind === "faulty")).toMatchObject({
        fault: { code: "device-silent" },
      });
    }));
});

describe("a scanner", () => {
  /** Scans and refusals in the order in which they were told. */
  async function scansOf(key: string, ...sent: readonly string[]): Promise<unknown[]> {
    const bay = await tcpBay();
    const scanner = new ScannerDriver({
      transport: transportTo(bay),
      dialect: dialect(key),
      ...TIME,
      codeEndMs: 30,
    });
    const scans: unknown[] = [];
    await bay.plug();
    scanner.open({ signal: new AbortController().signal });
    await stateOf(scanner, (state) => state.kind === "live");
    scanner.onRefused(({ reason }) => scans.push({ refused: reason }));
    const done = new Promise<void>((resolve) => {
      scanner.onScan((scan) => (scan.text === "END" ? resolve() : scans.push(scan)));
    });
    await bay.joined?.();
    for (const code of [...sent, "END\r\n"]) bay.socket.send(text(code));
    await done;
    await scanner.close();
    await bay.close();
    return scans;
  }

  it("tells a code once, though the scanner repeats it, and keeps leading zeros", async () => {
    expect(await scansOf("scanner-serial", "0690123\r\n", "0690123\r\n")).toMatchObject([
      { text: "0690123", symbology: null, ais: null },
    ]);
  });

  it("reads AIM identifiers and GS1 elements, and tells a code with a wrong check digit once, as refused", async () => {
    expect(
      await scansOf(
        "scanner-serial",
        "]E06901234567893\r\n",
        "]E06901234567893\r\n",
        "]C1010690123456789117261231\r\n",
        "]C1010690123456789217261231\r\n",
        "]E06901234567892\r\n",
      ),
    ).toMatchObject([
      { refused: "check-digit" },
      { refused: "check-digit" },
      {
        symbology: "gs1-128",
        ais: [
          ["01", "06901234567892"],
          ["17", "261231"],
        ],
      },
      { symbology: "ean13", text: "6901234567892" },
    ]);
  });

  it("ends a code without a suffix by its silence", async () => {
    const bay = await tcpBay();
    const scanner = new ScannerDriver({
      transport: transportTo(bay),
      dialect: dialect("scanner-serial"),
      ...TIME,
      codeEndMs: 30,
    });
    await bay.plug();
    scanner.open({ signal: new AbortController().signal });
    await stateOf(scanner, (state) => state.kind === "live");
    await bay.joined?.();
    const scan = new Promise((resolve) => scanner.onScan(resolve));
    bay.socket.send(text("6901"));
    expect(await scan).toMatchObject({ text: "6901" });
    await scanner.close();
    await bay.close();
  });
});

describe("a card reader", () => {
  it("tells a card once while it lies there, and asks a module that only answers", async () => {
    const bay = await tcpBay();
    const reader = new CardReaderDriver({
      transport: transportTo(bay),
      dialect: dialect("rfid-abba"),
      ...TIME,
      pollEveryMs: 10,
    });
    const cards: string[] = [];
    let asked = 0;
    const answeredOften = new Promise<void>((resolve) => {
      bay.socket.onReceived(() => {
        asked += 1;
        bay.socket.send(Uint8Array.from(Buffer.from("cddc00810426defae760", "hex")));
        if (asked === 5) resolve();
      });
    });
    const first = new Promise<void>((resolve) => {
      reader.onCard((card) => {
        cards.push(card.uid);
        resolve();
      });
    });
    await bay.plug();
    reader.open({ signal: new AbortController().signal });
    await answeredOften;
    await first;
    expect(cards).toEqual(["26DEFAE7"]);
    await reader.close();
    await bay.close();
  });

  it("takes the same card again after a pause, and another at once", () => {
    const filter = new RepeatFilter(1000);
    const seen = (
      [
        ["A", 0],
        ["A", 900],
        ["A", 1800],
        ["A", 2800],
        ["B", 2810],
      ] as const
    ).map(([uid, monoMs]) => filter.isNew(uid, monoMs));
    expect(seen).toEqual([true, false, false, true, true]);
  });
});
