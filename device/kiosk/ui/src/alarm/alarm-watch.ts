import { onScopeDispose, type Ref, ref, shallowRef } from "vue";
import { type AlarmedCabinet, type AlarmPageMessage, alarmsMessage } from "../../../cabinet-protocol.ts";
import { schoolZone } from "../terminal/school-zone.ts";

export interface AlarmWatch {
  /** Empty while nothing alarms, or where there is no cabinet. */
  readonly cabinets: Readonly<Ref<readonly AlarmedCabinet[]>>;
  silence(cabinetId: string): void;
}

const RECONNECT_MS_MIN = 1000;
const RECONNECT_MS_MAX = 15_000;
/** The terminal has no cabinet, or does not let this page look: no use asking again soon. */
const CLOSE_UNSUPPORTED = 1011;
const CLOSE_POLICY = 1008;
const ASK_AGAIN_MS = 300_000;

/** What alarms, for whatever page is shown; it connects again by itself. */
export function useAlarmWatch(): AlarmWatch {
  const cabinets = shallowRef<readonly AlarmedCabinet[]>([]);
  let socket: WebSocket | undefined;
  let waitMs = RECONNECT_MS_MIN;
  let timer = 0;
  let isDisposed = false;

  const connect = (): void => {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/alarms`);
    socket.addEventListener("message", ({ data }) => {
      const message = alarmsMessage(String(data));
      waitMs = RECONNECT_MS_MIN;
      schoolZone.value = message.terminal.zone;
      cabinets.value = message.cabinets;
    });
    socket.addEventListener("close", ({ code }) => {
      if (isDisposed) return;
      const isUseless = code === CLOSE_UNSUPPORTED || code === CLOSE_POLICY;
      if (isUseless) cabinets.value = [];
      timer = window.setTimeout(connect, isUseless ? ASK_AGAIN_MS : waitMs);
      waitMs = Math.min(RECONNECT_MS_MAX, waitMs * 2);
    });
  };
  connect();
  onScopeDispose(() => {
    isDisposed = true;
    window.clearTimeout(timer);
    socket?.close();
  });
  return {
    cabinets,
    silence(cabinetId) {
      const message: AlarmPageMessage = { type: "silence", cabinetId };
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
  };
}

/** Set by a page while its work must not be covered: then an alarm is a band and not the whole screen. */
export const isWorkUnderWay = ref(false);
