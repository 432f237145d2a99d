import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CameraState } from "../ports/camera.ts";
import { createFolderCamera, type FolderCamera } from "./camera-folder.ts";
import { ManualClock } from "./camera-test-clock.ts";
import { greyJpeg } from "./grey-jpeg.ts";

const photo = (mark: number): Uint8Array => Uint8Array.from([0xff, 0xd8, mark, 0xff, 0xd9]);

let folder = "";
let camera: FolderCamera;
let clock: ManualClock;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "canteen-camera-"));
});
afterEach(async () => {
  await camera.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(): Promise<void> {
  clock = new ManualClock();
  camera = createFolderCamera({ folder, framePeriodMs: 200, photoHoldMs: 600, emptyMs: 400, clock });
  await camera.open({ signal: new AbortController().signal });
}

/** Moves time on by one frame and waits for it: a mark, "empty", or the state when there is none. */
function step(byMs = 200): Promise<string> {
  return new Promise((resolve) => {
    const done = (text: string): void => {
      stopFrame();
      stopState();
      resolve(text);
    };
    const stopFrame = camera.onFrame(({ jpeg }) => done(jpeg.length > 10 ? "empty" : String(jpeg[2])));
    const stopState = camera.onState((state: CameraState) => {
      if (state.kind === "lost") done(state.code);
    });
    clock.advance(byMs);
  });
}

describe("folder camera", () => {
  it("shows the photos in the order of their paths, with an empty scene between two", async () => {
    await mkdir(join(folder, "b"));
    await writeFile(join(folder, "b", "1.jpg"), photo(2));
    await writeFile(join(folder, "a.JPEG"), photo(1));
    await writeFile(join(folder, "notes.txt"), "x");
    await open();
    expect(camera.state()).toEqual({ kind: "live" });
    expect(camera.current()).toBe("a.JPEG");
    const scenes: string[] = [];
    for (let turn = 0; turn < 10; turn++) scenes.push(await step());
    expect(scenes).toEqual(["1", "1", "empty", "empty", "2", "2", "2", "empty", "empty", "1"]);
  });

  it("skips what only calls itself a JPEG", async () => {
    await writeFile(join(folder, "a.jpg"), "not a picture");
    await writeFile(join(folder, "b.jpg"), photo(2));
    await open();
    expect(await step()).toBe("2");
  });

  it("reports an empty folder as lost and comes to life when a photo arrives", async () => {
    await open();
    expect(camera.state()).toMatchObject({ kind: "lost", code: "camera-folder-empty" });
    await writeFile(join(folder, "a.jpg"), photo(7));
    expect(await step(2000)).toBe("7");
    expect(camera.state()).toEqual({ kind: "live" });
  });

  it("reports a missing folder as lost with a hint", async () => {
    await rm(folder, { recursive: true });
    await open();
    expect(camera.state()).toMatchObject({ kind: "lost", code: "camera-folder-missing" });
  });

  it("brings the next photo at once when asked, and keeps the scene empty when asked", async () => {
    await writeFile(join(folder, "a.jpg"), photo(1));
    await writeFile(join(folder, "b.jpg"), photo(2));
    await open();
    camera.next();
    expect(await step()).toBe("2");
    camera.keepEmpty(true);
    expect(camera.current()).toBeNull();
    expect([await step(), await step(), await step()]).toEqual(["empty", "empty", "empty"]);
    camera.next();
    expect(await step()).toBe("1");
  });

  it("stops its timer when closed", async () => {
    await writeFile(join(folder, "a.jpg"), photo(1));
    await open();
    await camera.close();
    expect(clock.waiting).toBe(0);
    expect(camera.state()).toEqual({ kind: "closed" });
  });

  it("makes an empty scene that a JPEG decoder reads as uniform grey", async () => {
    const { default: sharp } = await import("sharp");
    for (const [widthPx, heightPx] of [
      [640, 480],
      [24, 8],
    ] as const) {
      const { data, info } = await sharp(greyJpeg(widthPx, heightPx))
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([info.width, info.height]).toEqual([widthPx, heightPx]);
      expect(new Set(data)).toEqual(new Set([128]));
    }
    await open();
  });
});
