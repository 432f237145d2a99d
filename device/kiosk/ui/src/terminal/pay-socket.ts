import { onScopeDispose, type Ref, shallowRef } from "vue";
import {
  type PageCommand,
  type Problem,
  type ServerMessage,
  type StatusMessage,
  serverMessageSchema,
} from "../../../protocol.ts";
import type { PictureLink } from "./camera-feed.ts";
import { type Connection, usePageLink } from "./page-link.ts";

export type Faces = Extract<ServerMessage, { type: "faces" }>;

export interface PaySocket extends PictureLink {
  readonly connection: Readonly<Ref<Connection>>;
  readonly status: Readonly<Ref<StatusMessage | null>>;
  readonly faces: Readonly<Ref<Faces | null>>;
  readonly problem: Readonly<Ref<Problem | null>>;
  command(command: PageCommand): void;
  /** Makes this page the pay screen again. */
  takeOver(): void;
}

const PROBLEM_SHOWN_MS = 4000;
/** Boxes older than this no longer lie on the face. */
const FACES_MS_MAX = 700;

/** The one connection of the pay page. */
export function usePaySocket(): PaySocket {
  const status = shallowRef<StatusMessage | null>(null);
  const faces = shallowRef<Faces | null>(null);
  let problemTimer = 0;
  let facesTimer = 0;
  const link = usePageLink<"pay", { type: "command"; command: PageCommand }>({
    path: "/ws",
    page: "pay",
    onText: (json) => onMessage(serverMessageSchema.parse(JSON.parse(json))),
  });

  const onMessage = (message: ServerMessage): void => {
    switch (message.type) {
      case "status":
        link.opened();
        status.value = message;
        break;
      case "faces":
        faces.value = message;
        window.clearTimeout(facesTimer);
        facesTimer = window.setTimeout(() => {
          faces.value = null;
        }, FACES_MS_MAX);
        break;
      case "problem":
        link.hear(message);
        window.clearTimeout(problemTimer);
        problemTimer = window.setTimeout(() => {
          link.problem.value = null;
        }, PROBLEM_SHOWN_MS);
        break;
      default:
        link.hear(message);
    }
  };
  onScopeDispose(() => {
    window.clearTimeout(problemTimer);
    window.clearTimeout(facesTimer);
  });
  return { ...link, status, faces, command: (command) => void link.say({ type: "command", command }) };
}
