import { onScopeDispose, type Ref, ref, shallowRef } from "vue";
import type {
  LiveReceiving,
  ReceivingAnswer,
  ReceivingCommand,
  ReceivingView,
} from "../../../../receiving/receiving-port.ts";
import type { Problem } from "../../../protocol.ts";
import {
  type ReceivingPageMessage,
  type ReceivingServerMessage,
  type ReceivingSurroundings,
  receivingServerMessage,
} from "../../../receiving-protocol.ts";
import type { PictureLink } from "../terminal/camera-feed.ts";

/** An answer of the terminal, or why there is none. */
export type Asked = ReceivingAnswer | { readonly kind: "failed"; readonly problem: Problem };

export interface ReceivingSocket extends PictureLink {
  readonly connection: Readonly<Ref<"connecting" | "open" | "superseded">>;
  readonly surroundings: Readonly<Ref<ReceivingSurroundings | null>>;
  readonly view: Readonly<Ref<ReceivingView | null>>;
  /** Changes fifteen times a second: only what shows the weight may look at it. */
  readonly live: Readonly<Ref<LiveReceiving | null>>;
  /** A problem that belongs to no command. */
  readonly problem: Readonly<Ref<Problem | null>>;
  /** Always settles: with the answer, or as failed when the connection goes. */
  ask(command: ReceivingCommand): Promise<Asked>;
  /** Whether pictures of the terminal's own camera are wanted. */
  preview(isOn: boolean): void;
  takeOver(): void;
}

const RECONNECT_MS_MIN = 300;
const RECONNECT_MS_MAX = 5000;
const LOST: Problem = {
  code: "terminal-unreachable",
  message: { zh: "与终端的连接断了", en: "The connection to the terminal was lost" },
  hint: {
    zh: "恢复后请看屏幕，确认这一步有没有做成",
    en: "When it is back, look at the screen whether this was done",
  },
};

/** The one connection of the receiving page; it connects again by itself for as long as the page lives. */
export function useReceivingSocket(): ReceivingSocket {
  const connection = ref<"connecting" | "open" | "superseded">("connecting");
  const surroundings = shallowRef<ReceivingSurroundings | null>(null);
  const view = shallowRef<ReceivingView | null>(null);
  const live = shallowRef<LiveReceiving | null>(null);
  const problem = shallowRef<Problem | null>(null);
  const waiting = new Map<number, (answer: Asked) => void>();
  let frameWanted = (): void => {};
  let gotPicture = (_: Blob): void => {};
  let socket: WebSocket | undefined;
  let waitMs = RECONNECT_MS_MIN;
  let askCount = 0;
  let isDisposed = false;
  let timer = 0;

  const say = (message: ReceivingPageMessage): boolean => {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  };
  const settle = (askId: number, answer: Asked): void => {
    waiting.get(askId)?.(answer);
    waiting.delete(askId);
  };
  const settleAll = (): void => {
    for (const askId of [...waiting.keys()]) settle(askId, { kind: "failed", problem: LOST });
  };

  const connect = (): void => {
    socket = new WebSocket(
      `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/receiving`,
    );
    socket.binaryType = "blob";
    socket.addEventListener("open", () => say({ type: "hello", page: "receiving" }));
    socket.addEventListener("message", ({ data }) => {
      if (data instanceof Blob) gotPicture(data);
      else onMessage(receivingServerMessage(String(data)));
    });
    socket.addEventListener("close", () => {
      settleAll();
      if (isDisposed) return;
      connection.value = "connecting";
      timer = window.setTimeout(connect, waitMs);
      waitMs = Math.min(RECONNECT_MS_MAX, waitMs * 2);
    });
  };

  const onMessage = (message: ReceivingServerMessage): void => {
    switch (message.type) {
      case "surroundings":
        waitMs = RECONNECT_MS_MIN;
        surroundings.value = message;
        break;
      case "view":
        connection.value = "open";
        view.value = message.view;
        break;
      case "live":
        live.value = message.live;
        break;
      case "answer":
        settle(message.askId, message.answer);
        break;
      case "failed":
        settle(message.askId, { kind: "failed", problem: message.problem });
        break;
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
  };

  connect();
  onScopeDispose(() => {
    isDisposed = true;
    window.clearTimeout(timer);
    socket?.close();
    settleAll();
  });

  return {
    connection,
    surroundings,
    view,
    live,
    problem,
    ask: (command) =>
      new Promise((resolve) => {
        askCount += 1;
        waiting.set(askCount, resolve);
        if (!say({ type: "command", askId: askCount, command })) {
          settle(askCount, { kind: "failed", problem: LOST });
        }
      }),
    preview: (isOn) => void say({ type: "preview", isOn }),
    takeOver: () => void say({ type: "hello", page: "receiving" }),
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
