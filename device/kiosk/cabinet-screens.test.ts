import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { type AlarmsMessage, alarmsMessage, cabinetServerMessage } from "./cabinet-protocol.ts";
import { fakeAlarm } from "./fake-cabinet.ts";
import { type RunningKiosk, startKiosk, TestPage } from "./kiosk-test-client.ts";

/** The cabinet's two sockets over a real server, on stand-ins of the terminal's parts. */
describe("cabinet's sockets", () => {
  let kiosk: RunningKiosk;
  const pages: { readonly socket: WebSocket; readonly closed: Promise<number> }[] = [];
  beforeEach(async () => {
    kiosk = await startKiosk();
  });
  afterEach(async () => {
    for (const { socket } of pages.splice(0)) socket.terminate();
    await kiosk.close();
  });

  const kept = <Page extends (typeof pages)[number]>(page: Page): Page => {
    pages.push(page);
    return page;
  };
  const open = async () => kept(await TestPage.open(kiosk, "/ws/cabinet", cabinetServerMessage));
  const openAlarms = async () => kept(await TestPage.open(kiosk, "/ws/alarms", alarmsMessage));
  const HELLO = { type: "hello", page: "cabinet" };
  const PIN = { by: "pin", operatorId: "k1", pin: "1357" };

  it("tells a page at the terminal everything without a sign-in", async () => {
    const page = await open();
    page.say(HELLO);
    expect((await page.first("cabinet")).view.cabinetId).toBe("cabinet-1");
    expect((await page.first("samples")).samples.missing).toHaveLength(2);
    expect((await page.first("taking")).taking).toEqual({ step: "idle" });
  });

  it("asks for the right that the act needs, and does nothing without the signature", async () => {
    kiosk.world.cabinets.alarm({ level: "critical" });
    const page = await open();
    page.say(HELLO);
    const { key } = fakeAlarm();
    const shelve = { kind: "shelve", key, durationMs: 60_000, reason: "in repair" };
    page.say({ type: "command", askId: 1, command: { ...shelve, signer: { ...PIN, pin: "9999" } } });
    expect(await page.answer(1)).toMatchObject({
      answer: { kind: "not-signed", outcome: { kind: "wrong", attemptsLeft: 4 } },
    });
    expect(kiosk.world.cabinets.asked).toEqual([]);
    page.say({ type: "command", askId: 2, command: { ...shelve, signer: PIN } });
    expect(await page.answer(2)).toMatchObject({ answer: { kind: "done" } });
    expect(kiosk.world.signatures.rights).toEqual(["override", "override"]);
    expect(kiosk.world.cabinets.asked).toHaveLength(1);
  });

  it("ends the look for a face when the page says so", async () => {
    const page = await open();
    page.say(HELLO);
    const command = { kind: "end-defrost", cabinetId: "cabinet-1", signer: { by: "face" } };
    page.say({ type: "command", askId: 1, command });
    page.say({ type: "command", askId: 2, command: { kind: "stop-looking" } });
    expect(await page.answer(1)).toMatchObject({
      answer: { kind: "not-signed", outcome: { kind: "not-recognised", reason: "cancelled" } },
    });
  });

  it("takes commands of the newest page only", async () => {
    const older = await open();
    older.say(HELLO);
    await older.first("cabinet");
    const newer = await open();
    newer.say(HELLO);
    await older.first("superseded");
    older.say({ type: "command", askId: 1, command: { kind: "silence", cabinetId: "cabinet-1" } });
    expect(await older.answer(1)).toMatchObject({ type: "failed", problem: { code: "cabinet-elsewhere" } });
    expect(kiosk.world.cabinets.asked).toEqual([]);
  });

  it("tells every page of an alarm, and silences for whoever presses", async () => {
    const [one, other] = await Promise.all([openAlarms(), openAlarms()]);
    kiosk.world.cabinets.alarm();
    const calling = ({ cabinets: [cabinet] }: AlarmsMessage) => {
      return cabinet?.isSounding === true ? cabinet : null;
    };
    for (const page of [one, other]) expect((await page.until(calling)).alarms).toHaveLength(1);
    one.say({ type: "silence", cabinetId: "cabinet-1" });
    await other.until(({ cabinets: [cabinet] }) => (cabinet?.silencedForMs === 300_000 ? cabinet : null));
    expect(kiosk.world.cabinets.asked).toEqual([{ act: "silence", what: "cabinet-1" }]);
  });

  it("answers garbage with a problem and goes on", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (garbage) => {
        const page = await open();
        const alarms = await openAlarms();
        page.socket.send(garbage);
        alarms.socket.send(garbage);
        await page.first("problem");
        page.say(HELLO);
        await page.first("cabinet");
        expect(kiosk.world.cabinets.asked).toEqual([]);
        for (const { socket, closed } of pages.splice(0)) {
          socket.close();
          await closed;
        }
      }),
      { numRuns: 30 },
    );
  });

  it("gives curve, records, history, signers and a label; the rates to a manager only", async () => {
    const curve = await kiosk.ask(
      "GET",
      "/api/cabinet/curve?cabinetId=cabinet-1&fromMs=0&toMs=86400000",
      undefined,
      {},
    );
    expect(curve.json()).toMatchObject({
      limits: [{ probeId: "air", highMilliC: 8000 }, { probeId: "food" }],
    });
    const unknown = await kiosk.ask("GET", "/api/cabinet/curve?cabinetId=no&fromMs=0&toMs=1", undefined, {});
    expect(unknown.status).toBe(404);
    const tooLong = `/api/cabinet/curve?cabinetId=cabinet-1&fromMs=0&toMs=${40 * 86_400_000}`;
    expect((await kiosk.ask("GET", tooLong, undefined, {})).status).toBe(400);
    const signers = await kiosk.ask("GET", "/api/cabinet/signers?right=keep", undefined, {});
    expect(signers.json()).toMatchObject({ signers: [{ operatorId: "k1" }, { operatorId: "m1" }] });
    const label = await kiosk.ask("GET", "/api/cabinet/labels/sample-1", undefined, {});
    expect(label.headers.get("content-security-policy")).not.toContain("script");
    expect((await kiosk.ask("GET", "/api/cabinet/labels/gone", undefined, {})).status).toBe(404);
    const rates = "/api/cabinet/rates?fromMs=0&toMs=1";
    expect((await kiosk.ask("GET", rates, undefined, {})).status).toBe(401);
    expect((await kiosk.ask("GET", rates)).json()).toEqual({ rates: [] });
  });
});
