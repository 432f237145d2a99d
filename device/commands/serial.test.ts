import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { afterAll, describe, expect, it } from "vitest";
import { BridgeFault } from "../../firmware-bridge/ports/fault.ts";
import { parseRecording } from "../../firmware-bridge/recording/recording.ts";
import { ScaleSimulator, ST_GS_VOICE } from "../../firmware-bridge/simulators/scale-simulator.ts";
import { tcpBay } from "../../firmware-bridge/simulators/tcp-bay.ts";
import { systemBridgeClock } from "../../firmware-bridge/transport/system-time.ts";
import { hasTool } from "../../test/require-tool.ts";
import { registerSerialCommands } from "./serial.ts";
import { bannerOf, screenOf } from "./serial-monitor.ts";

const folder = await mkdtemp(join(tmpdir(), "canteen-serial-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const script = join(folder, "run.mjs");
await writeFile(
  script,
  `import { Command } from ${JSON.stringify(import.meta.resolve("commander"))};
import { registerSerialCommands } from ${JSON.stringify(new URL("./serial.ts", import.meta.url).href)};
const program = new Command();
registerSerialCommands(program);
await program.parseAsync();
`,
);

function run(...args: readonly string[]) {
  const child = spawn(process.execPath, [script, "serial", ...args], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["pipe", "pipe", "pipe"],
  });
  // From the start: it may end before what it did has been heard of here.
  const closed = once(child, "close");
  let output = "";
  const waiters = new Set<() => void>();
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    for (const wake of [...waiters]) wake();
  });
  const until = (matches: (text: string) => boolean): Promise<string> =>
    new Promise((resolve) => {
      const wake = (): void => {
        if (!matches(output)) return;
        waiters.delete(wake);
        resolve(output);
      };
      waiters.add(wake);
      wake();
    });
  return { child, closed, until, output: () => output };
}

async function withScale(test: (address: string) => Promise<void>): Promise<void> {
  const bay = await tcpBay();
  const simulator = new ScaleSimulator({
    socket: bay.socket,
    clock: systemBridgeClock,
    voice: ST_GS_VOICE,
    script: [{ grams: 1250, stable: true }],
    everyMs: 20,
  });
  await bay.plug();
  await test(bay.address);
  simulator.stop();
  await bay.close();
}

describe("canteen-edge serial", () => {
  it("decodes JSON lines, and goes on after an unknown protocol", async () => {
    const { child, closed, output } = run("decode");
    child.stdin.write('{"id":1,"protocol":"nobody","hex":""}\n');
    child.stdin.end('{"id":2,"protocol":"mt-sics","hex":"53202d0d0a"}\n');
    expect((await closed)[0]).toBe(0);
    const answers = output()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([
      { id: 1, error: { code: "unknown-protocol" } },
      { id: 2, readings: [{ underload: true }] },
    ]);
  });

  it("monitors a port until it is interrupted", () =>
    withScale(async (address) => {
      const { child, closed, until } = run("monitor", "--port", address, "--protocol", "stgs-text", "--json");
      expect(await until((text) => text.includes("\n"))).toContain('"value":"1.250"');
      child.kill("SIGINT");
      expect((await closed)[0]).toBe(0);
    }));

  it("identifies a device and prints the stanza of the configuration", () =>
    withScale(async (address) => {
      const { closed, output } = run("identify", "--port", address, "--listen-ms", "600");
      expect((await closed)[0]).toBe(0);
      expect(output()).toContain("protocol: stgs-text");
    }));

  it("captures a port into a file that is a recording, and never over an older one", () =>
    withScale(async (address) => {
      const file = join(folder, "log.jsonl");
      const { child, closed } = run("capture", "--port", address, "--out", file);
      let text = "";
      while (!text.includes('"atMs"')) text = await readFile(file, "utf8").catch(() => "");
      child.kill("SIGINT");
      expect((await closed)[0]).toBe(0);
      const chunks = parseRecording(await readFile(file, "utf8"));
      expect(Buffer.from(chunks[0]?.bytes ?? []).toString()).toContain("1.250");
      const again = run("capture", "--port", address, "--out", file);
      expect((await again.closed)[0]).not.toBe(0);
    }));

  it("replays a recording to a port", async () => {
    const bay = await tcpBay();
    await bay.plug();
    const file = join(folder, "replay.jsonl");
    await writeFile(file, '{"atMs":0,"hex":"5354"}\n{"atMs":5,"hex":"0d0a"}\n');
    let heard = "";
    const whole = new Promise<void>((resolve) => {
      bay.socket.onReceived((bytes) => {
        heard += Buffer.from(bytes).toString("hex");
        if (heard === "53540d0a") resolve();
      });
    });
    const { closed } = run("replay", file, "--port", bay.address);
    await whole;
    expect((await closed)[0]).toBe(0);
    await bay.close();
  });

  it.runIf(hasTool("python3"))(
    "replays a recording to a pty of its own, whose path it prints first",
    async () => {
      const file = join(folder, "to-pty.jsonl");
      const line = Buffer.from("ST,GS,   1.250 kg\r\n").toString("hex");
      const chunks = [0, 50, 100].map((atMs) => `${JSON.stringify({ atMs, hex: line })}\n`);
      await writeFile(file, `{"note":"a header"}\n${chunks.join("")}`);
      const replaying = run("replay", file, "--loop");
      const path = (await replaying.until((text) => text.includes("\n"))).trim();
      const monitoring = run("monitor", "--port", path, "--protocol", "stgs-text", "--json");
      expect(await monitoring.until((text) => text.includes("\n"))).toContain('"value":"1.250"');
      for (const { child, closed } of [monitoring, replaying]) {
        child.kill("SIGINT");
        expect((await closed)[0]).toBe(0);
      }
    },
  );

  it("refuses settings that are none", async () => {
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
    registerSerialCommands(program);
    for (const command of program.commands[0]?.commands ?? [])
      command.exitOverride().configureOutput({ writeErr: () => {} });
    await expect(
      program.parseAsync(["serial", "capture", "--port", "x", "--out", "y", "--serial", "fast"], {
        from: "user",
      }),
    ).rejects.toThrow(/9600-8N1/);
  });
});

describe("the monitor's screen", () => {
  const last = { type: "weight", value: "1.250", unit: "kg", stable: true, mode: "gross" } as const;
  const fault = new BridgeFault("gone", {
    code: "port-lost",
    retry: "backoff",
    hint: { zh: "请检查数据线", en: "check the cable" },
  });

  it("marks the last reading as old while the line is away, and says what to do", () => {
    const screen = { title: "t", last, unread: null, counts: {} };
    expect(screenOf({ ...screen, state: { kind: "open", generation: 1 } })).not.toContain("断线前");
    const away = screenOf({ ...screen, state: { kind: "waiting", fault } });
    expect(away).toContain("断线前的读数");
    expect(away).toContain("请检查数据线");
  });

  it("says why bytes that come cannot be read", () => {
    const unread = { zh: "读不懂", en: "unreadable" };
    const screen = screenOf({
      title: "t",
      state: { kind: "open", generation: 1 },
      last: undefined,
      unread,
      counts: { noise: 3 },
    });
    expect(screen).toContain("读不懂");
    expect(screen).toContain("noise 3");
  });
});

describe("the monitor's banner", () => {
  it("draws digits five rows high and leaves other text as it is", () => {
    expect(bannerOf("-1.5").split("\n")).toHaveLength(5);
    expect(bannerOf("26DEFAE7")).toBe("  26DEFAE7");
  });
});
