import sharp from "sharp";
import { describe, expect, it, onTestFinished } from "vitest";
import { silentLogger } from "../platform/logger.ts";
import { VirtualClock } from "../platform/virtual-clock.ts";
import { madeFrame } from "./picture-fixture.ts";
import { createPictureMaker, type PictureMaker } from "./picture-maker.ts";

const frame = await madeFrame(640, 480);
const order = { jpeg: frame, faces: Promise.resolve(null), caption: { lines: ["12.350 kg"] } };

/** A worker of the tests, in one line of JavaScript that has `port` and each `message`. */
function worker(onMessage: string): URL {
  const code = `import { parentPort as port } from "node:worker_threads";
    port.on("message", (message) => { ${onMessage} });`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

function makerWith(workerUrl?: URL): { readonly maker: PictureMaker; readonly clock: VirtualClock } {
  const clock = new VirtualClock();
  const maker = createPictureMaker({
    clock,
    logger: silentLogger,
    ...(workerUrl === undefined ? {} : { workerUrl }),
  });
  onTestFinished(() => maker.close());
  return { maker, clock };
}

describe("pictures from the worker", () => {
  it("are made one after another, also of a frame that is used twice", async () => {
    const { maker } = makerWith();
    const both = await Promise.all([maker.make(order), maker.make(order)]);
    for (const outcome of both) {
      if (outcome.kind !== "made") throw new Error(outcome.reason);
      expect((await sharp(outcome.pictures.photo).metadata()).width).toBe(640);
      expect((await sharp(outcome.pictures.thumbnail).metadata()).width).toBe(240);
    }
  });

  it("are refused by name for what is no picture, and the next one is made", async () => {
    const { maker } = makerWith();
    const bad = await maker.make({ ...order, jpeg: frame.slice(0, 5000) });
    expect(bad).toEqual({ kind: "refused", reason: "picture-unreadable" });
    expect((await maker.make(order)).kind).toBe("made");
  });

  it("are refused while as many wait as may", async () => {
    const { maker } = makerWith(worker(""));
    const waiting = [1, 2, 3, 4].map(() => maker.make(order));
    expect(await maker.make(order)).toEqual({ kind: "refused", reason: "busy" });
    const settled = Promise.allSettled(waiting);
    await maker.close();
    for (const result of await settled)
      expect(result).toMatchObject({ status: "rejected", reason: { code: "photo-maker-closed" } });
    await expect(maker.make(order)).rejects.toMatchObject({ code: "photo-maker-closed" });
  });
});

describe("a worker that dies", () => {
  it("is started again, and the picture is tried once more, then given up by name", async () => {
    const { maker } = makerWith(worker("process.exit(3)"));
    await expect(maker.make(order)).rejects.toMatchObject({ code: "photo-worker-failed", retry: "backoff" });
    await expect(maker.make(order)).rejects.toMatchObject({ code: "photo-worker-failed" });
  });

  it("loses nobody else's picture: whoever waits gets theirs from the next one", async () => {
    const dies = 'if (message.order.caption.lines[0] === "bad") throw new Error("bug");';
    const answers =
      'port.postMessage({ kind: "made", id: message.id, pictures: { photo: new Uint8Array(1), thumbnail: new Uint8Array(1) } });';
    const { maker } = makerWith(worker(dies + answers));
    const bad = maker.make({ ...order, caption: { lines: ["bad"] } });
    const good = maker.make(order);
    await expect(bad).rejects.toMatchObject({ code: "photo-worker-failed" });
    expect((await good).kind).toBe("made");
  });

  it("is ended when it hangs", async () => {
    const { maker, clock } = makerWith(worker("for (;;);"));
    const hung = maker.make(order);
    const failed = expect(hung).rejects.toMatchObject({ code: "photo-worker-failed" });
    await clock.advance(10_000);
    // The second try begins when the first worker has ended, on a turn of the real event loop.
    const again = setInterval(() => void clock.advance(10_000), 20);
    onTestFinished(() => clearInterval(again));
    await failed;
  });
});
