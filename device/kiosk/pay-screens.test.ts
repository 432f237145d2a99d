import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { CanteenError } from "../platform/errors.ts";
import { fen } from "../platform/units.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { fakeReceipt } from "./fake-checkout.ts";
import { createFakeWorld, type FakeWorld } from "./fake-world.ts";
import type { KioskServer } from "./kiosk-ports.ts";
import { createKioskServer } from "./kiosk-server.ts";
import { type PageMessage, type ServerMessage, serverMessageSchema } from "./protocol.ts";

const JPEG = Uint8Array.from([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]);

let uiFolder = "";
let clock: VirtualClock;
let world: FakeWorld;
let server: KioskServer;
let url = "";

beforeEach(async () => {
  uiFolder = await mkdtemp(join(tmpdir(), "canteen-ui-"));
  await writeFile(join(uiFolder, "index.html"), "<!doctype html>");
  clock = new VirtualClock();
  world = createFakeWorld({ clock });
  server = createKioskServer(world.serverOptions(uiFolder));
  url = (await server.start()).url;
});
afterEach(async () => {
  await server.close();
  world.metrics.close();
  await rm(uiFolder, { recursive: true, force: true });
});

/** A page that keeps what it was sent and lets a test wait for the next message of a kind. */
class Page {
  readonly messages: ServerMessage[] = [];
  readonly pictures: Uint8Array[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  #wake: () => void = () => {};

  constructor(origin: string = url) {
    this.socket = new WebSocket(`${url.replace("http", "ws")}/ws`, { origin });
    this.closed = new Promise((resolve) => this.socket.once("close", (code) => resolve(code)));
    this.socket.on("error", () => {});
    this.socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) this.pictures.push(new Uint8Array(data));
      else this.messages.push(serverMessageSchema.parse(JSON.parse(data.toString())));
      this.#wake();
    });
  }

  static async pay(): Promise<Page> {
    const page = new Page();
    await new Promise((resolve) => page.socket.once("open", resolve));
    page.say({ type: "hello", page: "pay" });
    await page.until("status");
    return page;
  }

  say(message: PageMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The next message of that type, taken out of the ones that came. */
  async until<Type extends ServerMessage["type"]>(
    type: Type,
  ): Promise<Extract<ServerMessage, { type: Type }>> {
    for (;;) {
      const index = this.messages.findIndex((message) => message.type === type);
      const found = index < 0 ? undefined : this.messages.splice(index, 1)[0];
      if (found !== undefined) return found as Extract<ServerMessage, { type: Type }>;
      await this.change();
    }
  }

  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** All that was sent before this is handled when it resolves: messages keep their order. */
  async handled(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.socket.once("pong", () => resolve());
      this.socket.ping();
    });
  }
}

describe("pay socket: status and commands", () => {
  it("tells a page the whole status at its hello and again at each change", async () => {
    const page = await Page.pay();
    world.servingLine.show({ kind: "paid", receipt: fakeReceipt() });
    expect((await page.until("status")).line.view).toMatchObject({
      kind: "paid",
      receipt: { amountFen: 900, balanceFen: 8640 },
    });
    world.sync.set({ connection: "offline", waitingCount: 3 });
    expect((await page.until("status")).sync).toMatchObject({ connection: "offline", waitingCount: 3 });
  });

  it("hands commands to the serving line as they were given", async () => {
    const page = await Page.pay();
    page.say({ type: "command", command: { kind: "activate" } });
    page.say({ type: "command", command: { kind: "card", cardToken: "0004711" } });
    page.say({ type: "command", command: { kind: "pin", number: "20260101", pin: "246810" } });
    page.say({ type: "command", command: { kind: "set-order", itemIds: ["rice"], keyedFen: 50 } });
    await page.until("status");
    expect(world.servingLine.commands).toEqual([
      { kind: "activate" },
      { kind: "card", cardToken: "0004711" },
      { kind: "pin", number: "20260101", pin: "246810" },
      { kind: "set-order", itemIds: ["rice"], keyedFen: 50 },
    ]);
  });

  it("tells the page the hint of a fault, and goes on", async () => {
    const page = await Page.pay();
    world.servingLine.onCommand = () => {
      throw new CanteenError("x", {
        code: "disk-full",
        retry: "after-operator",
        hint: { zh: "磁盘满了", en: "full" },
      });
    };
    page.say({ type: "command", command: { kind: "activate" } });
    expect((await page.until("problem")).problem).toMatchObject({
      code: "disk-full",
      hint: { zh: "磁盘满了" },
    });
    world.servingLine.onCommand = () => {};
    page.say({ type: "command", command: { kind: "cancel" } });
    await page.handled();
    expect(world.servingLine.commands.at(-1)).toEqual({ kind: "cancel" });
  });

  it("confirms only what the diner saw: a late press does not pay for another one", async () => {
    const page = await Page.pay();
    const asked = {
      personId: "p1",
      displayName: "甲同学",
      amountFen: fen(900),
      balanceFen: fen(5000),
      allergyWarning: [],
      disputable: true,
    };
    world.servingLine.show({ kind: "confirm", chargeId: "c2", ...asked });
    page.say({ type: "command", command: { kind: "confirm", chargeId: "c1" } });
    expect((await page.until("problem")).problem.code).toBe("screen-changed");
    page.say({ type: "command", command: { kind: "not-me", chargeId: "c1" } });
    expect((await page.until("problem")).problem.code).toBe("screen-changed");
    page.say({ type: "command", command: { kind: "confirm", chargeId: "c2" } });
    await page.handled();
    expect(world.servingLine.commands).toEqual([{ kind: "confirm", chargeId: "c2" }]);
    world.servingLine.show({ kind: "idle" });
    page.say({ type: "command", command: { kind: "confirm", chargeId: "c2" } });
    expect((await page.until("problem")).problem.code).toBe("screen-changed");
  });

  it("refuses more commands than it runs at once", async () => {
    const page = await Page.pay();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.servingLine.onCommand = () => held;
    for (let count = 0; count < 5; count++) page.say({ type: "command", command: { kind: "activate" } });
    expect((await page.until("problem")).problem.code).toBe("too-many-commands");
    expect(world.servingLine.commands).toHaveLength(4);
    release();
  });
});

describe("pay socket: one pay screen at a time", () => {
  it("makes the newest page the pay screen, tells the older one, and gives it back when the newest goes", async () => {
    const older = await Page.pay();
    const newer = await Page.pay();
    await older.until("superseded");
    older.say({ type: "command", command: { kind: "activate" } });
    expect((await older.until("problem")).problem.code).toBe("pay-screen-elsewhere");
    expect(world.servingLine.commands).toEqual([]);
    newer.socket.close();
    await newer.closed;
    await older.until("status");
    older.say({ type: "command", command: { kind: "cancel" } });
    await older.handled();
    expect(world.servingLine.commands).toEqual([{ kind: "cancel" }]);
  });

  it("refuses a ninth page", async () => {
    const pages = Array.from({ length: 8 }, () => new Page());
    await Promise.all(pages.map((page) => new Promise((resolve) => page.socket.once("open", resolve))));
    expect(await new Page().closed).toBe(1013);
  });

  it("cuts off a page that no longer answers", async () => {
    const page = await Page.pay();
    page.socket.pause();
    await clock.advance(10_000);
    await clock.advance(10_000);
    page.socket.resume();
    expect(await page.closed).toBe(1006);
  });
});

describe("pay socket: pictures of the browser", () => {
  it("asks for one picture at a time, ten a second at most", async () => {
    const page = await Page.pay();
    await page.until("next-frame");
    page.socket.send(JPEG);
    await page.handled();
    expect(world.camera.pushed).toHaveLength(1);
    expect(page.messages.filter(({ type }) => type === "next-frame")).toEqual([]);
    await clock.advance(100);
    await page.until("next-frame");
    page.socket.send(JPEG);
    await page.handled();
    expect(world.camera.pushed).toHaveLength(2);
  });

  it("drops pictures nobody asked for: a flood reaches nothing", async () => {
    const page = await Page.pay();
    await page.until("next-frame");
    for (let count = 0; count < 200; count++) page.socket.send(JPEG);
    await page.handled();
    expect(world.camera.pushed).toHaveLength(1);
  });

  it("asks again when the page had no picture to give", async () => {
    const page = await Page.pay();
    await page.until("next-frame");
    await clock.advance(2000);
    await page.until("next-frame");
    expect(world.camera.pushed).toEqual([]);
  });

  it("says so when the picture is no JPEG, and closes at one over two megabytes", async () => {
    const page = await Page.pay();
    await page.until("next-frame");
    page.socket.send(Buffer.from("not a picture"));
    expect((await page.until("problem")).problem.code).toBe("request-invalid");
    page.socket.send(new Uint8Array(2 * 1024 * 1024 + 1));
    expect([1006, 1009]).toContain(await page.closed);
  });

  it("remembers why the webcam cannot be used until a picture comes", async () => {
    const page = await Page.pay();
    page.say({ type: "camera-trouble", reason: "denied" });
    await page.handled();
    const shown = await fetch(`${url}/api/terminal`, { headers: { authorization: "Bearer token-m1" } });
    expect(await shown.json()).toMatchObject({ camera: { browserTrouble: "denied" } });
  });
});

describe("pay socket: pictures of the terminal's own camera", () => {
  it("shows them with the boxes of faces, ten a second at most, and asks the page for none", async () => {
    await world.camera.choose("folder");
    const page = await Page.pay();
    world.camera.give(JPEG.slice());
    world.camera.give(JPEG.slice());
    world.sightings.tell({ widthPx: 640, heightPx: 480, boxes: [[1, 2, 3, 4]] });
    expect((await page.until("faces")).boxes).toEqual([[1, 2, 3, 4]]);
    await page.handled();
    expect(page.pictures).toEqual([JPEG]);
    expect(page.messages.filter(({ type }) => type === "next-frame")).toEqual([]);
  });

  it("turns to the browser's pictures when that camera is chosen", async () => {
    await world.camera.choose("folder");
    const page = await Page.pay();
    await fetch(`${url}/api/camera`, {
      method: "POST",
      headers: { authorization: "Bearer token-m1", "content-type": "application/json" },
      body: '{"kind":"browser"}',
    });
    await page.until("next-frame");
  });
});

describe("pay socket: bad input", () => {
  it("refuses a page of another site, and one that does not say where it is from", async () => {
    expect(await new Page("http://evil.example").closed).toBe(1006);
    const silent = new WebSocket(`${url.replace("http", "ws")}/ws`);
    const status = await new Promise((resolve) => {
      silent.once("unexpected-response", (_request, response) => resolve(response.statusCode));
      silent.once("error", () => {});
    });
    expect(status).toBe(403);
  });

  it.each([
    ["{", "json-malformed"],
    ["", "json-malformed"],
    ['{"type":"command"}', "request-invalid"],
    ['{"type":"command","command":{"kind":"pay-everything"}}', "request-invalid"],
    ['{"type":"command","command":{"kind":"activate","extra":1}}', "request-invalid"],
    ['{"type":"command","command":{"kind":"set-order","itemIds":[],"keyedFen":-1}}', "request-invalid"],
    ['{"type":"command","command":{"kind":"set-order","itemIds":[],"keyedFen":0.5}}', "request-invalid"],
  ])("answers %s with the problem %s and stays open", async (text, code) => {
    const page = await Page.pay();
    page.socket.send(text);
    expect((await page.until("problem")).problem.code).toBe(code);
    page.say({ type: "hello", page: "pay" });
    await page.until("status");
    expect(world.servingLine.commands).toEqual([]);
  });

  it("never repeats a PIN in a problem", async () => {
    const page = await Page.pay();
    page.socket.send('{"type":"command","command":{"kind":"pin","number":"1","pin":"98765x"}}');
    const { problem } = await page.until("problem");
    expect(problem.issues).toMatchObject([{ path: "command.pin" }]);
    expect(JSON.stringify(problem)).not.toContain("98765");
  });

  it("closes at a text message that is too long", async () => {
    const page = await Page.pay();
    page.socket.send("x".repeat(8 * 1024 + 1));
    expect(await page.closed).toBe(1009);
  });

  it("survives any text and any bytes, and cuts off a page that does not stop", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.json(), fc.string(), fc.uint8Array()), { minLength: 1, maxLength: 20 }),
        async (messages) => {
          const page = await Page.pay();
          for (const message of messages) page.socket.send(message);
          await page.handled();
          page.socket.close();
          await page.closed;
        },
      ),
      { numRuns: 20 },
    );
    expect(world.servingLine.commands).toEqual([]);
    const nonsense = await Page.pay();
    for (let count = 0; count <= 51; count++) nonsense.socket.send("{");
    expect(await nonsense.closed).toBe(1008);
  });

  it("tells its pages that it stops", async () => {
    const page = await Page.pay();
    await server.close();
    expect(await page.closed).toBe(1001);
  });
});
