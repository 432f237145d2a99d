import { mkdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect, test } from "vitest";
import { ScaleDriver } from "../../firmware-bridge/drivers/scale-driver.ts";
import { dialectOf } from "../../firmware-bridge/protocol/registry.ts";
import { ScaleSimulator, ST_GS_VOICE } from "../../firmware-bridge/simulators/scale-simulator.ts";
import { tcpBay } from "../../firmware-bridge/simulators/tcp-bay.ts";
import { transportTo } from "../../firmware-bridge/transport/port-name.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../../firmware-bridge/transport/system-time.ts";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import { PhotoFiles } from "../photos/photo-files.ts";
import type { PhotoStore } from "../photos/photo-port.ts";
import { openPhotoStore } from "../photos/photo-store.ts";
import type { PhotoMoment } from "../photos/studio-port.ts";
import { present } from "../platform/assert.ts";
import { idSource, systemEntropy } from "../platform/entropy.ts";
import { SystemClock } from "../platform/system-clock.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { createGoodsLedger } from "../receiving/goods-ledger.ts";
import { SqliteOrderBook } from "../receiving/order-book.ts";
import { orderLine, purchaseOrder, receivingRig } from "../receiving/receiving-fixture.ts";
import { databaseFile, photoFolder } from "../terminal-database.ts";
import { runCaptured } from "./captured-io.ts";
import { openTerminalJournal } from "./opened-journal.ts";
import { pruneFolder } from "./pruned-folder.ts";

/** A terminal's data folder in which one pan was taken from a scale that speaks over TCP. */
async function takenOverTcp(): Promise<{
  readonly folder: string;
  readonly id: string;
  readonly photo: string;
  /** What was written under the photos. */
  readonly captions: readonly (readonly string[])[];
}> {
  const folder = temporaryFolder();
  const dataFolder = join(folder, "data");
  mkdirSync(dataFolder);
  const clock = new SystemClock();
  const { db, journal } = openTerminalJournal(dataFolder, clock);
  const ids = idSource(clock, systemEntropy);
  const limits = { bytesMax: 1e8, keptMsMin: 0 };
  const photos = openPhotoStore({ db, folder: photoFolder(dataFolder), clock, limits });
  const bay = await tcpBay();
  await bay.plug();
  const script = [
    ...Array.from({ length: 8 }, () => ({ grams: 0, stable: true })),
    ...Array.from({ length: 4 }, () => ({ grams: 4000, stable: false })),
    { grams: 10_000, stable: true },
  ];
  const scale = new ScaleDriver({
    transport: transportTo(bay.address, { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 }),
    dialect: present(dialectOf("stgs-text"), "the dialect"),
    clock: systemBridgeClock,
    entropy: systemBridgeEntropy,
  });
  const limitsOfScale = { unit: "kg", minG: 200, maxG: 60_000, divisionG: 10 } as const;
  const identity = {
    ...{ scaleId: "one", label: "1 号秤", serialNumber: "A-1", verifiedOn: "2026-03-01" },
    ...{ minG: 200, maxG: 60_000, divisionG: 10, protocol: "stgs-text", protocolOptions: {} },
  };
  const orders = new SqliteOrderBook({ db, journal, clock, ids, priceFree: false });
  const captions: (readonly string[])[] = [];
  const rig = receivingRig({
    more: {
      ...{
        db,
        journal,
        clock,
        ids,
        orders,
        photos,
        ledger: createGoodsLedger(db),
        studio: studioOf(photos, captions),
      },
      scales: new Map([["one", { scale, limits: limitsOfScale, identity }]]),
    },
  });
  orders.apply({ after: 0, revision: 1, orders: [purchaseOrder("po-1", [orderLine("1")])] });
  await rig.act({ kind: "choose-delivery", orderId: "po-1" });
  await rig.act({ kind: "choose-line", lineId: "1" });
  const steady = new Promise<void>((resolve) => {
    rig.receiving.onLive(({ scales }) => {
      if (scales[0]?.gate.kind === "ready" && scales[0].grams === 10_000) resolve();
    });
  });
  scale.open({ signal: new AbortController().signal });
  const simulator = new ScaleSimulator({
    socket: bay.socket,
    clock: systemBridgeClock,
    voice: ST_GS_VOICE,
    script,
  });
  await steady;
  const taken = await rig.act({ kind: "take" });
  simulator.stop();
  await rig.receiving.close();
  await scale.close();
  await bay.close();
  db.close();
  if (taken.kind !== "taken" || taken.weighIn.photo.kind !== "taken") throw new Error(JSON.stringify(taken));
  const { weighInId, photo } = taken.weighIn;
  return { folder, id: weighInId, photo: photo.photo.photoSha256, captions };
}

function studioOf(photos: PhotoStore, captions: (readonly string[])[]) {
  return {
    take: async ({ caption }: PhotoMoment) => {
      captions.push(caption.lines);
      const photo = await photos.put(Buffer.from("picture"), { size: "photo", mediaType: "image/jpeg" });
      const small = await photos.put(Buffer.from("small"), { size: "thumbnail", mediaType: "image/jpeg" });
      const hashes = { photoSha256: photo.sha256, thumbnailSha256: small.sha256 };
      return {
        kind: "taken" as const,
        photo: { ...hashes, offMs: 12, cameraLabel: "browser", facesBlurred: 0 },
      };
    },
    ready: () => ({ kind: "ready" as const }),
    close: async () => {},
  };
}

test("a weigh-in over a scale's real bytes is proved from the files, and found out where it was touched", async () => {
  const { folder, id, photo, captions } = await takenOverTcp();
  const run = (...argv: string[]) => runCaptured([...argv, "--data", "data"], { folder });
  const list = await run("receiving", "list", "--json");
  expect(JSON.parse(list.stdout)).toMatchObject({ weighIns: [{ id, kind: "accepted", netG: 10_000 }] });

  const proof = await run("receiving", "prove", id, "--json");
  expect(proof).toMatchObject({ exitCode: 0, stderr: "" });
  expect(JSON.parse(proof.stdout)).toMatchObject({
    ok: true,
    record: { body: { weight: { scale: { scaleId: "one", verifiedOn: "2026-03-01" } } } },
    checks: ["chain", "photo", "thumbnail", "caption", "frames", "weight", "order"].map((what) => ({
      what,
      state: "ok",
    })),
  });
  const plain = await run("receiving", "prove", id);
  expect(plain.stdout).toContain("✓ 重量 / weight: decodes");
  expect(plain.stdout).toContain("2026-03-01");
  expect(captions).toHaveLength(1);
  const strip = captions[0]?.at(-1)?.replace(/^#\w{8} {2}/, "");
  expect(strip).toMatch(/^内容码 content [0-9a-f]{12}$/);
  expect(plain.stdout).toContain(`the strip must say: ${strip}`);

  const file = new PhotoFiles(photoFolder(join(folder, "data"))).fileOf(photo, "image/jpeg");
  await writeFile(file, "another picture");
  const changed = await run("receiving", "prove", id, "--json");
  expect(changed.exitCode).toBe(3);
  const found = { what: "photo", state: "failed", ackedAtMs: null };
  expect(JSON.parse(changed.stdout).checks).toContainEqual({ ...found, code: "photo-changed" });

  await rm(file);
  const gone = await run("receiving", "prove", id, "--json");
  expect(gone.exitCode).toBe(3);
  expect(JSON.parse(gone.stdout).checks).toContainEqual({ ...found, code: "photo-missing" });
  expect((await run("receiving", "prove", id)).stdout).toContain("the cloud never acknowledged it");

  // Somebody with the file and the will: the weight on record, and the frame under it.
  const db = new Sqlite(databaseFile(join(folder, "data")));
  db.exec("DROP TRIGGER journal_never_updated");
  db.prepare("UPDATE journal SET body = replace(body, ?, ?) WHERE id = ?").run("10000", "12000", id);
  db.close();
  const tampered = await run("receiving", "prove", id, "--json");
  expect(tampered.exitCode).toBe(3);
  const codes = JSON.parse(tampered.stdout).checks.map(({ code }: { code: string }) => code);
  expect(codes).toEqual(expect.arrayContaining(["hash-wrong", "content-differs", "weight-differs"]));
});

test("what was struck is told by the chain, and the entry that struck it says what", async () => {
  const { folder, id } = await takenOverTcp();
  const clock = new SystemClock();
  const { db, journal } = openTerminalJournal(join(folder, "data"), clock);
  const strikeId = idSource(clock, systemEntropy).next();
  const body = { weighInId: id, kind: "accepted", deliveryId: null, reasonId: "wrong-tare" };
  const signed = { operatorId: "keeper", signature: null };
  journal.append({ id: strikeId, kind: "weighin.reversed", body: { ...body, ...signed } });
  const { seq } = journal.head();
  // Somebody would have it count again.
  db.prepare("UPDATE weigh_in SET struck_seq = NULL").run();
  db.close();
  const run = (...argv: string[]) =>
    runCaptured(["receiving", "prove", ...argv, "--data", "data"], { folder });
  expect(JSON.parse((await run(id, "--json")).stdout)).toMatchObject({ ok: true, struckBySeq: seq });
  const { stdout } = await run(strikeId);
  for (const text of [`strikes ${id}`, "reason wrong-tare", "by keeper"]) expect(stdout).toContain(text);
});

test("a photo that was deleted by the rules is told from one that somebody took away", async () => {
  const { folder, id, photo } = await takenOverTcp();
  const dataFolder = join(folder, "data");
  const run = (...more: string[]) =>
    runCaptured(["receiving", "prove", id, "--data", "data", ...more], { folder });
  const db = new Sqlite(databaseFile(dataFolder));
  const stored = db.prepare("SELECT max(stored_at_ms) FROM photo").pluck().get() as number;
  const clock = new VirtualClock(stored);
  const limits = { bytesMax: 1e8, keptMsMin: 86_400_000 };
  const photos = openPhotoStore({ db, folder: photoFolder(dataFolder), clock, limits });
  await clock.advance(1000);
  photos.confirm(photo);
  await clock.advance(2 * 86_400_000);
  expect(await photos.tidy()).toMatchObject({ deletedCount: 1 });
  const [ackedAtMs, deletedAtMs] = [stored + 1000, clock.now()];
  const gone = await run("--json");
  expect(gone.exitCode).toBe(0);
  const checks = JSON.parse(gone.stdout).checks;
  const retired = { state: "gone", code: "photo-retired", ackedAtMs, deletedAtMs };
  expect(checks).toContainEqual({ what: "photo", ...retired });
  expect(checks).toContainEqual({ what: "thumbnail", state: "ok", code: "intact", ackedAtMs: null });
  expect((await run()).stdout).toContain(
    `acknowledged by the cloud ${new Date(ackedAtMs).toISOString()}，本机删除 / deleted here ${new Date(deletedAtMs).toISOString()}`,
  );

  // The whole journal is with the cloud; of the other photo it never had a word, and now neither row nor file is left.
  db.exec("UPDATE journal_receipt SET acked_seq = (SELECT max(seq) FROM journal)");
  db.exec("DELETE FROM photo");
  db.close();
  await rm(photoFolder(dataFolder), { recursive: true });
  const taken = await run("--json");
  expect(taken.exitCode).toBe(3);
  const missing = { state: "failed", code: "photo-missing", ackedAtMs: null };
  expect(JSON.parse(taken.stdout).checks).toContainEqual({ what: "thumbnail", ...missing });
  expect(JSON.parse(taken.stdout).checks).toContainEqual({ what: "photo", ...retired });
});

test("an id that nobody knows, or of something else, is said to be that", async () => {
  const { folder } = await takenOverTcp();
  const run = (id: string) => runCaptured(["receiving", "prove", id, "--data", "data", "--json"], { folder });
  const unknown = await run("0");
  expect(unknown.exitCode).toBe(1);
  expect(JSON.parse(unknown.stderr)).toMatchObject({ error: { code: "weigh-in-unknown" } });
  const db = new Sqlite(databaseFile(join(folder, "data")), { readonly: true });
  const other = db.prepare<[], { id: string }>("SELECT id FROM journal WHERE kind = 'orders.received'").get();
  db.close();
  expect(JSON.parse((await run(other?.id ?? "")).stderr)).toMatchObject({ error: { code: "not-goods" } });
  const none = await runCaptured(["receiving", "list", "--data", "nowhere", "--json"], { folder });
  expect(JSON.parse(none.stderr)).toMatchObject({ error: { code: "journal-missing" } });
});

test("a weigh-in whose entry was pruned is no longer proved, and not called unknown", async () => {
  const { folder, id } = await takenOverTcp();
  const { baseSeq } = await pruneFolder(folder);
  expect(baseSeq).toBeGreaterThan(1);
  const proved = await runCaptured(["receiving", "prove", id, "--data", "data", "--json"], { folder });
  expect(proved.exitCode).toBe(1);
  expect(proved.stderr + proved.stdout).toContain("journal-no-longer-held");
  expect(proved.stderr + proved.stdout).toContain(`${baseSeq + 1}`);
});
