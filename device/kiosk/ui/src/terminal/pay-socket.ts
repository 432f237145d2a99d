import { onScopeDispose, type Ref, readonly, ref, shallowRef } from "vue";
import {
  type PageCommand,
  type PageMessage,
  type Problem,
  type ServerMessage,
  type StatusMessage,
  serverMessageSchema,
} from "../../../protocol.ts";

export type Faces = Extract<ServerMessage, { type: "faces" }>;

export interface PaySocket {
  readonly connection: Readonly<Ref<"connecting" | "open" | "superseded">>;
  readonly status: Readonly<Ref<StatusMessage | null>>;
  readonly faces: Readonly<Ref<Faces | null>>;
  readonly problem: Readonly<Ref<Problem | null>>;
  command(command: PageCommand): void;
  say(message: PageMessage): void;
  sendFrame(jpeg: Blob): void;
  /** Makes this page the pay screen again. */
  takeOver(): void;
  /** @param listener called when the terminal asks for one picture. */
  onFrameWanted(listener: () => void): void;
  /** @param listener gets pictures of the terminal's own camera. */
  onPicture(listener: (jpeg: Blob) => void): void;
}

const RECONNECT_MS_MIN = 300;
const RECONNECT_MS_MAX = 5000;
const PROBLEM_SHOWN_MS = 4000;
/** Boxes older than this no longer lie on the face. */
const FACES_MS_MAX = 700;

/** The one connection of the pay page; it connects again by itself for as long as the page lives. */
export function usePaySocket(): PaySocket {
  const connection = ref<"connecting" | "open" | "superseded">("connecting");
  const status = shallowRef<StatusMessage | null>(null);
  const faces = shallowRef<Faces | null>(null);
  const problem = shallowRef<Problem | null>(null);
  let frameWanted = (): void => {};
  let gotPicture = (_: Blob): void => {};
  let socket: WebSocket | undefined;
  let waitMs = RECONNECT_MS_MIN;
  let isDisposed = false;
  let timer = 0;
  let problemTimer = 0;
  let facesTimer = 0;

  const say = (message: PageMessage): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };

  const connect = (): void => {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
    socket.binaryType = "blob";
    socket.addEventListener("open", () => say({ type: "hello", page: "pay" }));
    socket.addEventListener("message", ({ data }) => {
      if (data instanceof Blob) gotPicture(data);
      else onMessage(serverMessageSchema.parse(JSON.parse(String(data))));
    });
    socket.addEventListener("close", () => {
      if (isDisposed) return;
      connection.value = "connecting";
      timer = window.setTimeout(connect, waitMs);
      waitMs = Math.min(RECONNECT_MS_MAX, waitMs * 2);
    });
  };

  const onMessage = (message: ServerMessage): void => {
    switch (message.type) {
      case "status":
        waitMs = RECONNECT_MS_MIN;
        connection.value = "open";
        status.value = message;
        break;
      case "next-frame":
        frameWanted();
        break;
      case "faces":
        faces.value = message;
        window.clearTimeout(facesTimer);
        facesTimer = window.setTimeout(() => {
          faces.value = null;
        }, FACES_MS_MAX);
        break;
      case "superseded":
        connection.value = "superseded";
        break;
      case "problem":
        problem.value = message.problem;
        window.clearTimeout(problemTimer);
        problemTimer = window.setTimeout(() => {
          problem.value = null;
        }, PROBLEM_SHOWN_MS);
        break;
    }
  };

  connect();
  onScopeDispose(() => {
    isDisposed = true;
    window.clearTimeout(timer);
    window.clearTimeout(problemTimer);
    window.clearTimeout(facesTimer);
    socket?.close();
  });

  return {
    connection: readonly(connection),
    status,
    faces,
    problem,
    say,
    command: (command) => say({ type: "command", command }),
    sendFrame(jpeg) {
      if (socket?.readyState === WebSocket.OPEN) socket.send(jpeg);
    },
    takeOver: () => say({ type: "hello", page: "pay" }),
    onFrameWanted(listener) {
      frameWanted = listener;
    },
    onPicture(listener) {
      gotPicture = listener;
    },
  };
}
