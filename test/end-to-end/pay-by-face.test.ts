import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verifyJournal } from "../../device/journal/verify.ts";
import type { Terminal } from "../../device/main.ts";
import type { CheckoutView } from "../../device/serving-line/serving-line-port.ts";
import { databaseFile, TERMINAL_PROJECTIONS } from "../../device/terminal-database.ts";
import { enrol, openSchool, photosOf, type School, until } from "./school.ts";

/** Every view the diner's screen showed, in order. */
function screenOf(terminal: Terminal): CheckoutView[] {
  const views: CheckoutView[] = [];
  terminal.servingLine.onStatus(({ view }) => views.push(view));
  return views;
}

const paidIn = (views: readonly CheckoutView[]): string[] =>
  views.flatMap((view) => (view.kind === "paid" ? [view.receipt.personId] : []));

const chargedInCloud = ({ cloud }: School): string[] =>
  cloud.views
    .charges(100)
    .map(({ personId }) => personId)
    .toSorted();

describe("paying by face, from camera frame to the cloud's receipt", () => {
  it("charges a person who is enrolled from other photos once, and says so the second time", async () => {
    const school = await openSchool();
    // 1001's photos at the camera come from another photo than the enrolled ones.
    const terminal = await school.startTerminal({ cameraNumbers: ["1001"] });
    const views = screenOf(terminal);
    const personId = await enrol(terminal, "1001");
    const paid = await until("paid", () => views.find((view) => view.kind === "paid"));
    expect(paid.kind === "paid" && paid.receipt).toMatchObject({
      personId,
      method: "face",
      displayName: "陈一诺",
    });
    const again = await until("already paid", () => views.find((view) => view.kind === "refused"));
    expect(again).toMatchObject({ reason: "meal-already-charged", earlier: { personId } });
    await until("the cloud's receipt", () => (terminal.sync.status().waitingCount === 0 ? true : null));
    expect(chargedInCloud(school)).toEqual([personId]);
    expect(new Set(paidIn(views))).toEqual(new Set([personId]));
  });

  it("serves on while the network is away, and the cloud gets each charge once when it returns", async () => {
    const school = await openSchool();
    const terminal = await school.startTerminal({ cameraNumbers: ["1003", "1004"] });
    const enrolled = [await enrol(terminal, "1003")];
    await until("first receipt", () => (terminal.sync.status().waitingCount === 0 ? true : null));
    await school.broker.stop();
    enrolled.push(await enrol(terminal, "1004"));
    const views = screenOf(terminal);
    await until("both paid or had paid", () =>
      new Set(terminal.servingLine.recentCharges(10).map(({ personId }) => personId)).size === 2
        ? true
        : null,
    );
    expect(terminal.sync.status()).toMatchObject({ connection: "offline" });
    expect(terminal.sync.status().waitingCount).toBeGreaterThan(0);
    await school.broker.start();
    await until("the queue has drained", () => (terminal.sync.status().waitingCount === 0 ? true : null));
    expect(chargedInCloud(school)).toEqual(enrolled.toSorted());
    expect(school.cloud.views.devices()[0]).toMatchObject({ chain: "whole", missing: [], conflictSeqs: [] });
    expect(views.some((view) => view.kind === "closed")).toBe(false);
  });

  it("offers another way to somebody who is not enrolled, and charges nobody", async () => {
    const school = await openSchool();
    const terminal = await school.startTerminal({ cameraNumbers: ["1007"], photoHoldMs: 8000 });
    await enrol(terminal, "1003");
    const views = screenOf(terminal);
    await until("another way for an unknown face", () =>
      views.find((view) => view.kind === "other-way" && view.reason === "unknown-face"),
    );
    expect(terminal.servingLine.recentCharges(1)).toEqual([]);
  });

  it("knows the enrolled again after a restart, and forgets who withdraws at once, also offline", async () => {
    const school = await openSchool();
    const first = await school.startTerminal();
    const personId = await enrol(first, "1004");
    await first.close();
    const terminal = await school.startTerminal({ cameraNumbers: ["1004"], photoHoldMs: 8000 });
    const views = screenOf(terminal);
    await until("paid after the restart", () => terminal.servingLine.recentCharges(1)[0]);
    expect(terminal.servingLine.recentCharges(1)).toMatchObject([{ personId, method: "face" }]);
    await school.broker.stop();
    terminal.store.templates.withdraw({
      entryId: terminal.store.ids.next(),
      personId,
      operatorId: "op-1",
      reason: "guardian asked",
    });
    await terminal.engine.gallery().settled();
    expect(await terminal.engine.engine.gallerySize()).toEqual({ people: 0, templates: 0 });
    const from = views.length;
    await until("unknown from now on", () => views.slice(from).find((view) => view.kind === "other-way"));
  });

  it("leaves no name, face or template in log, metrics or journal, and a journal that verifies", async () => {
    const school = await openSchool();
    const terminal = await school.startTerminal({ cameraNumbers: ["1003"] });
    const views = screenOf(terminal);
    const personId = await enrol(terminal, "1003");
    await until("paid", () => (paidIn(views).includes(personId) ? true : null));
    const [terminalUrl] = terminal.urls;
    const metrics = await (await fetch(`${terminalUrl?.url}/metrics`)).text();
    const entries = terminal.store.journal.readAfter(0, { countMax: 1000, bytesMax: 10_000_000 });
    const { embedding } = await firstFace(terminal);
    await terminal.close();
    const name = nameOf1003(school);
    const told = [metrics, JSON.stringify(entries), ...school.logLines].join("\n");
    expect(told).toContain(personId);
    expect(told).not.toContain(name);
    expect(told).not.toMatch(/embedding|jpeg;|data:image/);
    expectNowhere(join(school.folder, "data"), Buffer.from(embedding.buffer, embedding.byteOffset, 64));
    expect(verifyJournal(databaseFile(join(school.folder, "data")), TERMINAL_PROJECTIONS)).toMatchObject({
      ok: true,
    });
  });
});

const nameOf1003 = ({ cloud }: School): string =>
  cloud.ledger.all().find(({ number }) => number === "1003")?.displayName ?? "(nobody)";

async function firstFace(terminal: Terminal): Promise<{ embedding: Float32Array }> {
  const [photo] = photosOf("1003");
  if (photo === undefined) throw new Error("1003 has photos");
  const [face] = (await terminal.engine.engine.analyze({ bytes: photo })).faces;
  if (face === undefined) throw new Error("1003's photo has a face");
  return face;
}

/** The first numbers of an embedding, byte by byte, are in no file below `folder`: what is there is sealed. */
function expectNowhere(folder: string, needle: Buffer): void {
  for (const file of readdirSync(folder))
    expect(readFileSync(join(folder, file)).includes(needle), file).toBe(false);
}
