import { onScopeDispose, type Ref, ref, type ShallowRef, shallowRef } from "vue";
import type { SigningHint } from "../../../../signatures/signature-port.ts";
import type { AnsweringMessage } from "../../../page-protocol.ts";
import type { Problem } from "../../../protocol.ts";
import type { PictureLink } from "./camera-feed.ts";

/**
 * `superseded`: a newer page has the screen. `absent`: the terminal has no such part. `signed-out`: from this machine
 * somebody has to sign in.
 */
export type Connection = "connecting" | "open" | "superseded" | "absent" | "signed-out";

/** What every page says to the terminal, beside what is its own. */
type SaidByAll<PageName> =
  | { type: "hello"; page: PageName }
  | { type: "camera-trouble"; reason: "denied" | "none" | "busy" | "failed" };

/** What the terminal says to every page; whatever a page has no use for it passes to `hear`. */
export type HeardByAll =
  | { readonly type: "next-frame" }
  | { readonly type: "superseded" }
  | { readonly type: "problem"; readonly problem: Problem };

export interface PageLink<Said> extends PictureLink {
  readonly connection: Readonly<Ref<Connection>>;
  /** A problem that belongs to no command. */
  readonly problem: ShallowRef<Problem | null>;
  /** @returns false when there is no connection: nothing is kept for later. */
  say(message: Said): boolean;
  /** The terminal has said what this page shows: it is the screen. */
  opened(): void;
  hear(message: HeardByAll): void;
  /** Makes this page the screen again. */
  takeOver(): void;
  /** Tries again at once: somebody has signed in. */
  reconnect(): void;
}

const RECONNECT_MS_MIN = 300;
const RECONNECT_MS_MAX = 5000;
/** The terminal lacks what the page is for. */
const CLOSE_UNSUPPORTED = 1011;
const CLOSE_SIGN_IN = 4401;
const CLOSED_AS: Readonly<Record<number, Connection>> = {
  [CLOSE_UNSUPPORTED]: "absent",
  [CLOSE_SIGN_IN]: "signed-out",
};

/** The one connection of a page; it connects again by itself for as long as the page lives. */
export function usePageLink<PageName extends string, Said>(options: {
  readonly path: string;
  readonly page: PageName;
  /** @param json one text message of the terminal. */
  readonly onText: (json: string) => void;
  readonly onClosed?: () => void;
}): PageLink<Said | SaidByAll<PageName>> {
  const connection = ref<Connection>("connecting");
  const problem = shallowRef<Problem | null>(null);
  let frameWanted = (): void => {};
  let gotPicture = (_: Blob): void => {};
  let socket: WebSocket | undefined;
  let waitMs = RECONNECT_MS_MIN;
  let timer = 0;

  const say = (message: Said | SaidByAll<PageName>): boolean => {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  };
  const hello = (): void => void say({ type: "hello", page: options.page });

  const connect = (): void => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const opened = new WebSocket(`${scheme}://${location.host}${options.path}`);
    socket = opened;
    opened.binaryType = "blob";
    opened.addEventListener("open", () => {
      if (opened === socket) hello();
      else opened.close();
    });
    opened.addEventListener("message", ({ data }) => {
      if (opened !== socket) return;
      if (data instanceof Blob) gotPicture(data);
      else options.onText(String(data));
    });
    opened.addEventListener("close", ({ code }) => {
      // One that another has replaced says nothing about the connection.
      if (opened !== socket) return;
      options.onClosed?.();
      connection.value = CLOSED_AS[code] ?? "connecting";
      timer = window.setTimeout(connect, waitMs);
      waitMs = Math.min(RECONNECT_MS_MAX, waitMs * 2);
    });
  };
  /** One still being opened ends when it is open: a browser complains of any other way. */
  const leave = (left: WebSocket | undefined): void => {
    if (left?.readyState !== WebSocket.CONNECTING) left?.close();
  };
  connect();
  onScopeDispose(() => {
    const last = socket;
    socket = undefined;
    window.clearTimeout(timer);
    leave(last);
    options.onClosed?.();
  });

  return {
    connection,
    problem,
    say,
    opened() {
      waitMs = RECONNECT_MS_MIN;
      connection.value = "open";
    },
    hear(message) {
      switch (message.type) {
        case "next-frame":
          frameWanted();
          break;
        case "superseded":
          connection.value = "superseded";
          break;
        case "problem":
          problem.value = message.problem;
          break;
      }
    },
    takeOver: hello,
    reconnect() {
      window.clearTimeout(timer);
      waitMs = RECONNECT_MS_MIN;
      const before = socket;
      connect();
      leave(before);
    },
    reportTrouble: (reason) => void say({ type: "camera-trouble", reason }),
    sendFrame(jpeg) {
      if (socket?.readyState === WebSocket.OPEN) socket.send(jpeg);
    },
    onFrameWanted(listener) {
      frameWanted = listener;
    },
    onPicture(listener) {
      gotPicture = listener;
    },
  };
}

const LOST: Problem = {
  code: "terminal-unreachable",
  message: { zh: "与终端的连接断了", en: "The connection to the terminal was lost" },
  hint: {
    zh: "恢复后请看屏幕，确认这一步有没有做成",
    en: "When it is back, look at the screen whether this was done",
  },
};

/** Why there is no answer of the terminal. */
export interface NotAnswered {
  readonly kind: "failed";
  readonly problem: Problem;
}

/** What a page whose commands are answered one by one has of its link. */
export interface PageSocket<Command, Answer> extends PictureLink {
  readonly connection: Readonly<Ref<Connection>>;
  /** A problem that belongs to no command. */
  readonly problem: Readonly<Ref<Problem | null>>;
  /** Always settles: with the answer, or as failed when the connection goes. */
  ask(command: Command): Promise<Answer | NotAnswered>;
  /** Whether pictures of the terminal's own camera are wanted. */
  preview(isOn: boolean): void;
  takeOver(): void;
  reconnect(): void;
  /** What whoever signs by face now may do to be recognised. */
  readonly signingHint: Readonly<Ref<SigningHint | null>>;
}
interface AskingLink<Command, Answer> extends PageSocket<Command, Answer> {
  opened(): void;
  hear(message: AnsweringMessage<Answer>): void;
}

export function useAskingLink<PageName extends string, Command, Answer>(options: {
  readonly path: string;
  readonly page: PageName;
  readonly onText: (json: string) => void;
}): AskingLink<Command, Answer> {
  const waiting = new Map<number, (answer: Answer | NotAnswered) => void>();
  const signingHint = shallowRef<SigningHint | null>(null);
  let askCount = 0;
  const settle = (askId: number, answer: Answer | NotAnswered): void => {
    waiting.get(askId)?.(answer);
    waiting.delete(askId);
  };
  const link = usePageLink<
    PageName,
    { type: "command"; askId: number; command: Command } | { type: "preview"; isOn: boolean }
  >({
    ...options,
    onClosed() {
      signingHint.value = null;
      for (const askId of [...waiting.keys()]) settle(askId, { kind: "failed", problem: LOST });
    },
  });
  return {
    ...link,
    signingHint,
    hear(message) {
      switch (message.type) {
        case "answer":
          settle(message.askId, message.answer);
          break;
        case "failed":
          settle(message.askId, { kind: "failed", problem: message.problem });
          break;
        case "hint":
          signingHint.value = message.hint;
          break;
        default:
          link.hear(message);
      }
    },
    ask: (command) =>
      new Promise((resolve) => {
        askCount += 1;
        waiting.set(askCount, resolve);
        if (!link.say({ type: "command", askId: askCount, command }))
          settle(askCount, { kind: "failed", problem: LOST });
      }),
    preview: (isOn) => void link.say({ type: "preview", isOn }),
  };
}
