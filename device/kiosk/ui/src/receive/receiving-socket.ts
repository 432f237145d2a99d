import { type Ref, shallowRef } from "vue";
import type {
  LiveReceiving,
  ReceivingAnswer,
  ReceivingCommand,
  ReceivingView,
} from "../../../../receiving/receiving-port.ts";
import {
  type ReceivingServerMessage,
  type ReceivingSurroundings,
  receivingServerMessage,
} from "../../../receiving-protocol.ts";
import { type PageSocket, useAskingLink } from "../terminal/page-link.ts";

export interface ReceivingSocket extends PageSocket<ReceivingCommand, ReceivingAnswer> {
  readonly surroundings: Readonly<Ref<ReceivingSurroundings | null>>;
  readonly view: Readonly<Ref<ReceivingView | null>>;
  /** Changes fifteen times a second: only what shows the weight may look at it. */
  readonly live: Readonly<Ref<LiveReceiving | null>>;
}

/** The one connection of the receiving page. */
export function useReceivingSocket(): ReceivingSocket {
  const surroundings = shallowRef<ReceivingSurroundings | null>(null);
  const view = shallowRef<ReceivingView | null>(null);
  const live = shallowRef<LiveReceiving | null>(null);
  const link = useAskingLink<"receiving", ReceivingCommand, ReceivingAnswer>({
    path: "/ws/receiving",
    page: "receiving",
    onText: (json) => onMessage(receivingServerMessage(json)),
  });

  const onMessage = (message: ReceivingServerMessage): void => {
    switch (message.type) {
      case "surroundings":
        surroundings.value = message;
        break;
      case "view":
        link.opened();
        view.value = message.view;
        break;
      case "live":
        live.value = message.live;
        break;
      default:
        link.hear(message);
    }
  };
  return { ...link, surroundings, view, live };
}
