import type { WebSocket } from "ws";
import type { ZodType } from "zod";
import { assertNever } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { KioskCamera } from "./kiosk-ports.ts";
import { issuesOf, problemOf } from "./problems.ts";
import { PAGE_TEXT_BYTES_MAX, type Problem } from "./protocol.ts";

/** What every socket says, whichever page is behind it. */
export type AnyPageMessage =
  | { readonly type: "next-frame" }
  | { readonly type: "superseded" }
  | { readonly type: "problem"; readonly problem: Problem };

/** Why the webcam of the page cannot be used, as the browser says. */
export type BrowserTrouble = "denied" | "none" | "busy" | "failed";

/** What every page says beside its commands. */
export type SaidByAnyPage =
  | { readonly type: "hello" }
  /** Pictures of the terminal's own camera are wanted, or no more. */
  | { readonly type: "preview"; readonly isOn: boolean }
  | { readonly type: "camera-trouble"; readonly reason: BrowserTrouble };

export interface PageScreensOptions<Received> {
  /** Of the text messages; whatever does not fit is answered with a problem. */
  readonly schema: ZodType<Received>;
  readonly camera: Pick<KioskCamera, "kind" | "push" | "onFrame">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onMessage: (page: ScreenPage, message: Received) => void;
  /** The page became the screen, or asked again as it: it is to be told everything. */
  readonly onActive: (page: ScreenPage) => void;
}

/** Pictures from and to the page; ten a second are what the engine looks at. */
const FRAME_PERIOD_MS = 100;
/** If the page does not answer the request for a picture in this time, it is asked again (it may have had no camera yet). */
const FRAME_ANSWER_MS_MAX = 2000;
const SOCKET_COUNT_MAX = 8;
const WRONG_MESSAGES_MAX = 50;
const HEARTBEAT_MS = 10_000;
/** A page that does not read: what it is told is small, so this is many seconds behind. */
const UNSENT_BYTES_MAX = 4 * 1024 * 1024;
/** With this much unsent, what only counts while it is new (pictures, readings) is left out. */
const UNSENT_BYTES_FOR_FLEETING_MAX = 512 * 1024;

const CLOSE_GOING_AWAY = 1001;
const CLOSE_POLICY = 1008;
const CLOSE_TOO_BIG = 1009;
const CLOSE_TRY_LATER = 1013;

/** One open page. */
export class ScreenPage {
  readonly #socket: WebSocket;
  /** Whether it may see pictures of the terminal's own camera: only a page on this machine. */
  readonly isLocal: boolean;
  /** Of whoever had signed in with this browser when the page was opened. */
  readonly sessionToken: string | undefined;
  wantsScreen = false;
  /** Whether pictures of the terminal's own camera are any use to it now. */
  wantsPictures = true;
  isAlive = true;
  commandsRunning = 0;
  wrongMessages = 0;

  constructor(socket: WebSocket, isLocal: boolean, sessionToken: string | undefined) {
    this.#socket = socket;
    this.isLocal = isLocal;
    this.sessionToken = sessionToken;
  }

  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** For what only counts while it is new. */
  get isBehind(): boolean {
    return this.unsentBytes > UNSENT_BYTES_FOR_FLEETING_MAX;
  }

  send(message: { readonly type: string }): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  tell(problem: Problem): void {
    const message: AnyPageMessage = { type: "problem", problem };
    this.send(message);
  }

  sendPicture(jpeg: Uint8Array): void {
    this.#socket.send(jpeg, { binary: true });
  }

  ping(): void {
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}

/**
 * The pages of one kind that are open. One at a time is the screen: it gives commands and brings or shows pictures.
 * The newest page is it, the older one is told, and gets it back when the newest goes.
 */
export class PageScreens<Received> {
  readonly #options: PageScreensOptions<Received>;
  readonly #pages = new Set<ScreenPage>();
  readonly #unlinkFrames: () => void;
  readonly #heartbeat: Timer;
  #active: ScreenPage | undefined;
  #isFrameWanted = false;
  #nextFrame: Timer | undefined;
  #lastPreviewMonoMs = Number.NEGATIVE_INFINITY;
  #browserTrouble: BrowserTrouble | null = null;

  constructor(options: PageScreensOptions<Received>) {
    this.#options = options;
    this.#unlinkFrames = options.camera.onFrame((frame) => this.#showPicture(frame.jpeg));
    this.#heartbeat = options.clock.every(HEARTBEAT_MS, () => this.#beat());
  }

  get active(): ScreenPage | undefined {
    return this.#active;
  }

  /** Why the screen's webcam cannot be used, as the page says; null when it can or none was asked for. */
  get browserTrouble(): BrowserTrouble | null {
    return this.#browserTrouble;
  }

  add(socket: WebSocket, isLocal: boolean, sessionToken?: string): void {
    // Without a listener an error of the socket (a frame that is too large) would end the process.
    socket.on("error", () => socket.terminate());
    if (this.#pages.size >= SOCKET_COUNT_MAX) {
      socket.close(CLOSE_TRY_LATER, "too many pages");
      return;
    }
    const page = new ScreenPage(socket, isLocal, sessionToken);
    this.#pages.add(page);
    socket.on("message", (data, isBinary) => this.#onMessage(page, data, isBinary));
    socket.on("pong", () => {
      page.isAlive = true;
    });
    socket.on("close", () => this.#remove(page));
  }

  hear(page: ScreenPage, message: SaidByAnyPage): void {
    switch (message.type) {
      case "hello":
        this.#activate(page);
        return;
      case "preview":
        page.wantsPictures = message.isOn;
        return;
      case "camera-trouble":
        this.#webcamFailed(page, message.reason);
        return;
      default:
        assertNever(message);
    }
  }

  #activate(page: ScreenPage): void {
    page.wantsScreen = true;
    if (this.#active !== page) {
      const superseded: AnyPageMessage = { type: "superseded" };
      this.#active?.send(superseded);
      this.#active = page;
      this.#isFrameWanted = false;
      this.#browserTrouble = null;
    }
    // Newest last: the order in which they step back in.
    this.#pages.delete(page);
    this.#pages.add(page);
    this.#options.onActive(page);
    this.#askForFrame(0);
  }

  /** Another camera was chosen, or its state changed: the page may have to bring pictures now. */
  cameraChanged(): void {
    // While a wait for the next picture runs, pictures already flow.
    if (this.#nextFrame === undefined) this.#askForFrame(0);
  }

  #webcamFailed(page: ScreenPage, reason: BrowserTrouble): void {
    if (page !== this.#active) return;
    if (this.#browserTrouble !== reason) {
      this.#options.logger.warn({ reason }, "the browser's webcam cannot be used");
    }
    this.#browserTrouble = reason;
  }

  close(): void {
    this.#unlinkFrames();
    this.#heartbeat.cancel();
    this.#nextFrame?.cancel();
    for (const page of this.#pages) page.close(CLOSE_GOING_AWAY, "terminal stops");
  }

  #remove(page: ScreenPage): void {
    this.#pages.delete(page);
    if (this.#active !== page) return;
    this.#active = undefined;
    this.#nextFrame?.cancel();
    this.#nextFrame = undefined;
    this.#isFrameWanted = false;
    this.#browserTrouble = null;
    // The page that was told to wait is the screen again.
    const waiting = [...this.#pages].filter((other) => other.wantsScreen).at(-1);
    if (waiting !== undefined) this.#activate(waiting);
  }

  #onMessage(page: ScreenPage, data: unknown, isBinary: boolean): void {
    const bytes = bytesOf(data);
    if (isBinary) {
      this.#onPicture(page, bytes);
      return;
    }
    if (bytes.length > PAGE_TEXT_BYTES_MAX) {
      page.tell(problemOf("message-too-large"));
      page.close(CLOSE_TOO_BIG, "message too large");
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      this.#wrong(page, problemOf("json-malformed"));
      return;
    }
    const message = this.#options.schema.safeParse(value);
    if (message.success) this.#options.onMessage(page, message.data);
    else this.#wrong(page, problemOf("request-invalid", { issues: issuesOf(message.error) }));
  }

  /** A page that talks nonsense is told so, and cut off if it does not stop. */
  #wrong(page: ScreenPage, problem: Problem): void {
    page.wrongMessages += 1;
    page.tell(problem);
    if (page.wrongMessages > WRONG_MESSAGES_MAX) page.close(CLOSE_POLICY, "too many wrong messages");
  }

  #onPicture(page: ScreenPage, jpeg: Uint8Array<ArrayBuffer>): void {
    // Unasked or late: dropped. The page that does it on purpose gains nothing by it.
    if (page !== this.#active || !this.#isFrameWanted) return;
    this.#isFrameWanted = false;
    this.#browserTrouble = null;
    this.#askForFrame(FRAME_PERIOD_MS);
    const isTaken = this.#options.camera.push(jpeg);
    if (!isTaken && this.#options.camera.kind() === "browser") {
      page.tell(problemOf("request-invalid", { issues: [{ path: "", message: "not a whole JPEG" }] }));
    }
  }

  #askForFrame(waitMs: number): void {
    this.#nextFrame?.cancel();
    this.#nextFrame = undefined;
    if (this.#active === undefined || this.#options.camera.kind() !== "browser") {
      this.#isFrameWanted = false;
      return;
    }
    if (waitMs > 0) {
      this.#nextFrame = this.#options.clock.after(waitMs, () => this.#askForFrame(0));
      return;
    }
    this.#isFrameWanted = true;
    const nextFrame: AnyPageMessage = { type: "next-frame" };
    this.#active.send(nextFrame);
    this.#nextFrame = this.#options.clock.after(FRAME_ANSWER_MS_MAX, () => this.#askForFrame(0));
  }

  /** The terminal's own camera, for people to see where to look. Pictures of the browser it shows itself. */
  #showPicture(jpeg: Uint8Array): void {
    const page = this.#active;
    if (
      page === undefined ||
      !page.isLocal ||
      !page.wantsPictures ||
      this.#options.camera.kind() === "browser"
    )
      return;
    const nowMs = this.#options.clock.mono();
    if (nowMs - this.#lastPreviewMonoMs < FRAME_PERIOD_MS / 2) return;
    if (page.isBehind) return;
    this.#lastPreviewMonoMs = nowMs;
    page.sendPicture(jpeg);
  }

  #beat(): void {
    for (const page of this.#pages) {
      if (!page.isAlive || page.unsentBytes > UNSENT_BYTES_MAX) {
        page.terminate();
        continue;
      }
      page.isAlive = false;
      page.ping();
    }
  }
}

/** A buffer of its own: `ws` may give views of a shared one, and pictures are transferred to another thread. */
function bytesOf(data: unknown): Uint8Array<ArrayBuffer> {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (data instanceof Uint8Array) return new Uint8Array(data);
  if (Array.isArray(data))
    return new Uint8Array(Buffer.concat(data.filter((part) => part instanceof Uint8Array)));
  return new Uint8Array(0);
}
