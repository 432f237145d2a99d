import { type ClientRequest, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Camera, CameraFrame, CameraState } from "../ports/camera.ts";
import type { Clock } from "../ports/clock.ts";
import { CameraChannel, type CameraTrouble, FRAME_BYTES_MAX, isWholeJpeg } from "./camera-channel.ts";
import { MjpegFramer } from "./camera-mjpeg-framer.ts";
import { CameraRetry } from "./camera-retry.ts";

export interface HttpCameraOptions {
  /** `http://user:password@host/path`; the answer says whether it is a stream or a snapshot. */
  readonly url: string;
  /** Period of snapshot polling, and the least distance of two frames of a stream. */
  readonly framePeriodMs: number;
  /** Without a whole picture for this long the camera is lost and connected anew. */
  readonly silenceMsMax: number;
  readonly clock: Clock;
  /** For the jitter of the waits between connections. */
  readonly entropy: { uniform(): number };
  readonly frameBytesMax?: number;
  readonly reconnectWaitMsMin?: number;
  readonly reconnectWaitMsMax?: number;
}

const RECONNECT_WAIT_MS_MIN = 500;
const RECONNECT_WAIT_MS_MAX = 15_000;

const TROUBLE = {
  unreachable: {
    code: "camera-unreachable",
    hint: {
      zh: "连不上网络摄像头，请检查电源、网线和地址",
      en: "The camera does not answer: check its power, cable and address",
    },
  },
  silent: {
    code: "camera-silent",
    hint: { zh: "摄像头没有新画面，正在重新连接", en: "The camera sends no new picture; connecting again" },
  },
  password: {
    code: "camera-refused-password",
    hint: {
      zh: "摄像头拒绝了用户名或密码，请在配置的地址里修改",
      en: "The camera refused user or password: correct them in its configured address",
    },
  },
  status: {
    code: "camera-http-status",
    hint: {
      zh: "摄像头返回了错误，请检查配置的地址路径",
      en: "The camera answered with an error: check the path of its address",
    },
  },
  notACamera: {
    code: "camera-not-jpeg",
    hint: {
      zh: "这个地址返回的不是 JPEG 画面",
      en: "This address gives no JPEG pictures: use the camera's MJPEG or snapshot address",
    },
  },
  tooLarge: {
    code: "camera-frame-too-large",
    hint: { zh: "画面太大，请降低摄像头分辨率", en: "Pictures are too large: lower the camera's resolution" },
  },
} as const satisfies Record<string, CameraTrouble>;

/** A camera on the network: MJPEG over `multipart/x-mixed-replace`, or a snapshot address polled. */
export function createHttpCamera(options: HttpCameraOptions): Camera {
  return new HttpCamera(options);
}

/** One try: what comes from it after it is over is not listened to. */
interface Connection {
  readonly request: ClientRequest;
  isOver: boolean;
}

function hangUp(connection: Connection): void {
  connection.isOver = true;
  connection.request.destroy();
}

class HttpCamera implements Camera {
  readonly label: string;
  readonly #channel: CameraChannel;
  readonly #options: HttpCameraOptions;
  readonly #frameBytesMax: number;
  readonly #retry: CameraRetry;
  #lastFrameMonoMs = Number.NEGATIVE_INFINITY;
  #connection: Connection | undefined;

  constructor(options: HttpCameraOptions) {
    const url = new URL(options.url);
    // User and password are for the camera alone: not for a screen and not for a log.
    this.label = `${url.protocol}//${url.host}${url.pathname}`;
    this.#options = options;
    this.#frameBytesMax = options.frameBytesMax ?? FRAME_BYTES_MAX;
    this.#channel = new CameraChannel(options.clock);
    this.#retry = new CameraRetry({
      ...options,
      waitMsMin: options.reconnectWaitMsMin ?? RECONNECT_WAIT_MS_MIN,
      waitMsMax: options.reconnectWaitMsMax ?? RECONNECT_WAIT_MS_MAX,
    });
  }

  state(): CameraState {
    return this.#channel.state;
  }

  onFrame(listener: (frame: CameraFrame) => void): () => void {
    return this.#channel.onFrame(listener);
  }

  onState(listener: (state: CameraState) => void): () => void {
    return this.#channel.onState(listener);
  }

  async open({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (!this.#retry.open(signal, () => void this.close())) return;
    this.#channel.starting();
    this.#connect();
  }

  async close(): Promise<void> {
    if (!this.#retry.close()) return;
    if (this.#connection !== undefined) hangUp(this.#connection);
    this.#channel.closed();
  }

  #connect(): void {
    const url = new URL(this.#options.url);
    const request = (url.protocol === "https:" ? requestHttps : requestHttp)(url, {
      headers: { accept: "multipart/x-mixed-replace, image/jpeg" },
    });
    const connection: Connection = { request, isOver: false };
    this.#connection = connection;
    this.#watch(connection);
    request.on("response", (response) => this.#onResponse(response, connection));
    request.on("error", () => this.#fail(connection, TROUBLE.unreachable));
    request.end();
  }

  #watch(connection: Connection): void {
    this.#channel.arm(this.#options.silenceMsMax, () => this.#fail(connection, TROUBLE.silent));
  }

  #onResponse(response: IncomingMessage, connection: Connection): void {
    response.on("error", () => this.#fail(connection, TROUBLE.unreachable));
    const status = response.statusCode ?? 0;
    const type = response.headers["content-type"] ?? "";
    const boundary = /^multipart\/[^;]+;.*\bboundary="?([^";\s]{1,70})"?/i.exec(type)?.[1];
    if (status === 401 || status === 403) this.#fail(connection, TROUBLE.password);
    else if (status !== 200) this.#fail(connection, TROUBLE.status);
    else if (boundary !== undefined) this.#readStream(response, connection, boundary);
    else if (/^image\/jpe?g\b/i.test(type)) this.#readSnapshot(response, connection);
    else this.#fail(connection, TROUBLE.notACamera);
  }

  #readStream(response: IncomingMessage, connection: Connection, boundary: string): void {
    const framer = new MjpegFramer(boundary, this.#frameBytesMax);
    response.on("data", (chunk: Buffer) => {
      if (connection.isOver) return;
      // Of the pictures that came together only the newest counts.
      const newest = framer.push(chunk).at(-1);
      if (newest !== undefined) this.#onPicture(newest, connection);
    });
    response.on("end", () => this.#fail(connection, TROUBLE.unreachable));
  }

  #readSnapshot(response: IncomingMessage, connection: Connection): void {
    const chunks: Buffer[] = [];
    let byteCount = 0;
    response.on("data", (chunk: Buffer) => {
      byteCount += chunk.length;
      if (byteCount > this.#frameBytesMax) this.#fail(connection, TROUBLE.tooLarge);
      else chunks.push(chunk);
    });
    response.on("end", () => {
      if (connection.isOver) return;
      const picture = new Uint8Array(byteCount);
      picture.set(Buffer.concat(chunks));
      if (!isWholeJpeg(picture)) {
        this.#fail(connection, TROUBLE.notACamera);
        return;
      }
      this.#onPicture(picture, connection);
      if (connection.isOver) return;
      // Between two snapshots silence is meant: the watchdog is armed again with the next request.
      this.#channel.disarm();
      this.#retry.after(this.#options.framePeriodMs, () => this.#connect());
    });
  }

  #onPicture(picture: Uint8Array<ArrayBuffer>, connection: Connection): void {
    this.#watch(connection);
    this.#retry.succeeded();
    const nowMs = this.#options.clock.mono();
    // A camera at 30 frames a second is thinned to what was asked for; half a period of slack absorbs its jitter.
    if (nowMs - this.#lastFrameMonoMs < this.#options.framePeriodMs / 2) return;
    this.#lastFrameMonoMs = nowMs;
    this.#channel.frame(picture);
  }

  /** Ends this connection once, says why there is no picture, and plans the next try. */
  #fail(connection: Connection, trouble: CameraTrouble): void {
    if (connection !== this.#connection || connection.isOver) return;
    hangUp(connection);
    this.#channel.disarm();
    if (!this.#retry.isOpen) return;
    this.#channel.lost(trouble);
    this.#retry.again(() => this.#connect());
  }
}
