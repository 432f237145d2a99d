import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { DEMO_CABINET_UNITS, demoConfig } from "../../device/config/demo-config.ts";
import type { Config } from "../../device/config/schema.ts";
import { journalFixture, temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { systemEntropy } from "../../device/platform/entropy.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { alarmProjection } from "../../device/sample-cabinet/alarm-projection.ts";
import type { CabinetView } from "../../device/sample-cabinet/cabinet-port.ts";
import type { CabinetsControl } from "../../device/sample-cabinet/cabinets.ts";
import { Watch } from "../../device/sync/testing/watch.ts";
import { createTerminalCabinets } from "../../device/terminal-cabinets.ts";
import { createTerminalDevices } from "../../device/terminal-devices.ts";
import { CabinetSimulator } from "../../firmware-bridge/simulators/cabinet-simulator.ts";
import { ProbeSimulator } from "../../firmware-bridge/simulators/probe-simulator.ts";
import { PtyHost } from "../../firmware-bridge/simulators/pty-bay.ts";
import type { DeviceBay } from "../../firmware-bridge/simulators/socket.ts";
import { systemBridgeClock } from "../../firmware-bridge/transport/system-time.ts";
import { hasTool } from "../require-tool.ts";

/** The cabinet over real ptys: bytes of simulated Modbus slaves, real drivers, a real journal. */

const CABINET = "cabinet-1";
/** Where the line is not what is tried: a busy machine may answer nothing for a second. */
const LINE_LOST_MS = 60_000;
const SIGNATURE = { operatorId: "zhou", displayName: "周师傅", by: "pin" } as const;

/** The demo's cabinet with delays of a fraction of a second. */
function configFor(port: string, folder: string, lineLostMs: number): Config {
  const config = demoConfig({
    dataFolder: folder,
    cameraFolder: null,
    mqttUrl: "mqtt://127.0.0.1:1",
    cabinetPort: port,
  });
  const quick = (alarms: Config["cabinets"][number]["alarms"]): typeof alarms => ({
    ...alarms,
    high: { ...alarms.high, delayMs: 200 },
    doorOpen: { ...alarms.doorOpen, delayMs: 200 },
    // Longer than a round in which everybody is silent: then it is the line, not the probes.
    probeFault: { ...alarms.probeFault, delayMs: 4200 },
    lineLost: { ...alarms.lineLost, delayMs: lineLostMs },
  });
  return {
    ...config,
    devices: config.devices.map((device) =>
      device.kind === "modbus-bus" ? { ...device, pollEveryMs: 50, replyWaitMsMax: 250 } : device,
    ),
    cabinets: config.cabinets.map((cabinet) => ({ ...cabinet, alarms: quick(cabinet.alarms) })),
  };
}

interface Rig {
  readonly cabinets: CabinetsControl;
  readonly kinds: () => readonly string[];
  until(condition: (view: CabinetView) => boolean): Promise<void>;
}

function startRig(bay: DeviceBay, { lineLostMs = LINE_LOST_MS } = {}): Rig {
  const folder = temporaryFolder();
  const config = configFor(bay.address, folder, lineLostMs);
  const kept = journalFixture({ projections: [alarmProjection], folder });
  const world = { clock: new SystemClock(), entropy: systemEntropy, logger: silentLogger };
  const devices = createTerminalDevices(config.devices, world);
  const operators = { list: () => [{ ...SIGNATURE, role: "keeper" as const }] };
  const cabinets = createTerminalCabinets(config, { ...kept, operators }, devices, world);
  const watch = new Watch();
  cabinets.onChanged(watch.changed);
  onTestFinished(async () => {
    await cabinets.close();
    await devices.close();
  });
  devices.open();
  return {
    cabinets,
    kinds: () => kept.journal.readAfter(0, { countMax: 1000, bytesMax: 1_000_000 }).map(({ kind }) => kind),
    until: (condition) =>
      watch.until(() => {
        const view = cabinets.view(CABINET);
        return view !== undefined && condition(view);
      }),
  };
}

const stateOf = (view: CabinetView, type: string): string =>
  view.alarms.find((alarm) => alarm.type === type)?.state ?? "normal";

describe.skipIf(!hasTool("python3"))("a cabinet on a real pty", () => {
  let host: PtyHost;
  beforeAll(async () => {
    host = await PtyHost.start();
  });
  afterAll(() => host.stop());

  async function simulated(): Promise<{ readonly bay: DeviceBay; readonly cabinet: CabinetSimulator }> {
    const bay = host.bay();
    await bay.plug();
    const cabinet = new CabinetSimulator({
      socket: bay.socket,
      clock: new SystemClock(),
      probeUnits: DEMO_CABINET_UNITS.probes,
      moduleUnit: DEMO_CABINET_UNITS.module,
    });
    onTestFinished(async () => {
      cabinet.stop();
      await bay.close();
    });
    return { bay, cabinet };
  }

  it("alarms about door, probe and line, buzzes, and is acknowledged; the other probe goes on", async () => {
    const { bay, cabinet } = await simulated();
    const { cabinets, until, kinds } = startRig(bay);
    await until(
      ({ probes, door }) => probes.every(({ milliC }) => milliC === 4000) && door?.isOpen === false,
    );
    cabinet.set({ isDoorOpen: true });
    await until((view) => stateOf(view, "door-open") === "unacknowledged" && view.relay?.kind === "on");
    expect(cabinet.isBuzzing).toBe(true);
    const [alarm] = cabinets.view(CABINET)?.alarms ?? [];
    expect(alarm?.facts).toEqual({ isInferred: false });
    const action = { code: "door-closed", text: null } as const;
    expect(cabinets.acknowledge({ alarmId: alarm?.alarmId ?? "", signature: SIGNATURE, action })).toEqual({
      kind: "done",
    });
    await until((view) => view.relay?.kind === "off");
    expect(cabinet.isBuzzing).toBe(false);
    cabinet.set({ isDoorOpen: false });
    await until((view) => stateOf(view, "door-open") === "normal");

    cabinet.set({ unpluggedUnits: [2] });
    await until((view) => stateOf(view, "probe-fault") === "unacknowledged");
    await until(
      ({ probes: [air, food] }) =>
        food?.fault === "silent" && air?.milliC !== null && (air?.ageMs ?? 9999) < 1000,
    );
    cabinet.set({ unpluggedUnits: [] });
    await until(({ probes }) => probes.every(({ milliC }) => milliC !== null));
    expect(kinds()).toEqual(["alarm.raised", "alarm.acknowledged", "alarm.cleared", "alarm.raised"]);
  });

  it("calls a short of the bus one lost line, not a fault of each probe", async () => {
    const { bay, cabinet } = await simulated();
    const { until, cabinets } = startRig(bay, { lineLostMs: 200 });
    await until(({ probes }) => probes.every(({ milliC }) => milliC !== null));
    cabinet.stop();
    await until((view) => stateOf(view, "line-lost") === "unacknowledged");
    await until(({ probes }) => probes.every(({ fault }) => fault === "line-lost"));
    expect(cabinets.view(CABINET)?.alarms.map(({ type }) => type)).toEqual(["line-lost"]);
    // The buzzer hangs on the same line: said, not waited for.
    await until(({ relay }) => relay?.kind === "failed");
  });

  it("takes two probes with one address and a wrong register for faults, and gets over a relay's greeting", async () => {
    const bay = host.bay();
    await bay.plug();
    const [air = 1, food = 2] = DEMO_CABINET_UNITS.probes;
    const common = { socket: bay.socket, clock: systemBridgeClock };
    const greeting = new ProbeSimulator({ ...common, unit: air, registers: [41, 600], trouble: "greeting" });
    const twins = new ProbeSimulator({
      ...common,
      unit: food,
      registers: [41, 600],
      trouble: "duplicate-address",
    });
    onTestFinished(async () => {
      greeting.stop();
      twins.stop();
      await bay.close();
    });
    const { until } = startRig(bay);
    await until(({ probes: [first, second] }) => first?.milliC === 4100 && second?.fault === "crc");
    // A machine that stood still for long may have raised the other's too; that one has returned by itself.
    await until(({ alarms }) => {
      const standing = alarms.filter(({ state }) => state === "unacknowledged");
      return standing.map(({ type, subject }) => `${type} ${subject}`).join() === "probe-fault cabinet-food";
    });
  });

  it("never takes swapped registers for a cold cabinet", async () => {
    const bay = host.bay();
    await bay.plug();
    const common = { socket: bay.socket, clock: systemBridgeClock };
    // Humidity where the temperature is asked for: 65.2 is no cabinet, 31.0 is a warm one.
    const swapped = [652, 310].map(
      (humidity, index) => new ProbeSimulator({ ...common, unit: index + 1, registers: [humidity, 41] }),
    );
    onTestFinished(async () => {
      for (const probe of swapped) probe.stop();
      await bay.close();
    });
    const { until } = startRig(bay);
    await until(
      ({ probes: [first, second] }) => first?.fault === "out-of-range" && second?.milliC === 31_000,
    );
    await until(
      (view) =>
        stateOf(view, "high") === "unacknowledged" && stateOf(view, "probe-fault") === "unacknowledged",
    );
  });
});
