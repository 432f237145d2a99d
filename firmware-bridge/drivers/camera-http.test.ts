import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Camera, CameraState } from "../ports/camera.ts";
import { createHttpCamera, type HttpCameraOptions } from "./camera-http.ts";
import { ManualClock } from "./camera-test-clock.ts";

const PICTURE = Buffer.from([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]);
const part = (picture: Buffer, length = picture.length): Buffer =>
  Buffer.concat([
    Buffer.from(`--b\r\nContent-Type: image/jpeg\r\nContent-Length: ${length}\r\n\r\n`),
    picture,
    Buffer.from("\r\n"),
  ]);
const STREAM = { "content-type": "multipart/x-mixed-replace; boundary=b" };

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function openCamera(url: string, options: Partial<HttpCameraOptions> = {}) {
  const clock = new ManualClock();
  const camera = createHttpCamera({
    url,
    framePeriodMs: 100,
    silenceMsMax: 3000,
    clock,
    entropy: { uniform: () => 1 },
    ...options,
  });
  cleanUps.push(() => camera.close());
  await camera.open({ signal: new AbortController().signal });
  return { camera, clock };
}

const nextFrame = (camera: Camera): Promise<Uint8Array> =>
  new Promise((resolve) => {
    const stop = camera.onFrame((frame) => {
      stop();
      resolve(frame.jpeg);
    });
  });

const nextState = (camera: Camera, kind: CameraState["kind"]): Promise<CameraState> =>
  new Promise((resolve) => {
    if (camera.state().kind === kind) {
      resolve(camera.state());
      return;
    }
    const stop = camera.onState((state) => {
      if (state.kind !== kind) return;
      stop();
      resolve(state);
    });
  });

describe("HTTP camera", () => {
  it("reads pictures from an MJPEG stream and is live", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, STREAM);
      response.write(part(PICTURE));
    });
    const { camera } = await openCamera(url);
    expect(camera.state()).toEqual({ kind: "starting" });
    expect(Buffer.from(await nextFrame(camera))).toEqual(PICTURE);
    expect(camera.state()).toEqual({ kind: "live" });
  });

  it("reports a frozen stream as lost, connects again after the wait and is live again", async () => {
    let connections = 0;
    const url = await serve((_, response) => {
      connections += 1;
      response.writeHead(200, STREAM);
      response.write(part(PICTURE));
    });
    const { camera, clock } = await openCamera(url);
    await nextFrame(camera);
    clock.advance(2999);
    expect(camera.state().kind).toBe("live");
    clock.advance(1);
    expect(camera.state()).toMatchObject({ kind: "lost", code: "camera-silent" });
    const again = nextFrame(camera);
    clock.advance(500);
    await again;
    expect(camera.state().kind).toBe("live");
    expect(connections).toBe(2);
  });

  it("waits longer after each failure, up to the maximum", async () => {
    let connections = 0;
    const url = await serve((_, response) => {
      connections += 1;
      response.writeHead(connections % 2 === 1 ? 503 : 401).end();
    });
    const { camera, clock } = await openCamera(url, { reconnectWaitMsMin: 500, reconnectWaitMsMax: 1500 });
    const nextChange = (): Promise<void> =>
      new Promise((resolve) => {
        const stop = camera.onState(() => {
          stop();
          resolve();
        });
      });
    await nextChange();
    for (const waitMs of [500, 1000, 1500, 1500]) {
      const failedMonoMs = clock.mono();
      const changed = nextChange();
      // Only the next try is planned; the watchdog of the failed one is gone.
      expect(clock.waiting).toBe(1);
      clock.advance(clock.msToNextTask());
      expect(clock.mono() - failedMonoMs).toBe(waitMs);
      await changed;
    }
    expect(connections).toBe(5);
  });

  it("skips a part that was cut off and shows the next whole one", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, STREAM);
      response.write(Buffer.concat([part(PICTURE.subarray(0, 4), 900), part(PICTURE)]));
    });
    const { camera } = await openCamera(url);
    expect(Buffer.from(await nextFrame(camera))).toEqual(PICTURE);
  });

  it("counts garbage as silence", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, STREAM);
      response.write(Buffer.alloc(100_000, 0x55));
    });
    const { camera, clock } = await openCamera(url);
    clock.advance(3000);
    expect(camera.state()).toMatchObject({ kind: "lost", code: "camera-silent" });
  });

  it.each([
    [401, {}, "camera-refused-password"],
    [404, {}, "camera-http-status"],
    [200, { "content-type": "text/html" }, "camera-not-jpeg"],
    [200, { "content-type": "image/jpeg" }, "camera-not-jpeg"],
  ])("says why an answer of status %i with headers %j is no picture", async (status, headers, code) => {
    const url = await serve((_, response) => void response.writeHead(status, headers).end("<html>"));
    const { camera } = await openCamera(url);
    expect(await nextState(camera, "lost")).toMatchObject({ code });
  });

  it("says that nobody listens at the address", async () => {
    const url = await serve(() => {});
    await cleanUps.pop()?.();
    const { camera } = await openCamera(url);
    const lost = await nextState(camera, "lost");
    expect(lost).toMatchObject({
      code: "camera-unreachable",
      hint: { zh: expect.stringContaining("摄像头") },
    });
  });

  it("polls a snapshot address at its period and is not lost between two polls", async () => {
    let polls = 0;
    const url = await serve((_, response) => {
      polls += 1;
      response.writeHead(200, { "content-type": "image/jpeg" }).end(PICTURE);
    });
    const { camera, clock } = await openCamera(url, { framePeriodMs: 10_000 });
    await nextFrame(camera);
    clock.advance(9999);
    expect(camera.state().kind).toBe("live");
    const second = nextFrame(camera);
    clock.advance(1);
    await second;
    expect(polls).toBe(2);
  });

  it("refuses a snapshot that is larger than a frame may be", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-type": "image/jpeg" }).end(Buffer.alloc(2000, 1));
    });
    const { camera } = await openCamera(url, { frameBytesMax: 1000 });
    expect(await nextState(camera, "lost")).toMatchObject({ code: "camera-frame-too-large" });
  });

  it("shows its address without user and password", async () => {
    const { camera } = await openCamera("http://root:secret@127.0.0.1:9/video?token=1");
    expect(camera.label).toBe("http://127.0.0.1:9/video");
  });

  it("leaves no timer and no connection behind when closed, also by its signal", async () => {
    const closed = new Promise<void>((resolve) => {
      void serve((request, response) => {
        request.on("close", () => resolve());
        response.writeHead(200, STREAM);
        response.write(part(PICTURE));
      }).then(async (url) => {
        const clock = new ManualClock();
        const stop = new AbortController();
        const camera = createHttpCamera({
          url,
          framePeriodMs: 100,
          silenceMsMax: 3000,
          clock,
          entropy: { uniform: () => 0 },
        });
        await camera.open({ signal: stop.signal });
        await nextFrame(camera);
        stop.abort();
        expect(camera.state()).toEqual({ kind: "closed" });
        expect(clock.waiting).toBe(0);
      });
    });
    await closed;
  });
});
