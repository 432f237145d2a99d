import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ScaleSimulator, ST_GS_VOICE } from "../../../firmware-bridge/simulators/scale-simulator.ts";
import { tcpBay } from "../../../firmware-bridge/simulators/tcp-bay.ts";
import { systemBridgeClock } from "../../../firmware-bridge/transport/system-time.ts";
import { artifactsForTests } from "../../../models/artifacts-for-tests.ts";
import { openDatabase } from "../../journal/database.ts";
import { PhotoFiles } from "../../photos/photo-files.ts";
import { openPhotoStore } from "../../photos/photo-store.ts";
import { silentLogger } from "../../platform/logger.ts";
import { VirtualClock } from "../../platform/virtual-clock.ts";
import { createEmbeddedBroker } from "../../sync/embedded-broker.ts";
import { freePort } from "../../sync/testing/brokers.ts";
import { databaseFile, photoFolder, TERMINAL_MIGRATIONS } from "../../terminal-database.ts";
import { runCaptured } from "../captured-io.ts";

let folder: string;
let artifacts: string;
const closeSteps: (() => Promise<void>)[] = [];
beforeAll(async () => {
  artifacts = await artifactsForTests();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-doctor-"));
});
afterEach(async () => {
  for (const close of closeSteps.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly id: string;
    readonly status: "ok" | "failed" | "skipped";
    readonly detail: { readonly zh: string; readonly en: string };
    readonly hint?: { readonly zh: string; readonly en: string };
  }[];
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  closeSteps.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return portOf(server);
}

/** Writes a configuration with these lines, runs doctor, and gives each check by its id. */
async function doctor(lines: string): Promise<{
  readonly exitCode: number;
  readonly status: Readonly<Record<string, string>>;
  readonly of: (id: string) => Answer["checks"][number];
}> {
  const kiosk = lines.includes("kiosk:") ? "" : `kiosk: { port: ${await freePort()} }\n`;
  const mqtt = lines.includes("mqtt:") ? "" : `mqtt: { url: "mqtt://127.0.0.1:${await freePort()}" }\n`;
  writeFileSync(
    join(folder, "canteen.yaml"),
    `site: demo
device: line-1
dataFolder: data
${lines.includes("face:") ? "" : `face: { modelsFolder: ${JSON.stringify(artifacts)} }\n`}${kiosk}${mqtt}${lines}
servingLine:
  mealPlan:
    periods:
      - { id: day, name: { zh: 全天, en: Day }, from: "00:00", to: "24:00", pricing: { kind: fixed, priceFen: 1 } }
`,
  );
  const { exitCode, stdout } = await runCaptured(["doctor", "--json"], { folder });
  const answer: Answer = JSON.parse(stdout);
  return {
    exitCode,
    status: Object.fromEntries(answer.checks.map(({ id, status }) => [id, status])),
    of: (id) => {
      const check = answer.checks.find((found) => found.id === id);
      if (check === undefined) throw new Error(`no check ${id}`);
      return check;
    },
  };
}

async function addOperator(): Promise<void> {
  const argv = ["operator", "add", "--id", "cashier-1", "--name", "张三"];
  expect(await runCaptured(argv, { folder, stdin: "739105\n" })).toMatchObject({ exitCode: 0 });
}

describe("doctor", () => {
  it("gives one line per check with its mark, and the same checks as one JSON document", async () => {
    const { status } = await doctor("");
    const { stdout } = await runCaptured(["doctor"], { folder });
    const lines = stdout
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith(" "));
    expect(lines).toHaveLength(Object.keys(status).length);
    for (const line of lines) expect(line).toMatch(/^[✓✗–] .+ \/ .+: ./);
    expect(Object.keys(status)).toEqual([
      "config",
      "runtime",
      "weights",
      "page",
      "disk",
      "database",
      "backups",
      "photos",
      "temperatures",
      "device-key",
      "clock",
      "camera",
      "goods-camera",
      "caption-font",
      "broker",
      "terminal",
    ]);
  });

  it("says for how many days the budget of temperatures is enough with the configured probes", async () => {
    const ids = Array.from({ length: 32 }, (_, index) => `probe-${index}`);
    const probes = ids.map(
      (id, index) => `{ id: ${id}, unit: ${index + 1}, fields: [{ name: temperature }] }`,
    );
    const cabinet = ids.map((id) => `{ probe: ${id} }`);
    const lines = `devices:
  - { kind: modbus-bus, id: bus, port: /dev/ttyNONE9, probes: [${probes.join(", ")}] }
cabinets:
  - { id: fridge, name: { zh: 柜, en: fridge }, probes: [${cabinet.join(", ")}] }
`;
    const full = (await doctor(lines)).of("temperatures");
    expect([full.status, full.hint]).toEqual(["ok", undefined]);
    expect(full.detail.en).toContain("32 probes; there is room for 730 days");
    const short = (await doctor(`${lines}storage: { temperatureBytesMax: 500000000 }\n`)).of("temperatures");
    expect(short.detail.en).toContain("206 days");
    expect(short.hint?.en).toContain("storage.temperatureBytesMax");
  });

  it("names the photos of the record that are gone or changed", async () => {
    const dataFolder = join(folder, "data");
    mkdirSync(dataFolder);
    const clock = new VirtualClock();
    const db = openDatabase({ file: databaseFile(dataFolder), clock, migrations: TERMINAL_MIGRATIONS });
    const limits = { bytesMax: 1e6, keptMsMin: 0 };
    const photos = openPhotoStore({ db, folder: photoFolder(dataFolder), clock, limits });
    const what = { size: "photo", mediaType: "image/jpeg" } as const;
    const [gone, whole] = [
      await photos.put(Buffer.from("1"), what),
      await photos.put(Buffer.from("2"), what),
    ];
    photos.claim([gone.sha256, whole.sha256]);
    rmSync(new PhotoFiles(photoFolder(dataFolder)).fileOf(gone.sha256, "image/jpeg"));
    const bad = (await doctor("")).of("photos");
    expect(bad.status).toBe("failed");
    expect(bad.detail.en).toContain(
      `1 of 2 are missing or changed: ${gone.sha256.slice(0, 12)}… photo-missing`,
    );
    db.close();
  });

  it("finds nothing wrong before the first run but what only a person can put there", async () => {
    const { exitCode, status } = await doctor("");
    expect(status).toMatchObject({
      config: "ok",
      runtime: "ok",
      weights: "ok",
      disk: "ok",
      database: "skipped",
      "device-key": "skipped",
      clock: "ok",
      camera: "skipped",
      "goods-camera": "skipped",
      broker: "failed",
      terminal: "skipped",
    });
    expect(exitCode).toBe(1);
  });

  it("names a weight that is not the pinned one", async () => {
    cpSync(artifacts, join(folder, "weights"), { recursive: true });
    truncateSync(join(folder, "weights", "fr-detect.onnx"), 1000);
    const { of, exitCode } = await doctor("face: { modelsFolder: weights }\n");
    expect(of("weights")).toMatchObject({
      status: "failed",
      hint: { zh: expect.stringContaining("prepare-models") },
    });
    expect(of("weights").detail.en).toContain("fr-detect.onnx");
    expect(exitCode).toBe(1);
  });
});

describe("doctor on the data", () => {
  it("reads the chain's head, what waits for the cloud, and leaves no file behind", async () => {
    await doctor("");
    await addOperator();
    const { of } = await doctor("");
    expect(of("database")).toMatchObject({ status: "ok" });
    expect(of("database").detail.en).toMatch(/^1 entries, head [0-9a-f]{12}…, 1 waiting for the cloud$/);
    expect(of("disk").detail.en).toMatch(/writable, \d+ MB free, fsync p50 \d+\.\d ms, max \d+\.\d ms/);
  });

  it("finds a changed entry and a file that is no database", async () => {
    await doctor("");
    await addOperator();
    const file = databaseFile(join(folder, "data"));
    const db = new Sqlite(file);
    db.exec("DROP TRIGGER journal_never_updated; UPDATE journal SET at_ms = at_ms + 1");
    db.close();
    expect((await doctor("")).of("database")).toMatchObject({
      status: "failed",
      detail: { en: "damaged: entry 1: hash-wrong" },
    });
    for (const suffix of ["-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
    writeFileSync(
      file,
      "no database at all, only text that is long enough to be read as a header".repeat(20),
    );
    expect((await doctor("")).of("database")).toMatchObject({
      status: "failed",
      hint: { zh: expect.any(String) },
    });
  });

  it("misses the device key once there is a database, and refuses one that others can read", async () => {
    await doctor("");
    await addOperator();
    expect((await doctor("")).of("device-key")).toMatchObject({ status: "failed" });
    const key = join(folder, "data", "device.key");
    writeFileSync(key, Buffer.alloc(32, 7), { mode: 0o600 });
    expect((await doctor("")).of("device-key")).toMatchObject({ status: "ok", detail: { en: "mode 0600" } });
    chmodSync(key, 0o644);
    expect((await doctor("")).of("device-key")).toMatchObject({ status: "failed" });
  });

  it("finds a clock behind the newest entry", async () => {
    await doctor("");
    await addOperator();
    const db = new Sqlite(databaseFile(join(folder, "data")));
    db.exec("DROP TRIGGER journal_never_updated; UPDATE journal SET at_ms = at_ms + 864000000");
    db.close();
    expect((await doctor("")).of("clock")).toMatchObject({
      status: "failed",
      detail: { en: expect.stringContaining("behind the newest entry") },
    });
  });

  it("says when there is too little space", async () => {
    const { of } = await doctor("storage: { freeBytesMin: 1000000000000 }\n");
    expect(of("disk")).toMatchObject({
      status: "failed",
      hint: { en: expect.stringContaining("stops selling") },
    });
  });

  it("says when the data folder cannot be written", async () => {
    // A file in its place: unlike a mode bit, this stops root too.
    writeFileSync(join(folder, "data"), "");
    expect((await doctor("")).of("disk")).toMatchObject({ status: "failed" });
  });
});

describe("doctor on the broker", () => {
  async function broker(password: string): Promise<number> {
    const embedded = createEmbeddedBroker({ port: 0, username: "line-1", password, logger: silentLogger });
    closeSteps.push(() => embedded.close());
    return embedded.start();
  }

  it.each([
    ["right", "ok"],
    ["wrong", "failed"],
  ])("signs in with the password of the file: %s", async (given, status) => {
    const port = await broker("right");
    writeFileSync(join(folder, "password"), `${given}\n`);
    const { of } = await doctor(
      `mqtt: { url: "mqtt://127.0.0.1:${port}", username: line-1, passwordFile: password }\n`,
    );
    expect(of("broker").status).toBe(status);
    if (status === "ok") expect(of("broker").detail.en).toContain("MQTT 3.1.1, signed in");
    else
      expect(of("broker")).toMatchObject({
        detail: { en: expect.stringContaining("broker-refused-password") },
      });
    expect(JSON.stringify(of("broker"))).not.toContain(given);
  });

  it("says that nobody answers", async () => {
    const { of } = await doctor("");
    expect(of("broker").detail.en).toContain("broker-unreachable");
    expect(of("broker").hint?.en).toContain("sells as usual");
  });
});

describe("doctor on the camera and the port", () => {
  it("counts a folder's photos, and says when there are none", async () => {
    mkdirSync(join(folder, "photos"));
    expect((await doctor("camera: { kind: folder, folder: photos }\n")).of("camera").status).toBe("failed");
    writeFileSync(join(folder, "photos", "a.jpg"), "");
    const { of } = await doctor("camera: { kind: folder, folder: photos }\n");
    expect(of("camera")).toMatchObject({ status: "ok", detail: { en: "1 photos" } });
    expect((await doctor("camera: { kind: folder, folder: none }\n")).of("camera").detail.en).toContain(
      "ENOENT",
    );
  });

  it.each([
    ["a still picture", 200, "image/jpeg", "ok"],
    ["a stream", 200, "multipart/x-mixed-replace; boundary=x", "ok"],
    ["a page", 200, "text/html", "failed"],
    ["an error", 401, "image/jpeg", "failed"],
  ])("asks a network camera and gets %s", async (_what, code, type, status) => {
    const port = await serve((_request, response) => {
      response.writeHead(code, { "content-type": type });
      response.write("bytes");
    });
    expect(
      (await doctor(`camera: { kind: http, url: "http://127.0.0.1:${port}/" }\n`)).of("camera").status,
    ).toBe(status);
  });

  it("opens a camera of this machine, and says why there is no picture", async () => {
    const device = "/dev/video-that-is-not-there";
    const { of } = await doctor(`receiving: { camera: { kind: v4l2, device: ${device} } }\n`);
    // Where ffmpeg is not installed, that comes first; where it needs seconds to start, silence does.
    expect(of("goods-camera").status).toBe("failed");
    expect(of("goods-camera").detail.en).toMatch(/camera-unplugged|ffmpeg-missing|camera-silent/);
    expect(of("camera").status).toBe("skipped");
  });

  it("knows a running terminal from another program on its port", async () => {
    const health = {
      status: "degraded",
      parts: {
        journal: { status: "ok", reason: null },
        sync: { status: "degraded", reason: "broker-unreachable" },
      },
    };
    const own = await serve((_request, response) => response.end(JSON.stringify(health)));
    expect((await doctor(`kiosk: { port: ${own} }\n`)).of("terminal")).toMatchObject({
      status: "ok",
      detail: { en: "running: sync degraded (broker-unreachable)" },
    });
    const foreign = await serve((_request, response) => response.end("hello"));
    expect((await doctor(`kiosk: { port: ${foreign} }\n`)).of("terminal")).toMatchObject({
      status: "failed",
      detail: { en: expect.stringContaining("in use by another program") },
    });
  });
});

describe("doctor on configured devices", () => {
  it("says what each one says, or why nothing comes, and never which card", async () => {
    const bay = await tcpBay();
    await bay.plug();
    closeSteps.push(() => bay.close());
    const simulator = new ScaleSimulator({
      socket: bay.socket,
      clock: systemBridgeClock,
      voice: ST_GS_VOICE,
      script: [{ grams: 1250, stable: true }],
    });
    closeSteps.push(async () => simulator.stop());
    const gone = await freePort();
    const { exitCode, of } = await doctor(`devices:
  - { id: goods, kind: scale, port: "${bay.address}", protocol: stgs-text }
  - { id: away, kind: card-reader, port: "127.0.0.1:${gone}", protocol: rfid-em4100 }
  - { id: wrong, kind: scale, port: /dev/null, protocol: telepathy }
`);
    expect(exitCode).not.toBe(0);
    expect(of("device-goods")).toMatchObject({ status: "ok" });
    expect(of("device-goods").detail.en).toContain("1.250 kg, stable");
    expect(of("device-away")).toMatchObject({ status: "failed" });
    expect(of("device-away").hint?.zh).toContain("串口服务器");
    expect(of("device-wrong")).toMatchObject({ status: "failed" });
    expect(of("device-wrong").hint?.en).toContain("serial identify");
  });
});
