import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import mqtt from "mqtt";
import sharp from "sharp";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Config } from "../../device/config/schema.ts";
import { lockDataFolder } from "../../device/journal/data-folder-lock.ts";
import type { Terminal } from "../../device/main.ts";
import { isFault } from "../../device/platform/errors.ts";
import { silentLogger } from "../../device/platform/logger.ts";
import type { CheckoutView } from "../../device/serving-line/serving-line-port.ts";
import { createEmbeddedBroker } from "../../device/sync/embedded-broker.ts";
import { CHANNELS } from "../../device/sync/topics.ts";
import { samplePhoto } from "../../models/artifacts-for-tests.ts";
import { mayMount } from "../require-tool.ts";
import { Counter, PayPage } from "./counter.ts";
import { enrol, openSchool, photosOf, tillOpen, until } from "./school.ts";

const DISK_BYTES = 24_000_000;
const FREE_BYTES_MIN = 8_000_000;

/** The code of the fault, which must say in both languages what to do. */
async function faultOf(start: Promise<unknown>): Promise<string> {
  const error = await start.then(
    () => new Error("nothing failed"),
    (thrown: unknown) => thrown,
  );
  if (!isFault(error)) throw error;
  expect(error.hint.zh).toMatch(/\p{Script=Han}/u);
  expect(error.hint.en).toMatch(/[A-Za-z]{3}/);
  return error.code;
}

function smallDisk(folder: string, options = ""): void {
  execFileSync("mkdir", ["-p", folder]);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}${options}`, "tmpfs", folder]);
  onTestFinished(() => void execFileSync("umount", ["--lazy", folder]));
}

const chargeCount = (terminal: Terminal): number => terminal.servingLine.recentCharges(100).length;

describe("a start that must not be", () => {
  it("refuses a changed weight file by its hash, and leaves the data folder free", async () => {
    const school = await openSchool();
    const modelsFolder = join(school.folder, "artifacts");
    const adjust = (config: Config): Config => {
      cpSync(config.face.modelsFolder, modelsFolder, { recursive: true });
      const file = join(modelsFolder, "fr-detect.onnx");
      const bytes = readFileSync(file);
      const middle = bytes.length >> 1;
      bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
      writeFileSync(file, bytes);
      return { ...config, face: { ...config.face, modelsFolder } };
    };
    expect(await faultOf(school.startTerminal({ adjust }))).toBe("weights-changed");
    lockDataFolder(join(school.folder, "data")).release();
  });

  it("refuses a second terminal on the same port, and one on the same data folder; the first serves on", async () => {
    const school = await openSchool();
    const first = await school.startTerminal();
    const port = Number(new URL(first.urls[0]?.url ?? "").port);
    const samePort = (config: Config): Config => ({ ...config, kiosk: { ...config.kiosk, port } });
    const other = school.startTerminal({ dataFolder: "data-2", adjust: samePort, isCutOff: true });
    expect(await faultOf(other)).toBe("port-in-use");
    expect(await faultOf(school.startTerminal({ isCutOff: true }))).toBe("data-folder-in-use");
    await first.servingLine.command({ kind: "card", cardToken: "C1003" });
    expect(first.servingLine.status().view).toMatchObject({ kind: "paid" });
  });

  it.skipIf(!mayMount())("refuses a data folder that cannot be written", async () => {
    const school = await openSchool();
    smallDisk(join(school.folder, "data"), ",ro");
    expect(await faultOf(school.startTerminal({ isCutOff: true }))).toBe("disk-read-only");
  });
});

describe.skipIf(!mayMount())("a disk that fills while the terminal sells", () => {
  it("closes the till before a commit can fail, charges nobody, and sells again when there is room", async () => {
    const school = await openSchool();
    const data = join(school.folder, "data");
    smallDisk(data);
    const terminal = await school.startTerminal({
      adjust: (config) => ({ ...config, storage: { ...config.storage, freeBytesMin: FREE_BYTES_MIN } }),
    });
    const page = await PayPage.open(terminal);
    const paid = page.next("paid");
    page.command({ kind: "card", cardToken: "C1003" });
    await paid;
    const closed = page.next("closed");
    execFileSync("sh", ["-c", `head -c ${DISK_BYTES} /dev/zero > "${data}/filler" 2>/dev/null || true`]);
    expect(await closed).toEqual({ kind: "closed", reason: "disk-unsafe" });
    // Not through the page: it must have been refused before there is room again.
    await terminal.servingLine.command({ kind: "card", cardToken: "C1004" });
    const idle = page.next("idle");
    rmSync(join(data, "filler"));
    await idle;
    expect(chargeCount(terminal)).toBe(1);
    const paidAfter = page.next("paid", ({ receipt }) => receipt.personId === "p-1004");
    page.command({ kind: "card", cardToken: "C1004" });
    await paidAfter;
    await until("both in the cloud", () => (school.cloud.views.charges(10).length === 2 ? true : null));
  });
});

describe("a network that says no or nonsense", () => {
  it("sells on where the broker refuses the password, and says so on the mark", async () => {
    const school = await openSchool();
    const login = { username: "terminal", password: "the-right-one" };
    const broker = createEmbeddedBroker({ port: 0, logger: silentLogger, ...login });
    const url = `mqtt://127.0.0.1:${await broker.start()}`;
    onTestFinished(() => broker.close());
    const before = await school.startTerminal();
    // Its entry bears a trusted stamp, from which the next start goes on.
    await before.servingLine.command({ kind: "card", cardToken: "C1004" });
    await before.close();
    const passwordFile = join(school.folder, "password");
    writeFileSync(passwordFile, "a wrong one\n", { mode: 0o600 });
    const terminal = await school.startTerminal({
      isCutOff: true,
      adjust: (config) => ({
        ...config,
        mqtt: { ...config.mqtt, url, username: login.username, passwordFile },
      }),
    });
    const { reason } = await until("refused", () => {
      const status = terminal.sync.status();
      return status.connection === "refused" ? status : null;
    });
    expect(reason).toBe("broker-refused-password");
    await tillOpen(terminal);
    await terminal.servingLine.command({ kind: "card", cardToken: "C1003" });
    expect(terminal.servingLine.status().view).toMatchObject({ kind: "paid" });
    expect(school.logLines.join("\n")).not.toMatch(/a wrong one|the-right-one/);
  });

  it("refuses nonsense on every topic and a roster out of order; no charge, account or person changes", async () => {
    const school = await openSchool();
    const terminal = await school.startTerminal();
    const line = await mqtt.connectAsync(school.mqttUrl);
    onTestFinished(() => line.endAsync(true));
    const root = "canteen/v1/demo-school/terminal-1";
    const answers: { what: string; topic?: string; status?: string }[] = [];
    line.on("message", (_topic, payload) => void answers.push(JSON.parse(payload.toString())));
    await line.subscribeAsync(`${root}/up/reported`, { qos: 1 });
    const before = stateOf(terminal);
    const downs = Object.values(CHANNELS).filter(({ from }) => from === "cloud");
    for (const { suffix } of downs) {
      for (const payload of ["{", "", "null", "[]", '{"v":2}', '{"v":1,"kind":"delta"}', "\xff".repeat(99)]) {
        await line.publishAsync(`${root}/${suffix}`, payload, { qos: 1 });
      }
    }
    const version = terminal.store.roster.version();
    const gap = { v: 1, kind: "delta", from: version + 7, to: version + 8, people: [], removed: [] };
    await line.publishAsync(`${root}/down/roster`, JSON.stringify(gap), { qos: 1 });
    await until("each topic's refusal", () =>
      downs.every(({ suffix }) => answers.some(({ what, topic }) => what === "malformed" && topic === suffix))
        ? true
        : null,
    );
    await until("the gap's answer", () => answers.find(({ status }) => status === "gap"));
    expect(stateOf(terminal)).toEqual(before);
    await terminal.servingLine.command({ kind: "card", cardToken: "C1003" });
    await until("the charge in the cloud", () => school.cloud.views.charges(10)[0]);
    expect(chargeCount(terminal)).toBe(1);
  });
});

describe("pictures that no face can be paid with", () => {
  it("charges nobody for a broken, huge, empty or crowded picture, says what to do, and goes on", async () => {
    const school = await openSchool();
    const terminal = await school.startTerminal({ activation: "touch" });
    await enrol(terminal, "1003");
    const [face] = photosOf("1003");
    if (face === undefined) throw new Error("1003 has photos");
    const page = await PayPage.open(terminal);
    const logged = (code: string): true | null =>
      school.logLines.some((line) => line.includes(`"code":"${code}"`)) || null;
    const hinted = async (hint: string): Promise<void> => {
      const from = page.views.length;
      const isIt = (view: CheckoutView): boolean => view.kind === "looking" && view.hint === hint;
      await page.pressing(hint, () => page.views.slice(from).find(isIt));
    };

    page.picture = await blank(640, 480);
    await hinted("look-here");
    page.picture = face.slice(0, face.length >> 1);
    await until("not a whole JPEG", () => page.problemCodes.find((code) => code === "request-invalid"));
    page.picture = Uint8Array.from([...face.slice(0, 100), 0xff, 0xd9]);
    await page.pressing("refused by the decoder", () => logged("image-unreadable"));
    page.picture = await blank(10_000, 10_000);
    await page.pressing("refused by its size", () => logged("image-too-large"));
    page.command({ kind: "cancel" });

    page.picture = new Uint8Array(await sharp(samplePhoto(6)).resize({ width: 1280 }).jpeg().toBuffer());
    await hinted("one-at-a-time");
    expect(chargeCount(terminal)).toBe(0);
    page.command({ kind: "cancel" });

    page.picture = face;
    const paid = await page.pressing("paid", () => page.paid());
    expect(paid.receipt).toMatchObject({ personId: "p-1003", method: "face" });
    expect(chargeCount(terminal)).toBe(1);
  });
});

describe("a clock that nobody vouches for", () => {
  it("sells nothing at a first start without network, until an operator says that the time is right", async () => {
    const school = await openSchool();
    await (await school.startTerminal({ dataFolder: "other" })).close();
    await school.broker.stop();
    const terminal = await school.startTerminal({ isCutOff: true });
    expect(terminal.servingLine.status().view).toEqual({ kind: "closed", reason: "clock-untrusted" });
    const counter = await Counter.open(terminal);
    const shown = (await counter.ask("GET", "/terminal")) as { clock: { nowMs: number; trust: string } };
    expect(shown.clock.trust).toBe("unknown");
    const page = await PayPage.open(terminal);
    const open = page.next("idle");
    await counter.ask("POST", "/clock/confirm", { shownMs: shown.clock.nowMs });
    await open;
    const entries = terminal.store.journal.readAfter(0, { countMax: 1000, bytesMax: 10_000_000 });
    const confirmedAt = entries.findIndex(({ kind }) => kind === "device.clock-confirmed");
    expect(entries.slice(confirmedAt, confirmedAt + 2)).toMatchObject([
      { kind: "device.clock-confirmed", timeTrust: "unknown", body: { operatorId: "li" } },
      { kind: "device.clock-trusted", timeTrust: "held", body: { source: "operator" } },
    ]);
    // Nothing was sold since, and the network is still away: a restart needs nobody's word again.
    await terminal.close();
    const again = await school.startTerminal({ isCutOff: true });
    expect(again.store.timeTrust.current()).toBe("held");
  });
});

const blank = async (width: number, height: number): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(
    await sharp({ create: { width, height, channels: 3, background: "#888" }, limitInputPixels: false })
      .jpeg()
      .toBuffer(),
  );

function stateOf({ store, servingLine }: Terminal): object {
  return {
    version: store.roster.version(),
    counts: store.roster.counts(),
    accounts: ["p-1001", "p-1002", "p-1003"].map((personId) => store.roster.account(personId)),
    charges: servingLine.recentCharges(10),
    view: servingLine.status().view,
  };
}
