import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../device/journal/database.ts";
import { openJournal } from "../device/journal/sqlite-journal.ts";
import { openPhotoStore } from "../device/photos/photo-store.ts";
import type { PhotoStudio } from "../device/photos/studio-port.ts";
import { idSource, systemEntropy } from "../device/platform/entropy.ts";
import { silentLogger } from "../device/platform/logger.ts";
import { SystemClock } from "../device/platform/system-clock.ts";
import { createGoodsLedger } from "../device/receiving/goods-ledger.ts";
import { SqliteOrderBook } from "../device/receiving/order-book.ts";
import type { PurchaseOrder } from "../device/receiving/order-port.ts";
import { createReceiving } from "../device/receiving/receiving.ts";
import type { Receiving } from "../device/receiving/receiving-port.ts";
import {
  databaseFile,
  photoFolder,
  TERMINAL_MIGRATIONS,
  TERMINAL_PROJECTIONS,
} from "../device/terminal-database.ts";
import type { Scale, ScaleReading } from "../firmware-bridge/ports/scale.ts";
import { createFaceEngine } from "../models/face-engine.ts";
import { CAMERA_SIZES, networkStudio } from "./bench-receiving-camera.ts";

const USAGE = `npm run bench:receiving [-- --count N --photos N]
收货的速度与内存 / receiving: loading 50 deliveries of 40 lines, stable reading to journal commit, memory over N pans
(1,000) with photos of 150 kB written and synced; then N pans (100) for each size of a network camera from the stable
reading to the commit with everything real: MJPEG, faces, encoder, disk. It needs the models for that.`;

/** Nobody lifts pans as fast as a program; a frame comes meanwhile. */
const BETWEEN_PANS_MS = 200;
const ORDERS = 50;
const LINES = 40;

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;

type Act = (command: Parameters<Receiving["command"]>[1]) => ReturnType<Receiving["command"]>;

interface Bench {
  readonly receiving: Receiving;
  readonly act: Act;
  readonly put: (grams: number) => void;
}

/** A scale whose pan is emptied and filled by hand. */
function handScale(clock: SystemClock): { readonly scale: Scale; readonly put: (grams: number) => void } {
  const listeners = new Set<(reading: ScaleReading) => void>();
  const scale: Scale = {
    label: "bench",
    state: () => ({ kind: "live" }),
    onReading: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onState: () => () => {},
    open: () => {},
    command: async () => ({ kind: "done" }),
    health: () => {
      throw new Error("nobody asks");
    },
    close: async () => {},
  };
  const say = (grams: number): void => {
    const value = `${Math.floor(grams / 1000)}.${String(grams % 1000).padStart(3, "0")}`;
    const reading: ScaleReading = {
      ...({ value, resolution: "0.001", unit: "kg", grams, mode: "gross", gross: value } as const),
      ...({ tare: null, net: null, stable: true, stableFrom: "wire", overload: false } as const),
      ...{ underload: false, zero: grams === 0, deviceTime: null, receivedMonoMs: clock.mono() },
      raw: Buffer.from(`ST,GS,${value.padStart(9)} kg`, "latin1"),
    };
    for (const listener of listeners) listener(reading);
  };
  return {
    scale,
    put: (grams) => {
      for (const said of [0, grams, grams, grams]) say(said);
    },
  };
}

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes("--help")) {
    console.log(USAGE);
    return;
  }
  const numberOf = (option: string, without: number): number =>
    argv.includes(option) ? Number(argv[argv.indexOf(option) + 1]) : without;
  const count = numberOf("--count", 1000);
  const folder = mkdtempSync(join(tmpdir(), "canteen-bench-"));
  const clock = new SystemClock();
  const db = openDatabase({ file: databaseFile(folder), clock, migrations: TERMINAL_MIGRATIONS });
  try {
    const timeTrust = { current: () => "synced" as const };
    const journal = openJournal({ db, clock, timeTrust, projections: TERMINAL_PROJECTIONS });
    const ids = idSource(clock, systemEntropy);
    const photos = openPhotoStore({
      ...{ db, clock, folder: photoFolder(folder) },
      limits: { bytesMax: 1e9, keptMsMin: 0 },
    });
    let isWithPhotos = false;
    let photoNumber = 0;
    let realStudio: PhotoStudio | null = null;
    const studio: PhotoStudio = {
      take: async (moment) => {
        if (realStudio !== null) return realStudio.take(moment);
        photoNumber += 1;
        const content = Buffer.alloc(isWithPhotos ? 150_000 : 8, photoNumber);
        content.writeUInt32BE(photoNumber);
        const small = content.subarray(0, Math.min(8000, content.length - 1));
        const keep = async (bytes: Buffer, size: "photo" | "thumbnail"): Promise<string> =>
          isWithPhotos
            ? (await photos.put(bytes, { size, mediaType: "image/jpeg" })).sha256
            : createHash("sha256").update(bytes).digest("hex");
        const photo = {
          photoSha256: await keep(content, "photo"),
          thumbnailSha256: await keep(small, "thumbnail"),
          ...{ offMs: 10, cameraLabel: "bench", facesBlurred: 0 },
        };
        return { kind: "taken", photo };
      },
      ready: () => ({ kind: "ready" }),
      close: async () => {},
    };
    const orders = new SqliteOrderBook({ db, journal, clock, ids, priceFree: false });
    const claim = { claim: (hashes: readonly string[]) => (isWithPhotos ? photos.claim(hashes) : undefined) };
    const ledger = createGoodsLedger(db);
    const scale = handScale(clock);
    const named = { id: "reason", name: { zh: "理由", en: "reason" } };
    const limits = { unit: "kg", minG: 200, maxG: 60_000, divisionG: 10 } as const;
    const identity = {
      ...{ scaleId: "one", label: "one", serialNumber: null, verifiedOn: null },
      ...{ minG: 200, maxG: 60_000, divisionG: 10, protocol: "stgs-text", protocolOptions: {} },
    };
    const receiving = createReceiving({
      ...{ journal, clock, ids, orders, photos: claim, ledger, studio, logger: silentLogger },
      ...{ thermometers: new Map(), scanners: [], priceFree: false, operatorAtPage: () => "keeper" },
      operatorName: () => null,
      scales: new Map([["one", { scale: scale.scale, limits, identity }]]),
      readCode: ({ text }) => ({ kind: "text", text }),
      desk: {
        byPin: async () => ({ kind: "refused", reason: "no-right" }),
        byFace: async () => ({ kind: "refused", reason: "no-right" }),
        signers: () => [{ operatorId: "keeper", displayName: "keeper", faceKnown: false }],
      },
      lists: {
        ...{ containers: [], overrideReasons: [named], rejectReasons: [named] },
        ...{ strikeReasons: [named], binReasons: [named] },
      },
      localTime: () => ({ day: "2026-09-01", time: "08:00:00" }),
    });
    const act: Act = (command) => receiving.command("keeper", command);
    const rig: Bench = { receiving, act, put: scale.put };
    for (let first = 0; first < ORDERS; first += 10)
      orders.apply({ after: first, revision: first + 10, orders: ordersFrom(first, 10) });

    const loads = Array.from({ length: 20 }, () => timed(() => rig.receiving.view()));
    console.log(
      `${ORDERS} deliveries × ${LINES} lines: list ${ms(percentile(loads.toSorted(byNumber), 0.5))} p50, ${ms(Math.max(...loads))} worst of 20`,
    );

    await rig.act({ kind: "choose-delivery", orderId: "po-0" });
    await rig.act({ kind: "choose-line", lineId: "1" });
    const commits = await takeMany(rig, 300, clock);
    report("reading → commit, no photo", commits);

    isWithPhotos = true;
    const before = memoryMb();
    const middle = await takeMany(rig, Math.ceil(count / 2), clock);
    const half = memoryMb();
    const rest = await takeMany(rig, Math.floor(count / 2), clock);
    report(`${count} with photos (stored, synced)`, [...middle, ...rest]);
    console.log(`memory: ${before} MB before, ${half} MB at half, ${memoryMb()} MB at the end`);
    const engine = await createFaceEngine({ artifactsFolder: "models/artifacts", faceCountMax: 5 });
    for (const size of CAMERA_SIZES) {
      const real = await networkStudio(size, { store: photos, engine, clock });
      realStudio = real.studio;
      await takeMany(rig, 3, clock, BETWEEN_PANS_MS);
      const took = await takeMany(rig, numberOf("--photos", 100), clock, BETWEEN_PANS_MS);
      report(
        `${size.join("×")} camera, frames of ${Math.round(real.frameBytes / 1000)} kB: reading → commit`,
        took,
      );
      realStudio = null;
      await real.close();
    }
    await engine.close();
    console.log(
      `load ${loadavg()
        .map((value) => value.toFixed(1))
        .join(" ")}`,
    );
    await receiving.close();
  } finally {
    db.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function ordersFrom(first: number, count: number): PurchaseOrder[] {
  const lines = Array.from({ length: LINES }, (_, index) => ({
    lineId: String(index + 1),
    product: { productId: `p-${index}`, name: `货品${index}` },
    ...({ unit: "kg", quantity: "99999999", packTareG: null, priceFen: 500, gtins: [] } as const),
    tolerance: { underBp: 500, overBp: 500 },
    ...{ temperatureMilliCMax: null, lotRequired: false, shelfDaysMin: null },
  }));
  return Array.from({ length: count }, (_, index) => ({
    ...({ version: 1, dueDate: "2026-09-01", status: "open", lines } as const),
    orderId: `po-${first + index}`,
    supplier: { supplierId: "s1", name: "绿源蔬菜" },
  }));
}

/** Milliseconds from the stable reading to the answer, which comes after the commit. */
async function takeMany(
  rig: Bench,
  count: number,
  clock: SystemClock,
  betweenMs = 0,
): Promise<readonly number[]> {
  const took: number[] = [];
  for (let index = 0; index < count; index++) {
    if (betweenMs > 0) await clock.delay(betweenMs);
    rig.put(1000 + (index % 50) * 10);
    const startMs = clock.mono();
    const answer = await rig.act({ kind: "take" });
    took.push(clock.mono() - startMs);
    if (answer.kind !== "taken") throw new Error(JSON.stringify(answer));
    // A line of a real delivery has a few pans, and each of them is in the view.
    if (index % 20 === 19) await nextLine(rig, index);
  }
  return took;
}

async function nextLine(rig: Bench, index: number): Promise<void> {
  await rig.act({ kind: "leave-delivery" });
  const number = ((index + 1) / 20) % ORDERS;
  await rig.act({ kind: "choose-delivery", orderId: `po-${number}` });
  await rig.act({ kind: "choose-line", lineId: String(1 + (index % LINES)) });
}

const byNumber = (a: number, b: number): number => a - b;

function report(what: string, took: readonly number[]): void {
  const sorted = took.toSorted(byNumber);
  console.log(
    `${what}: ${ms(sorted[0] ?? Number.NaN)} best, ${ms(percentile(sorted, 0.5))} p50, ${ms(percentile(sorted, 0.99))} p99 of ${took.length}`,
  );
}

function timed(work: () => unknown): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

function memoryMb(): number {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().rss / 1e6);
}

await main(process.argv.slice(2));
