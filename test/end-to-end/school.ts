import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { demoConfig } from "../../device/config/demo-config.ts";
import type { Config } from "../../device/config/schema.ts";
import { startTerminal, type Terminal } from "../../device/main.ts";
import { createLogger, type Logger } from "../../device/platform/logger.ts";
import { SystemClock } from "../../device/platform/system-clock.ts";
import { createEmbeddedBroker, type EmbeddedBroker } from "../../device/sync/embedded-broker.ts";
import { freePort } from "../../device/sync/testing/brokers.ts";
import { artifactsForTests } from "../../models/artifacts-for-tests.ts";
import { demoFolderDefault, prepareDemo } from "../../scripts/prepare-demo.ts";
import type { ReferenceCloud } from "../../scripts/reference-cloud/reference-cloud.ts";
import { startTestCloud } from "../../scripts/reference-cloud/testing/rig.ts";

/** A school with one terminal, its broker and its cloud, all real, in this process; closed when the test ends. */
export interface School {
  readonly folder: string;
  readonly broker: EmbeddedBroker;
  readonly mqttUrl: string;
  readonly cloud: ReferenceCloud;
  /** What the terminal logged, a JSON line each. */
  readonly logLines: readonly string[];
  startTerminal(options?: TerminalWishes): Promise<Terminal>;
}

export interface TerminalWishes {
  readonly activation?: "presence" | "touch";
  /** People whose photos the camera shows, by number; none for the browser's camera. */
  readonly cameraNumbers?: readonly string[];
  /** How long each stands there; longer than the terminal looks before it gives up, for a face it must not know. */
  readonly photoHoldMs?: number;
  readonly uiFolder?: string;
  /** Folder of its data below the school's; each terminal has its own. */
  readonly dataFolder?: string;
  /** Last changes to its configuration. */
  readonly adjust?: (config: Config) => Config;
  /** Not to wait for people and time: the cloud will not answer it. */
  readonly isCutOff?: boolean;
}

/** Less than a test may take, so that what was waited for in vain is named. */
const WAIT_MS_MAX = 120_000;
const LOOK_PERIOD_MS = 25;
export const clock = new SystemClock();

export async function openSchool(): Promise<School> {
  const folder = mkdtempSync(join(tmpdir(), "canteen-school-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await artifactsForTests();
  await prepareDemo();
  const logLines: string[] = [];
  const logger = createLogger("debug", { write: (line) => void logLines.push(line) });
  const broker = createEmbeddedBroker({ port: await freePort(), logger });
  const mqttUrl = `mqtt://127.0.0.1:${await broker.start()}`;
  onTestFinished(() => broker.close());
  const cloud = await startCloud(join(folder, "cloud"), mqttUrl, logger);
  onTestFinished(() => cloud.close());
  return {
    folder,
    broker,
    mqttUrl,
    cloud,
    logLines,
    startTerminal: async (wishes = {}) => {
      const terminal = await startTerminal({
        config: await configOf(folder, mqttUrl, wishes),
        logger,
        ntpSynchronizedFile: join(folder, "no-ntp-here"),
        uiFolder: wishes.uiFolder ?? emptyPage(folder),
      });
      onTestFinished(() => terminal.close());
      await terminal.engine.ready();
      if (wishes.isCutOff === true) return terminal;
      await until("people and time have come from the cloud", () =>
        terminal.store.roster.counts().people > 0 && terminal.store.timeTrust.current() === "synced"
          ? true
          : null,
      );
      await tillOpen(terminal);
      return terminal;
    },
  };
}

/** The till opens a moment after the clock can be trusted. */
export async function tillOpen(terminal: Terminal): Promise<void> {
  await until("the till is open", () => terminal.servingLine.status().view.kind !== "closed" || null);
}

async function configOf(folder: string, mqttUrl: string, wishes: TerminalWishes): Promise<Config> {
  const { cameraNumbers, photoHoldMs = 3000, activation = "presence", adjust = (config) => config } = wishes;
  const config = demoConfig({
    dataFolder: join(folder, wishes.dataFolder ?? "data"),
    cameraFolder: cameraNumbers === undefined ? null : cameraFolder(folder, cameraNumbers),
    photoHoldMs,
    mqttUrl,
    kioskPort: await freePort(),
    activation,
  });
  return adjust(config);
}

/** For a test that talks to the terminal without a browser: a page that holds nothing. */
function emptyPage(folder: string): string {
  const page = join(folder, "page");
  mkdirSync(page, { recursive: true });
  writeFileSync(join(page, "index.html"), "<!doctype html><title>kiosk</title>");
  return page;
}

/** Enrols through the same steps as at the counter. @returns the person's id. */
export async function enrol(terminal: Terminal, number: string): Promise<string> {
  const person = terminal.store.roster.personByNumber(number);
  if (person === undefined) throw new Error(`nobody has number ${number}`);
  const begun = terminal.enrolment.begin({ personId: person.personId, operatorId: "op-1" });
  if (begun === undefined) throw new Error("no enrolment session");
  for (const photo of photosOf(number)) await terminal.enrolment.addShot(begun.sessionId, photo);
  const result = await terminal.enrolment.complete({
    sessionId: begun.sessionId,
    consent: null,
    duplicateConfirmed: false,
  });
  if (result.kind !== "enrolled") throw new Error(`not enrolled: ${result.reason}`);
  await terminal.engine.gallery().settled();
  return person.personId;
}

export function photosOf(number: string): Uint8Array<ArrayBuffer>[] {
  const folder = join(demoFolderDefault, "people", number);
  return readdirSync(folder)
    .toSorted()
    .map((file) => new Uint8Array(readFileSync(join(folder, file))));
}

/** Waits for an event of the real world. @returns what `look` gave. @throws when it does not come in time. */
export async function until<T>(
  what: string,
  look: () => T | null | undefined | Promise<T | null | undefined>,
): Promise<T> {
  const endMono = clock.mono() + WAIT_MS_MAX;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== undefined) return seen;
    if (clock.mono() > endMono) throw new Error(`waited in vain: ${what}`);
    await clock.delay(LOOK_PERIOD_MS);
  }
}

/** The reference cloud on a broker of the test; the caller closes it. */
export function startCloud(
  dataFolder: string,
  url: string,
  logger: Logger,
  demoRoster = true,
): Promise<ReferenceCloud> {
  return startTestCloud(dataFolder, { url }, { demoRoster, logger });
}

/** The demo's camera photos of these people, linked into a folder of their own. */
function cameraFolder(folder: string, numbers: readonly string[]): string {
  const camera = join(folder, "camera");
  rmSync(camera, { recursive: true, force: true });
  mkdirSync(camera);
  for (const file of readdirSync(join(demoFolderDefault, "camera"))) {
    if (numbers.some((number) => file.includes(number))) {
      symlinkSync(join(demoFolderDefault, "camera", file), join(camera, file));
    }
  }
  return camera;
}
