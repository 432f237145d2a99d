import { onScopeDispose, type Ref, ref, shallowRef } from "vue";
import type { TakingView } from "../../../../sample-cabinet/samples-port.ts";
import {
  type CabinetAnswer,
  type CabinetCommand,
  type CabinetPageMessage,
  type CabinetServerMessage,
  type CabinetShown,
  type CabinetSurroundings,
  cabinetServerMessage,
  type SamplesShown,
} from "../../../cabinet-protocol.ts";
import type { Problem } from "../../../protocol.ts";
import type { PictureLink } from "../terminal/camera-feed.ts";

/** An answer of the terminal, or why there is none. */
export type Asked = CabinetAnswer | { readonly kind: "failed"; readonly problem: Problem };

export interface CabinetSocket extends PictureLink {
  /** `absent`: the terminal has no cabinet. */
  readonly connection: Readonly<Ref<"connecting" | "open" | "superseded" | "absent">>;
  readonly surroundings: Readonly<Ref<CabinetSurroundings | null>>;
  readonly cabinets: Readonly<Ref<readonly CabinetShown[]>>;
  readonly samples: Readonly<Ref<SamplesShown | null>>;
  /** Changes with the scale: only what shows the taking may look at it. */
  readonly taking: Readonly<Ref<TakingView>>;
  readonly problem: Readonly<Ref<Problem | null>>;
  /** Always settles: with the answer, or as failed when the connection goes. */
  ask(command: CabinetCommand): Promise<Asked>;
  /** Whether pictures of the terminal's own camera are wanted. */
  preview(isOn: boolean): void;
  takeOver(): void;
}

const RECONNECT_MS_MIN = 300;
const RECONNECT_MS_MAX = 5000;
const CLOSE_UNSUPPORTED = 1011;
const LOST: Problem = {
  code: "terminal-unreachable",
  message: { zh: "与终端的连接断了", en: "The connection to the terminal was lost" },
  hint: {
    zh: "恢复后请看屏幕，确认这一步有没有做成",
    en: "When it is back, look at the screen whether this was done",
  },
};

/** The one connection of the cabinet's page; it connects again by itself for as long as the page lives. */
export function useCabinetSocket(): CabinetSocket {
  const connection = ref<"connecting" | "open" | "superseded" | "absent">("connecting");
  const surroundings = shallowRef<CabinetSurroundings | null>(null);
  const cabinets = shallowRef<readonly CabinetShown[]>([]);
  const samples = shallowRef<SamplesShown | null>(null);
  const taking = shallowRef<TakingView>({ step: "idle" });
  const problem = shallowRef<Problem | null>(null);
  const waiting = new Map<number, (answer: Asked) => void>();
  let frameWanted = (): void => {};
  let gotPicture = (_: Blob): void => {};
  let socket: WebSocket | undefined;
  let waitMs = RECONNECT_MS_MIN;
  let askCount = 0;
  let isDisposed = false;
  let timer = 0;

  const say = (message: CabinetPageMessage): boolean => {
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
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/cabinet`);
    socket.binaryType = "blob";
    socket.addEventListener("open", () => say({ type: "hello", page: "cabinet" }));
    socket.addEventListener("message", ({ data }) => {
      if (data instanceof Blob) gotPicture(data);
      else onMessage(cabinetServerMessage(String(data)));
    });
    socket.addEventListener("close", ({ code }) => {
      settleAll();
      if (isDisposed) return;
      connection.value = code === CLOSE_UNSUPPORTED ? "absent" : "connecting";
      timer = window.setTimeout(connect, waitMs);
      waitMs = Math.min(RECONNECT_MS_MAX, waitMs * 2);
    });
  };

  const onMessage = (message: CabinetServerMessage): void => {
    switch (message.type) {
      case "surroundings":
        waitMs = RECONNECT_MS_MIN;
        connection.value = "open";
        surroundings.value = message;
        break;
      case "cabinet": {
        const { view, names } = message;
        const others = cabinets.value;
        const isKnown = others.some((each) => each.view.cabinetId === view.cabinetId);
        cabinets.value = isKnown
          ? others.map((each) => (each.view.cabinetId === view.cabinetId ? { view, names } : each))
          : [...others, { view, names }];
        break;
      }
      case "samples":
        samples.value = message.samples;
        break;
      case "taking":
        taking.value = message.taking;
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
    cabinets,
    samples,
    taking,
    problem,
    ask: (command) =>
      new Promise((resolve) => {
        askCount += 1;
        waiting.set(askCount, resolve);
        if (!say({ type: "command", askId: askCount, command }))
          settle(askCount, { kind: "failed", problem: LOST });
      }),
    preview: (isOn) => void say({ type: "preview", isOn }),
    takeOver: () => void say({ type: "hello", page: "cabinet" }),
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
