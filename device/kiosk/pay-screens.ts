import type { WebSocket } from "ws";
import type { z } from "zod";
import { assertNever } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { Operators } from "../security/operators-port.ts";
import type { ServingLine, ServingLineCommand } from "../serving-line/serving-line-port.ts";
import type { FaceSighting, KioskCamera } from "./kiosk-ports.ts";
import { COUNTER_ROLES } from "./operator-session.ts";
import { issuesOf, problemOf, problemOfFault } from "./problems.ts";
import {
  type lineCommandSchema,
  PAGE_TEXT_BYTES_MAX,
  type Problem,
  pageMessageSchema,
  type ServerMessage,
  type StatusMessage,
} from "./protocol.ts";

export interface PayScreensOptions {
  readonly servingLine: Pick<ServingLine, "command" | "status">;
  readonly camera: Pick<KioskCamera, "kind" | "push" | "onFrame">;
  readonly operators: Pick<Operators, "session">;
  readonly status: () => StatusMessage;
  readonly clock: Clock;
  readonly logger: Logger;
}

type PageCommandParsed = z.output<typeof lineCommandSchema>;
export type BrowserTrouble = "denied" | "none" | "busy" | "failed";

/** Pictures from and to the page; ten a second are what the engine looks at. */
const FRAME_PERIOD_MS = 100;
/** If the page does not answer the request for a picture in this time, it is asked again (it may have had no camera yet). */
const FRAME_ANSWER_MS_MAX = 2000;
const SOCKET_COUNT_MAX = 8;
const COMMANDS_AT_ONCE_MAX = 4;
const WRONG_MESSAGES_MAX = 50;
const HEARTBEAT_MS = 10_000;
/** A page that does not read: the status is small, so this is many seconds behind. */
const UNSENT_BYTES_MAX = 4 * 1024 * 1024;
/** With this much unsent, a picture is left out: only the newest counts. */
const UNSENT_BYTES_FOR_PICTURE_MAX = 512 * 1024;

const CLOSE_GOING_AWAY = 1001;
const CLOSE_POLICY = 1008;
const CLOSE_TOO_BIG = 1009;
const CLOSE_TRY_LATER = 1013;

interface Screen {
  readonly socket: WebSocket;
  /** Whether it may see pictures of the terminal's own camera: only a page on this machine. */
  readonly isLocal: boolean;
  /** Of whoever had signed in with this browser when the page was opened. */
  readonly sessionToken: string | undefined;
  wantsToPay: boolean;
  isAlive: boolean;
  commandsRunning: number;
  wrongMessages: number;
}

/** The pay pages that are open. One at a time is the pay screen: it gives commands and brings or shows pictures. */
export class PayScreens {
  readonly #options: PayScreensOptions;
  readonly #screens = new Set<Screen>();
  readonly #unlinkFrames: () => void;
  readonly #heartbeat: Timer;
  #active: Screen | undefined;
  #isFrameWanted = false;
  #nextFrame: Timer | undefined;
  #lastPreviewMonoMs = Number.NEGATIVE_INFINITY;
  #isStatusDue = false;
  #browserTrouble: BrowserTrouble | null = null;

  constructor(options: PayScreensOptions) {
    this.#options = options;
    this.#unlinkFrames = options.camera.onFrame((frame) => this.#showPicture(frame.jpeg));
    this.#heartbeat = options.clock.every(HEARTBEAT_MS, () => this.#beat());
  }

  /** Why the pay screen's webcam cannot be used, as the page says; null when it can or none was asked for. */
  get browserTrouble(): BrowserTrouble | null {
    return this.#browserTrouble;
  }

  /** Who may watch over a choice at the pay screen: signed in there, with a role at the counter. */
  operatorAtTill(): string | null {
    const token = this.#active?.sessionToken;
    const operator = token === undefined ? undefined : this.#options.operators.session(token);
    return operator !== undefined && COUNTER_ROLES.includes(operator.role) ? operator.operatorId : null;
  }

  add(socket: WebSocket, isLocal: boolean, sessionToken?: string): void {
    // Without a listener an error of the socket (a frame that is too large) would end the process.
    socket.on("error", () => socket.terminate());
    if (this.#screens.size >= SOCKET_COUNT_MAX) {
      socket.close(CLOSE_TRY_LATER, "too many pages");
      return;
    }
    const screen: Screen = {
      socket,
      isLocal,
      sessionToken,
      wantsToPay: false,
      isAlive: true,
      commandsRunning: 0,
      wrongMessages: 0,
    };
    this.#screens.add(screen);
    socket.on("message", (data, isBinary) => this.#onMessage(screen, data, isBinary));
    socket.on("pong", () => {
      screen.isAlive = true;
    });
    socket.on("close", () => this.#remove(screen));
  }

  /** Tells every page the newest status; several changes in one turn are one message. */
  statusChanged(): void {
    if (this.#isStatusDue) return;
    this.#isStatusDue = true;
    queueMicrotask(() => {
      this.#isStatusDue = false;
      if (this.#active !== undefined) send(this.#active, this.#options.status());
    });
  }

  /** Another camera was chosen, or its state changed: the page may have to bring pictures now. */
  cameraChanged(): void {
    this.statusChanged();
    // While a wait for the next picture runs, pictures already flow.
    if (this.#nextFrame === undefined) this.#askForFrame(0);
  }

  showFaces(sighting: FaceSighting): void {
    if (this.#active === undefined) return;
    send(this.#active, {
      type: "faces",
      widthPx: sighting.widthPx,
      heightPx: sighting.heightPx,
      boxes: sighting.boxes.map(([x, y, width, height]) => [x, y, width, height]),
    });
  }

  close(): void {
    this.#unlinkFrames();
    this.#heartbeat.cancel();
    this.#nextFrame?.cancel();
    for (const screen of this.#screens) screen.socket.close(CLOSE_GOING_AWAY, "terminal stops");
  }

  #remove(screen: Screen): void {
    this.#screens.delete(screen);
    if (this.#active !== screen) return;
    this.#active = undefined;
    this.#nextFrame?.cancel();
    this.#nextFrame = undefined;
    this.#isFrameWanted = false;
    this.#browserTrouble = null;
    // The page that was told to wait is the pay screen again.
    const waiting = [...this.#screens].filter((other) => other.wantsToPay).at(-1);
    if (waiting !== undefined) this.#activate(waiting);
  }

  #onMessage(screen: Screen, data: unknown, isBinary: boolean): void {
    const bytes = bytesOf(data);
    if (isBinary) {
      this.#onPicture(screen, bytes);
      return;
    }
    if (bytes.length > PAGE_TEXT_BYTES_MAX) {
      tell(screen, problemOf("message-too-large"));
      screen.socket.close(CLOSE_TOO_BIG, "message too large");
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      this.#wrong(screen, problemOf("json-malformed"));
      return;
    }
    const message = pageMessageSchema.safeParse(value);
    if (!message.success) {
      this.#wrong(screen, problemOf("request-invalid", { issues: issuesOf(message.error) }));
      return;
    }
    switch (message.data.type) {
      case "hello":
        this.#activate(screen);
        return;
      case "camera-trouble":
        if (screen === this.#active) this.#onCameraTrouble(message.data.reason);
        return;
      case "command":
        void this.#run(screen, message.data.command);
        return;
      default:
        assertNever(message.data);
    }
  }

  /** A page that talks nonsense is told so, and cut off if it does not stop. */
  #wrong(screen: Screen, problem: Problem): void {
    screen.wrongMessages += 1;
    tell(screen, problem);
    if (screen.wrongMessages > WRONG_MESSAGES_MAX)
      screen.socket.close(CLOSE_POLICY, "too many wrong messages");
  }

  #activate(screen: Screen): void {
    screen.wantsToPay = true;
    if (this.#active !== screen) {
      if (this.#active !== undefined) send(this.#active, { type: "superseded" });
      this.#active = screen;
      this.#isFrameWanted = false;
      this.#browserTrouble = null;
    }
    // Newest last: the order in which they step back in.
    this.#screens.delete(screen);
    this.#screens.add(screen);
    send(screen, this.#options.status());
    this.#askForFrame(0);
  }

  #onCameraTrouble(reason: BrowserTrouble): void {
    if (this.#browserTrouble !== reason) {
      this.#options.logger.warn({ reason }, "the browser's webcam cannot be used");
    }
    this.#browserTrouble = reason;
  }

  async #run(screen: Screen, command: PageCommandParsed): Promise<void> {
    if (screen !== this.#active) {
      tell(screen, problemOf("pay-screen-elsewhere"));
      return;
    }
    if (!this.#isShown(command)) {
      tell(screen, problemOf("screen-changed"));
      return;
    }
    const lineCommand = this.#lineCommand(command);
    if (lineCommand === null) {
      tell(screen, problemOf("sign-in-needed"));
      return;
    }
    if (screen.commandsRunning >= COMMANDS_AT_ONCE_MAX) {
      tell(screen, problemOf("too-many-commands"));
      return;
    }
    screen.commandsRunning += 1;
    try {
      await this.#options.servingLine.command(lineCommand);
    } catch (error) {
      // A bug must not be hidden as bad luck: it goes up and ends the process, the journal is safe.
      if (!isFault(error)) throw error;
      this.#options.logger.error({ command: command.kind, code: error.code }, "command failed");
      tell(screen, problemOfFault(error));
    } finally {
      screen.commandsRunning -= 1;
    }
  }

  /** Null for a choice that nobody watches over. */
  #lineCommand(command: PageCommandParsed): ServingLineCommand | null {
    if (command.kind === "confirm" || command.kind === "not-me") return { kind: command.kind };
    if (command.kind !== "choose") return command;
    const operatorId = this.operatorAtTill();
    return operatorId === null ? null : { ...command, operatorId };
  }

  /** Whether the line still shows what the diner answered. */
  #isShown(command: PageCommandParsed): boolean {
    const { view } = this.#options.servingLine.status();
    switch (command.kind) {
      case "confirm":
        return (
          view.kind === "confirm" &&
          view.personId === command.personId &&
          view.amountFen === command.amountFen
        );
      case "not-me":
        return (
          (view.kind === "confirm" && view.personId === command.personId) ||
          (view.kind === "paid" && view.receipt.personId === command.personId)
        );
      case "choose":
        return (
          view.kind === "asking" &&
          view.choices?.some(({ personId }) => personId === command.personId) === true
        );
      default:
        return true;
    }
  }

  #onPicture(screen: Screen, jpeg: Uint8Array<ArrayBuffer>): void {
    // Unasked or late: dropped. The page that does it on purpose gains nothing by it.
    if (screen !== this.#active || !this.#isFrameWanted) return;
    this.#isFrameWanted = false;
    this.#browserTrouble = null;
    this.#askForFrame(FRAME_PERIOD_MS);
    const isTaken = this.#options.camera.push(jpeg);
    if (!isTaken && this.#options.camera.kind() === "browser") {
      tell(screen, problemOf("request-invalid", { issues: [{ path: "", message: "not a whole JPEG" }] }));
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
    send(this.#active, { type: "next-frame" });
    this.#nextFrame = this.#options.clock.after(FRAME_ANSWER_MS_MAX, () => this.#askForFrame(0));
  }

  /** The terminal's own camera, for the diner to see where to look. Pictures of the browser it shows itself. */
  #showPicture(jpeg: Uint8Array): void {
    const screen = this.#active;
    if (screen === undefined || !screen.isLocal || this.#options.camera.kind() === "browser") return;
    const nowMs = this.#options.clock.mono();
    if (nowMs - this.#lastPreviewMonoMs < FRAME_PERIOD_MS / 2) return;
    if (screen.socket.bufferedAmount > UNSENT_BYTES_FOR_PICTURE_MAX) return;
    this.#lastPreviewMonoMs = nowMs;
    screen.socket.send(jpeg, { binary: true });
  }

  #beat(): void {
    for (const screen of this.#screens) {
      if (!screen.isAlive || screen.socket.bufferedAmount > UNSENT_BYTES_MAX) {
        screen.socket.terminate();
        continue;
      }
      screen.isAlive = false;
      screen.socket.ping();
    }
  }
}

function send(screen: Screen, message: ServerMessage): void {
  if (screen.socket.readyState === screen.socket.OPEN) screen.socket.send(JSON.stringify(message));
}

function tell(screen: Screen, problem: Problem): void {
  send(screen, { type: "problem", problem });
}

/** A buffer of its own: `ws` may give views of a shared one, and pictures are transferred to another thread. */
function bytesOf(data: unknown): Uint8Array<ArrayBuffer> {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (data instanceof Uint8Array) return new Uint8Array(data);
  if (Array.isArray(data))
    return new Uint8Array(Buffer.concat(data.filter((part) => part instanceof Uint8Array)));
  return new Uint8Array(0);
}
