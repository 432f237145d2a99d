import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { demoConfig } from "./config/demo-config.ts";
import { temporaryFolder } from "./journal/journal-fixture.ts";
import { verifyJournal } from "./journal/verify.ts";
import { seededEntropy } from "./platform/entropy.ts";
import { silentLogger } from "./platform/logger.ts";
import { VirtualClock } from "./platform/virtual-clock.ts";
import { mealMoment } from "./serving-line/meal-plan.ts";
import { databaseFile, TERMINAL_PROJECTIONS } from "./terminal-database.ts";
import { openTerminalStore, type TerminalStore } from "./terminal-store.ts";

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 8, 1, 4, 0);
/** A clock without a battery begins here. */
const DEAD = Date.UTC(1970, 0, 1, 0, 0, 5);

let dataFolder: string;
let ntpFile: string;
let seed = 0;
beforeEach(() => {
  dataFolder = temporaryFolder();
  ntpFile = join(dataFolder, "ntp-synchronized");
});

/** One run of the terminal: what the wall clock says at its start is the machine's. */
async function boot(
  wallMs: number,
): Promise<{ readonly store: TerminalStore; readonly clock: VirtualClock; off(): Promise<void> }> {
  seed += 1;
  const clock = new VirtualClock(wallMs);
  const config = demoConfig({ dataFolder, cameraFolder: null, mqttUrl: "mqtt://127.0.0.1:1" });
  const store = await openTerminalStore({
    ...{ config, clock, entropy: seededEntropy(seed), logger: silentLogger },
    ntpSynchronizedFile: ntpFile,
  });
  let open = true;
  const off = async (): Promise<void> => {
    if (open) await store.close();
    open = false;
  };
  onTestFinished(off);
  return { store, clock, off };
}

/** The meal that this terminal would charge for now; null while its clock decides none. */
const mealNow = ({ store, clock }: { store: TerminalStore; clock: VirtualClock }): string | null =>
  mealMoment(store.mealPlan(), clock.now(), store.timeTrust.current()).period?.id ?? null;

const record = ({ ids, journal }: TerminalStore): void =>
  void journal.append({ id: ids.next(), kind: "device.started", body: {} });

const cloudSays = (store: TerminalStore, cloudNowMs: number): void =>
  store.takeCloudTime({ cloudNowMs, roundTripMs: 40 });

describe("the terminal's clock over restarts", () => {
  it("records a step that came while the disk was full as soon as it is not, and does not fail for it", async () => {
    const first = await boot(NOON);
    cloudSays(first.store, NOON);
    const { db, journal } = first.store;
    const pages = Number(db.pragma("page_count", { simple: true }));
    db.pragma(`max_page_count = ${pages}`);
    expect(() => {
      for (let row = 0; row < 200; row++) record(first.store);
    }).toThrowError("full");
    const { seq } = journal.head();
    first.clock.stepWall(DAY_MS);
    await first.clock.advance(2000);
    first.clock.stepWall(3_600_000);
    await first.clock.advance(10_000);
    expect(journal.head().seq).toBe(seq);
    db.pragma("max_page_count = 1000000");
    await first.clock.advance(10_000);
    expect(journal.entryBySeq(seq + 1)).toMatchObject({
      kind: "device.clock-stepped",
      timeTrust: "unknown",
      body: { byMs: DAY_MS + 3_600_000 },
    });
    await first.off();
    expect(mealNow(await boot(NOON + DAY_MS + 3_700_000))).toBeNull();
  });

  it("decides no meal at the first start before cloud, NTP or an operator has spoken", async () => {
    const first = await boot(NOON);
    expect(mealNow(first)).toBeNull();
    cloudSays(first.store, NOON);
    expect(mealNow(first)).toBe("lunch");
  });

  it("is held through a restart without network, and through a year in a cupboard it is not", async () => {
    const first = await boot(NOON);
    cloudSays(first.store, NOON);
    await first.off();
    const second = await boot(NOON + DAY_MS);
    expect(second.store.timeTrust.current()).toBe("held");
    expect(mealNow(second)).toBe("lunch");
    await second.off();
    expect(mealNow(await boot(NOON + 365 * DAY_MS))).toBeNull();
  });

  it("with a dead battery decides no meal, keeps the order of what is recorded, and is right again with late NTP", async () => {
    const first = await boot(NOON);
    cloudSays(first.store, NOON);
    await first.off();
    const second = await boot(DEAD);
    record(second.store);
    expect(second.store.timeTrust.current()).toBe("unknown");
    expect(mealNow(second)).toBeNull();
    // The cloud's word alone does not help while the wall itself still says 1970.
    cloudSays(second.store, NOON + DAY_MS);
    expect(mealNow(second)).toBeNull();
    second.clock.stepWall(NOON + DAY_MS - DEAD);
    await second.clock.advance(2000);
    expect(second.store.timeTrust.current()).toBe("synced");
    expect(mealNow(second)).toBe("lunch");
    const entries = second.store.journal.readAfter(0, { countMax: 100, bytesMax: 1e7 });
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    const stepped = entries.find(({ kind }) => kind === "device.clock-stepped");
    expect(stepped?.body).toMatchObject({ byMs: NOON + DAY_MS - DEAD });
    expect(entries.filter(({ atMs }) => atMs < NOON).every(({ timeTrust }) => timeTrust === "unknown")).toBe(
      true,
    );
    await second.off();
    expect(verifyJournal(databaseFile(dataFolder), TERMINAL_PROJECTIONS).ok).toBe(true);
  });

  it("decides no meal after somebody set it, until it is set right or an operator says that it is", async () => {
    const first = await boot(NOON);
    cloudSays(first.store, NOON);
    first.clock.stepWall(6 * 3_600_000);
    await first.clock.advance(2000);
    expect(mealNow(first)).toBeNull();
    first.clock.stepWall(-6 * 3_600_000);
    await first.clock.advance(2000);
    expect(mealNow(first)).toBe("lunch");
    first.clock.stepWall(3_600_000);
    await first.clock.advance(2000);
    expect(mealNow(first)).toBeNull();
    first.store.confirmClock("m1");
    expect(first.store.timeTrust.current()).toBe("held");
    expect(mealNow(first)).toBe("lunch");
    const kinds = first.store.journal.readAfter(0, { countMax: 100, bytesMax: 1e7 }).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "device.clock-stepped")).toHaveLength(3);
    expect(kinds).toContain("device.clock-confirmed");
  });

  it("that starts behind the last record decides no meal, though it is only minutes", async () => {
    const first = await boot(NOON);
    cloudSays(first.store, NOON);
    await first.off();
    expect(mealNow(await boot(NOON - 600_000))).toBeNull();
  });

  it("is not believed after a run that never knew the time, and is where NTP has set it since boot", async () => {
    const first = await boot(NOON);
    record(first.store);
    await first.off();
    const second = await boot(NOON + 60_000);
    expect(mealNow(second)).toBeNull();
    await second.off();
    writeFileSync(ntpFile, "");
    const third = await boot(NOON + 120_000);
    expect(third.store.timeTrust.current()).toBe("synced");
    expect(mealNow(third)).toBe("lunch");
  });
});
