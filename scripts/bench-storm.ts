/**
 * `npm run bench:storm [-- --terminals N --processes P --down-s S --spread-ms MS --tls --svg FILE --json]`: the real sync
 * of N terminals, over TLS if asked, loses mosquitto (kill -9) and gets it back after S seconds; how fast they return,
 * what that costs the broker, and that nothing was lost. Then the same for 10,000 terminals by simulation, with the real
 * backoff.
 */

import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SystemClock } from "../device/platform/system-clock.ts";
import { makeCertificates, startMosquitto, temporaryFolder } from "../device/sync/testing/brokers.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
import { simulateStorm } from "./storm/simulated-storm.ts";
import { barsOf, svgOf } from "./storm/storm-chart.ts";
import { StormCloud } from "./storm/storm-cloud.ts";
import type { StormCount } from "./storm/storm-terminals.ts";

const clock = new SystemClock();
const SAMPLE_MS = 1000;
const WAIT_MS_MAX = 300_000;
/** As a link has it after its shortest life of a connection. */
const STABLE_MS_MIN = 30_000;
const CONNECT_WAIT_MS_MAX = 20_000;
const SIMULATED_TERMINALS = 10_000;
/** Where nothing was measured; mosquitto does more. */
const CONNECTIONS_PER_S = 500;

interface Sample {
  readonly atMs: number;
  readonly made: number;
  readonly connected: number;
  readonly quiet: number;
  readonly brokerCpuPercent: number;
}

const { values } = parseArgs({
  options: {
    terminals: { type: "string", default: "1000" },
    processes: { type: "string", default: "2" },
    "down-s": { type: "string", default: "5" },
    "spread-ms": { type: "string", default: "10000" },
    /** How long the broker is watched before it is killed. */
    "idle-s": { type: "string", default: "5" },
    tls: { type: "boolean", default: false },
    svg: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const count = Number(values.terminals);
const processes = Number(values.processes);
const downMs = Number(values["down-s"]) * 1000;
const spreadMs = Number(values["spread-ms"]);

const report = await realStorm();
const simulated = [spreadMs, 0].map((spread) => ({
  spreadMs: spread,
  ...simulateStorm({
    terminals: SIMULATED_TERMINALS,
    limits: { waitMsMin: 1000, waitMsMax: 60_000, spreadMs: spread, stableMsMin: STABLE_MS_MIN },
    ...{ downMs, connectionsPerSecondMax: CONNECTIONS_PER_S, connectWaitMsMax: CONNECT_WAIT_MS_MAX, seed: 1 },
  }),
}));
if (values.svg !== undefined) {
  writeFileSync(
    values.svg,
    svgOf(
      `${count} terminals lose mosquitto for ${values["down-s"]} s`,
      [
        { title: "connections made per second", values: report.madePerSecond },
        { title: "terminals connected", values: report.connected },
        { title: "broker's processor, % of one core", values: report.brokerCpuPercent },
      ],
      [{ second: downMs / 1000, text: "broker is back" }],
    ),
  );
}
process.stdout.write(
  values.json ? `${JSON.stringify({ load: loadavg(), ...report, simulated })}\n` : textOf(),
);

async function realStorm() {
  const folder = temporaryFolder();
  const tls = values.tls ? makeCertificates(folder.path, "province") : undefined;
  const broker = await startMosquitto({
    isQuiet: true,
    ...(tls === undefined ? {} : { tls }),
    lines: ["max_queued_messages 100000", "max_inflight_messages 200"],
  });
  const cloud = StormCloud.start(broker.port, tls?.caFile);
  const children = Array.from({ length: processes }, (_, index) =>
    startTerminals(broker.port, index, tls?.caFile),
  );
  const now = (): StormCount => children.map(({ latest }) => latest()).reduce(sumOf);
  try {
    await until(() => now().quiet >= count * 0.98 && now().connected === count);
    const beforeMade = now().made;
    const cpuBefore = brokerCpuSeconds(broker.pid());
    const idleFromMs = clock.mono();
    await clock.delay(Number(values["idle-s"]) * 1000 + 100);
    const idleCpuPercent =
      (100 * (brokerCpuSeconds(broker.pid()) - cpuBefore)) / ((clock.mono() - idleFromMs) / 1000);
    const startMs = clock.mono();
    await broker.stop();
    const samples = sampling(startMs, () => (clock.mono() - startMs < downMs ? 0 : broker.pid()), now);
    await clock.delay(downMs);
    await broker.restart();
    const backMs = clock.mono() - startMs;
    // What the terminals said last may be from before: each of them has to connect anew.
    await until(() => now().connected === count && now().made >= beforeMade + count);
    const connectedMs = clock.mono() - startMs - backMs;
    await until(() => now().connected === count && now().quiet >= count * 0.98);
    const quietMs = clock.mono() - startMs - backMs;
    await clock.delay(Number(values["idle-s"]) * 600);
    samples.stop();
    const { entries, receipted, made, connected } = now();
    const madePerSecond = samples.all.map(
      ({ made: at }, index) => at - (samples.all[index - 1]?.made ?? beforeMade),
    );
    return {
      ...{ terminals: count, processes, downMs, spreadMs },
      ...{ connectedMs: Math.round(connectedMs), quietMs: Math.round(quietMs) },
      ...{ connectionsPerSecondMax: Math.max(...madePerSecond), connectionsMade: made - beforeMade },
      idleCpuPercent: Math.round(idleCpuPercent),
      ...{ entries, receipted, stored: cloud.storedCount, repeated: cloud.repeatedCount },
      connectedAtEnd: connected,
      madePerSecond,
      connected: samples.all.map((sample) => sample.connected),
      brokerCpuPercent: samples.all.map(({ brokerCpuPercent }) => brokerCpuPercent),
    };
  } finally {
    for (const child of children) child.stop();
    await cloud.close();
    await broker.close();
    folder.remove();
  }
}

function startTerminals(port: number, index: number, caFile = "") {
  const share = Math.floor(count / processes) + (index < count % processes ? 1 : 0);
  const program = fileURLToPath(new URL("storm/storm-terminals.ts", import.meta.url));
  const argv = [program, port, index * 1_000_000, share, spreadMs, caFile].map(String);
  const child = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
  let latest: StormCount = { connected: 0, quiet: 0, made: 0, entries: 0, receipted: 0 };
  createInterface({ input: child.stdout }).on("line", (line) => {
    latest = JSON.parse(line) as StormCount;
  });
  return { latest: () => latest, stop: () => void child.stdin.end() };
}

function sumOf(a: StormCount, b: StormCount): StormCount {
  return {
    connected: a.connected + b.connected,
    quiet: a.quiet + b.quiet,
    made: a.made + b.made,
    entries: a.entries + b.entries,
    receipted: a.receipted + b.receipted,
  };
}

function sampling(startMs: number, brokerPid: () => number, now: () => StormCount) {
  const all: Sample[] = [];
  let cpuSeconds = 0;
  let pid = 0;
  const timer = clock.every(SAMPLE_MS, () => {
    const current = brokerPid();
    const used = current === 0 ? 0 : brokerCpuSeconds(current);
    const brokerCpuPercent = current === 0 || current !== pid ? 0 : Math.round(100 * (used - cpuSeconds));
    [cpuSeconds, pid] = [used, current];
    const { made, connected, quiet } = now();
    all.push({ atMs: clock.mono() - startMs, made, connected, quiet, brokerCpuPercent });
  });
  return { all, stop: () => timer.cancel() };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = clock.mono() + WAIT_MS_MAX;
  while (!condition()) {
    if (clock.mono() > deadline) throw new Error("the terminals did not come to rest in five minutes");
    await clock.delay(100);
  }
}

/** 0 for a broker that has just been killed. */
function brokerCpuSeconds(pid: number): number {
  try {
    return cpuSecondsOf(pid);
  } catch {
    return 0;
  }
}

function textOf(): string {
  const { terminals, connectedMs, quietMs, connectionsPerSecondMax, entries, receipted, stored } = report;
  const lines = [
    `${terminals} terminals in ${processes} processes${values.tls ? " over TLS" : ""}, broker gone for ${downMs / 1000} s, first wait up to ${spreadMs / 1000} s`,
    `all connected ${(connectedMs / 1000).toFixed(1)} s after its return, quiet after ${(quietMs / 1000).toFixed(1)} s; at most ${connectionsPerSecondMax} connections in a second; broker before: ${report.idleCpuPercent} % of a core`,
    `${entries} entries made, ${stored} stored, ${receipted} receipted, ${report.repeated} came again`,
    barsOf("connections made per second", report.madePerSecond),
    barsOf("terminals connected", report.connected),
    barsOf("broker's processor, % of a core", report.brokerCpuPercent),
    ...simulated.map(
      ({ spreadMs: spread, attempts, quietMs: quiet, queuedMax, givenUp }) =>
        `simulated: ${SIMULATED_TERMINALS} terminals, first wait up to ${Math.max(1, spread / 1000)} s, broker that accepts ${CONNECTIONS_PER_S}/s: at most ${Math.max(...attempts)} attempts in a second, ${queuedMax} waiting, ${givenUp} given up, all back after ${(quiet / 1000).toFixed(1)} s`,
    ),
    `load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(" ")}`,
  ];
  return `${lines.join("\n")}\n`;
}
