import { type ChildProcess, spawn } from "node:child_process";
import type { Camera, CameraFrame, CameraState } from "../ports/camera.ts";
import type { Clock } from "../ports/clock.ts";
import { CameraChannel, type CameraTrouble, FRAME_BYTES_MAX } from "./camera-channel.ts";
import { MjpegFramer } from "./camera-mjpeg-framer.ts";
import { CameraRetry } from "./camera-retry.ts";

export interface FfmpegCameraOptions {
  readonly label: string;
  /** What ffmpeg reads, e.g. `v4l2Input(…)`. */
  readonly inputArgs: readonly string[];
  readonly framePeriodMs: number;
  /** Without a whole picture for this long the camera is lost and ffmpeg is started anew. */
  readonly silenceMsMax: number;
  readonly clock: Clock;
  /** For the jitter of the waits between two starts. */
  readonly entropy: { uniform(): number };
  readonly program?: string;
  readonly restartWaitMsMin?: number;
  readonly restartWaitMsMax?: number;
}

/** A camera of Video4Linux. ffmpeg speaks its pixel formats, so that no driver of ours has to. */
export function v4l2Input(settings: {
  /** `/dev/v4l/by-id/…` stays the same over a replug, `/dev/video0` does not. */
  readonly device: string;
  readonly widthPx: number;
  readonly heightPx: number;
}): readonly string[] {
  const { device, widthPx, heightPx } = settings;
  return ["-f", "v4l2", "-video_size", `${widthPx}x${heightPx}`, "-i", device];
}

const RESTART_WAIT_MS_MIN = 500;
const RESTART_WAIT_MS_MAX = 15_000;
/** Of what ffmpeg says, the end is kept. */
const COMPLAINT_LENGTH_MAX = 2000;
/** The name that ffmpeg's multipart muxer gives its boundary. Source: libavformat/mpjpeg.c. */
const BOUNDARY = "ffmpeg";

const TROUBLE = {
  missing: {
    code: "ffmpeg-missing",
    hint: { zh: "没有安装 ffmpeg：apt install ffmpeg", en: "ffmpeg is not installed: apt install ffmpeg" },
  },
  noDevice: {
    code: "camera-unplugged",
    hint: { zh: "找不到摄像头，请检查 USB 线", en: "The camera is not there: check its USB cable" },
  },
  noPermission: {
    code: "camera-no-permission",
    hint: {
      zh: "没有权限使用摄像头：把运行终端的用户加入 video 组",
      en: "No permission for the camera: add the terminal's user to the group video",
    },
  },
  busy: {
    code: "camera-in-use",
    hint: { zh: "摄像头被其他程序占用", en: "Another program uses the camera" },
  },
  ended: {
    code: "camera-ffmpeg-ended",
    hint: {
      zh: "摄像头读取中断，正在重试；请检查设备和分辨率设置",
      en: "Reading the camera ended, trying again; check the device and its resolution",
    },
  },
  silent: {
    code: "camera-silent",
    hint: { zh: "摄像头没有新画面，正在重新打开", en: "The camera sends no new picture; opening it again" },
  },
} as const satisfies Record<string, CameraTrouble>;

/** A camera read by ffmpeg in a process of its own, which is started again whenever it ends or hangs. */
export function createFfmpegCamera(options: FfmpegCameraOptions): Camera {
  return new FfmpegCamera(options);
}

/** One ffmpeg: what comes from it after it is over is not listened to. */
interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  complaint: string;
  isOver: boolean;
}

class FfmpegCamera implements Camera {
  readonly label: string;
  readonly #options: FfmpegCameraOptions;
  readonly #channel: CameraChannel;
  readonly #retry: CameraRetry;
  #run: Run | null = null;

  constructor(options: FfmpegCameraOptions) {
    this.label = options.label;
    this.#options = options;
    this.#channel = new CameraChannel(options.clock);
    this.#retry = new CameraRetry({
      ...options,
      waitMsMin: options.restartWaitMsMin ?? RESTART_WAIT_MS_MIN,
      waitMsMax: options.restartWaitMsMax ?? RESTART_WAIT_MS_MAX,
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
    this.#start();
  }

  /** Resolves when ffmpeg is gone: the next program finds the device free. */
  async close(): Promise<void> {
    const run = this.#run;
    if (this.#retry.close()) {
      if (run !== null) end(run);
      this.#channel.closed();
    }
    await run?.exited;
  }

  #start(): void {
    const { program = "ffmpeg", inputArgs, framePeriodMs, silenceMsMax } = this.#options;
    const rate = String(1000 / framePeriodMs);
    // yuvj420p: what every reader of JPEG knows; 3 is near to lossless, because the picture is encoded again later.
    const output = ["-an", "-vf", `fps=${rate}`, "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "3"];
    const args = ["-hide_banner", "-loglevel", "error", "-nostdin", ...inputArgs, ...output];
    const child = spawn(program, [...args, "-f", "mpjpeg", "pipe:1"], { stdio: ["ignore", "pipe", "pipe"] });
    const run: Run = {
      child,
      exited: new Promise((resolve) => {
        child.once("close", () => resolve());
        child.once("error", () => resolve());
      }),
      complaint: "",
      isOver: false,
    };
    this.#run = run;
    const framer = new MjpegFramer(BOUNDARY, FRAME_BYTES_MAX);
    this.#watch(run, silenceMsMax);
    child.stdout?.on("data", (chunk: Buffer) => {
      // Of the pictures that came together only the newest counts.
      const newest = run.isOver ? undefined : framer.push(chunk).at(-1);
      if (newest === undefined) return;
      this.#watch(run, silenceMsMax);
      this.#retry.succeeded();
      this.#channel.frame(newest);
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      run.complaint = (run.complaint + chunk.toString("latin1")).slice(-COMPLAINT_LENGTH_MAX);
    });
    child.once("error", () => this.#fail(run, TROUBLE.missing));
    child.once("close", () => this.#fail(run, troubleOf(run.complaint)));
  }

  #watch(run: Run, silenceMsMax: number): void {
    this.#channel.arm(silenceMsMax, () => this.#fail(run, TROUBLE.silent));
  }

  /** Ends this ffmpeg once, says why there is no picture, and plans the next when the device is free again. */
  #fail(run: Run, trouble: CameraTrouble): void {
    if (run !== this.#run || run.isOver) return;
    end(run);
    this.#channel.disarm();
    if (!this.#retry.isOpen) return;
    this.#channel.lost(trouble);
    this.#retry.again(() => {
      void run.exited.then(() => {
        if (this.#retry.isOpen && this.#run === run) this.#start();
      });
    });
  }
}

/** SIGKILL: an ffmpeg that hangs on a device does not answer a milder one. */
function end(run: Run): void {
  run.isOver = true;
  run.child.kill("SIGKILL");
}

function troubleOf(complaint: string): CameraTrouble {
  if (/permission denied/i.test(complaint)) return TROUBLE.noPermission;
  if (/resource busy/i.test(complaint)) return TROUBLE.busy;
  if (/no such (file|device)|cannot find a proper|not a (video capture )?device/i.test(complaint))
    return TROUBLE.noDevice;
  return TROUBLE.ended;
}
