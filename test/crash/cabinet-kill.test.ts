import { on } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { stringify } from "yaml";
import { temporaryFolder } from "../../device/journal/journal-fixture.ts";
import { verifyJournal } from "../../device/journal/verify.ts";
import { type AlarmsMessage, alarmsMessage } from "../../device/kiosk/cabinet-protocol.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { alarmRaisedSchema } from "../../device/sample-cabinet/alarm-entries.ts";
import { freePort } from "../../device/sync/testing/brokers.ts";
import { databaseFile, TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";
import { CabinetSimulator } from "../../firmware-bridge/simulators/cabinet-simulator.ts";
import { tcpBay } from "../../firmware-bridge/simulators/tcp-bay.ts";
import { TerminalProcess } from "./terminal-process.ts";

/** The power goes while an alarm stands: the terminal's own process, a simulated cabinet that keeps its power. */

const CABINET = "cabinet-1";
const GAP_MS_MIN = 300;
const clock = new SystemClock();

async function writeConfig(folder: string, port: string): Promise<{ config: string; data: string }> {
  const config = join(folder, "canteen.yaml");
  const data = join(folder, "data");
  const raw = {
    site: "kill-school",
    device: "terminal-1",
    dataFolder: data,
    logLevel: "error",
    kiosk: { port: await freePort() },
    storage: { freeBytesMin: 1_000_000 },
    servingLine: {
      mealPlan: {
        periods: [
          {
            id: "all-day",
            name: { zh: "全天", en: "All day" },
            from: "00:00",
            to: "24:00",
            pricing: { kind: "fixed", priceFen: 700 },
          },
        ],
      },
    },
    mqtt: { url: "mqtt://127.0.0.1:1" },
    devices: [
      {
        id: "cabinet-line",
        kind: "modbus-bus",
        port,
        pollEveryMs: 100,
        probes: [{ id: "cabinet-air", unit: 1, fields: [{ name: "temperature" }] }],
        inputs: [{ id: "cabinet-door", unit: 9, input: 0 }],
      },
    ],
    cabinets: [
      {
        id: CABINET,
        name: { zh: "一号柜", en: "Cabinet 1" },
        probes: [{ probe: "cabinet-air" }],
        door: { input: "cabinet-door" },
        alarms: { doorOpen: { delayMs: 200 }, powerBack: { delayMs: GAP_MS_MIN } },
      },
    ],
  };
  writeFileSync(config, stringify(raw));
  return { config, data };
}

function raisedIn(file: string): ReturnType<typeof alarmRaisedSchema.parse>[] {
  const db = new Sqlite(file, { readonly: true });
  try {
    return db
      .prepare<[], string>("SELECT body FROM journal WHERE kind = 'alarm.raised' ORDER BY seq")
      .pluck()
      .all()
      .map((body) => alarmRaisedSchema.parse(JSON.parse(body)));
  } finally {
    db.close();
  }
}

/** What every page of the terminal is told. @returns the alarms of the first message that fits, by their type. */
async function alarmsWhen(
  url: string,
  fits: (alarms: AlarmsMessage["cabinets"][number]["alarms"]) => boolean,
): Promise<ReadonlyMap<string, AlarmsMessage["cabinets"][number]["alarms"][number]>> {
  const { host } = new URL(url);
  const page = new WebSocket(`ws://${host}/ws/alarms`, { headers: { origin: `http://${host}` } });
  try {
    for await (const [data] of on(page, "message", { close: ["close"] })) {
      const cabinets = alarmsMessage(String(data)).cabinets;
      const alarms = cabinets.find(({ cabinetId }) => cabinetId === CABINET)?.alarms ?? [];
      if (fits(alarms)) return new Map(alarms.map((alarm) => [alarm.type, alarm]));
    }
    throw new Error("the terminal hung up");
  } finally {
    page.close();
  }
}

/** Asking for a curve writes what waits, so that the next start knows when this one was last here. */
async function recordReadings(url: string): Promise<void> {
  const nowMs = clock.now();
  const query = `cabinetId=${CABINET}&fromMs=${nowMs - 600_000}&toMs=${nowMs}`;
  expect((await fetch(new URL(`/api/cabinet/curve?${query}`, url))).status).toBe(200);
}

it("an alarm stands unacknowledged after a power cut, is on record once, and the gap is an alarm of its own", async () => {
  const folder = temporaryFolder();
  const bay = await tcpBay();
  await bay.plug();
  const cabinet = new CabinetSimulator({ socket: bay.socket, clock, probeUnits: [1], moduleUnit: 9 });
  onTestFinished(async () => {
    cabinet.stop();
    await bay.close();
  });
  const { config, data } = await writeConfig(folder, bay.address);
  cabinet.set({ isDoorOpen: true });
  const first = await TerminalProcess.start(config);
  onTestFinished(() => first.kill());
  const before = await alarmsWhen(first.url, (alarms) =>
    alarms.some(({ type, state }) => type === "door-open" && state === "unacknowledged"),
  );
  const { alarmId } = before.get("door-open") ?? {};
  await recordReadings(first.url);
  await first.kill();
  await clock.delay(GAP_MS_MIN);

  // Cut again while it starts over: as a fuse does that is put back too early.
  const second = await TerminalProcess.start(config);
  onTestFinished(() => second.kill());
  await second.kill();
  const third = await TerminalProcess.start(config);
  onTestFinished(() => third.kill());
  const after = await alarmsWhen(third.url, (alarms) => alarms.some(({ type }) => type === "power-back"));
  expect(after.get("door-open")).toMatchObject({ alarmId, state: "unacknowledged" });
  expect(after.get("power-back")?.state).toBe("returned-unacknowledged");
  // The condition that still holds was seen again, and is the same occurrence.
  await alarmsWhen(third.url, (alarms) =>
    alarms.some(({ type, isActive }) => type === "door-open" && isActive),
  );
  expect(await third.stop()).toBe(0);

  expect(verifyJournal(databaseFile(data), TERMINAL_PROJECTIONS).ok).toBe(true);
  const raised = raisedIn(databaseFile(data));
  expect(raised.filter(({ type }) => type === "door-open")).toMatchObject([{ alarmId, isAgain: false }]);
  const gaps = raised.filter(({ type }) => type === "power-back").map(({ facts }) => facts["gapMs"]);
  expect(gaps.length).toBeGreaterThan(0);
  for (const gapMs of gaps) expect(gapMs).toBeGreaterThanOrEqual(GAP_MS_MIN);
});
