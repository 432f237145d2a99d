import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CanteenError } from "../platform/errors.ts";
import { fakeReady } from "./fake-receiving.ts";
import { type RunningKiosk, startKiosk, TestPage } from "./kiosk-test-client.ts";
import { type ReceivingServerMessage, receivingServerMessage } from "./receiving-protocol.ts";

const HELLO = { type: "hello", page: "receiving" };
const TAKE = { kind: "take" };

/** The receiving page's socket over a real server, on stand-ins of the terminal's parts. */
describe("receiving page's socket", () => {
  let kiosk: RunningKiosk;
  const pages: TestPage<ReceivingServerMessage>[] = [];
  beforeEach(async () => {
    kiosk = await startKiosk();
  });
  afterEach(async () => {
    for (const { socket } of pages.splice(0)) socket.terminate();
    await kiosk.close();
  });

  const open = async (operatorId: string | null = "k1"): Promise<TestPage<ReceivingServerMessage>> => {
    const headers = operatorId === null ? undefined : { authorization: `Bearer token-${operatorId}` };
    const page = await TestPage.open(kiosk, "/ws/receiving", receivingServerMessage, headers);
    pages.push(page);
    return page;
  };
  const openAsScreen = async (operatorId = "k1"): Promise<TestPage<ReceivingServerMessage>> => {
    const page = await open(operatorId);
    page.say(HELLO);
    await page.first("live");
    return page;
  };

  it("tells a page whose person signed in what is going on, and for whom", async () => {
    const page = await openAsScreen();
    expect((await page.first("surroundings")).operator.operatorId).toBe("k1");
    expect((await page.first("view")).view.step.kind).toBe("choosing");
    expect((await page.first("live")).live.scales).toHaveLength(1);
  });

  it("tells nothing to a page where nobody signed in, or somebody whose work this is not", async () => {
    await kiosk.world.operators.add({ operatorId: "c1", displayName: "收银", role: "cashier" });
    for (const [operatorId, code] of [
      [null, "sign-in-needed"],
      ["c1", "role-refused"],
    ] as const) {
      const page = await open(operatorId);
      page.say(HELLO);
      expect((await page.first("problem")).problem.code).toBe(code);
      page.say({ type: "command", askId: 1, command: TAKE });
      expect(await page.answer(1)).toMatchObject({ type: "failed" });
      expect(page.told().map(({ type }) => type)).toEqual(["problem", "failed"]);
    }
    expect(kiosk.world.receiving.commands).toEqual([]);
  });

  it("gives a command in the name of the session and answers it by its own id", async () => {
    const page = await openAsScreen("m1");
    kiosk.world.receiving.answers.push({ kind: "refused", reason: "not-now" }, { kind: "done" });
    page.say({ type: "command", askId: 7, command: TAKE });
    page.say({ type: "command", askId: 8, command: { kind: "cancel" } });
    expect(await page.answer(8)).toMatchObject({ answer: { kind: "done" } });
    expect(await page.answer(7)).toMatchObject({ answer: { kind: "refused", reason: "not-now" } });
    expect(kiosk.world.receiving.commands).toEqual([
      { operatorId: "m1", command: TAKE },
      { operatorId: "m1", command: { kind: "cancel" } },
    ]);
  });

  it("says a fault in words and goes on", async () => {
    const page = await openAsScreen();
    kiosk.world.receiving.fault = new CanteenError("full", {
      code: "disk-full",
      retry: "after-operator",
      hint: { zh: "磁盘已满", en: "The disk is full" },
    });
    page.say({ type: "command", askId: 1, command: TAKE });
    expect(await page.answer(1)).toMatchObject({ problem: { hint: { en: "The disk is full" } } });
    kiosk.world.receiving.fault = null;
    page.say({ type: "command", askId: 2, command: TAKE });
    expect(await page.answer(2)).toMatchObject({ answer: { kind: "done" } });
  });

  it("asks for a new sign-in once the session has ended, and takes no command meanwhile", async () => {
    const page = await openAsScreen();
    kiosk.world.operators.signOut("token-k1");
    page.say({ type: "command", askId: 1, command: TAKE });
    expect(await page.answer(1)).toMatchObject({ problem: { code: "sign-in-needed" } });
    expect(kiosk.world.receiving.commands).toEqual([]);
  });

  it("takes commands of the newest page only, and gives the screen back when that one goes", async () => {
    const older = await openAsScreen();
    const newer = await openAsScreen("m1");
    await older.first("superseded");
    older.say({ type: "command", askId: 1, command: TAKE });
    expect(await older.answer(1)).toMatchObject({ problem: { code: "receiving-elsewhere" } });
    const views = (): number => older.told().filter(({ type }) => type === "view").length;
    expect(views()).toBe(1);
    newer.socket.close();
    await older.until(() => (views() === 2 ? true : null));
    older.say({ type: "command", askId: 2, command: TAKE });
    expect(await older.answer(2)).toMatchObject({ answer: { kind: "done" } });
  });

  it("sends several changes of one turn as one view", async () => {
    const page = await openAsScreen();
    for (const day of ["2026-09-02", "2026-09-03", "2026-09-04"]) kiosk.world.receiving.show({ day });
    await page.until((message) =>
      message.type === "view" && message.view.day === "2026-09-04" ? true : null,
    );
    await page.handled();
    expect(page.told().filter(({ type }) => type === "view")).toHaveLength(2);
  });

  it("leaves out readings that a newer one has overtaken, never the newest", async () => {
    const page = await openAsScreen();
    for (let grams = 1; grams <= 200; grams += 1) kiosk.world.receiving.weigh(fakeReady(grams));
    const lives = (): readonly number[] =>
      page
        .told()
        .flatMap((message) => (message.type === "live" ? [message.live.scales[0]?.grams ?? -1] : []));
    await page.until(() => (lives().at(-1) === 200 ? true : null));
    expect(lives()).toEqual([0, 1, 200]);
  });

  it("answers garbage with a problem and asks nothing of the terminal", async () => {
    const page = await openAsScreen();
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (garbage) => {
        page.socket.send(garbage);
        await page.handled();
        expect(page.told().at(-1)?.type).toBe("problem");
        expect(kiosk.world.receiving.commands).toEqual([]);
      }),
      { numRuns: 30 },
    );
    page.say({ type: "command", askId: 1, command: TAKE });
    expect(await page.answer(1)).toMatchObject({ answer: { kind: "done" } });
  });
});
