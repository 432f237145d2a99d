import type { ReceivingView } from "../../../../receiving/receiving-port.ts";
import type { ReceivingSurroundings } from "../../../receiving-protocol.ts";

/** What the page stands on before the terminal has said anything; none of it is shown as if it were known. */
export const emptyView: ReceivingView = {
  day: "",
  priceFree: true,
  deliveries: [],
  step: { kind: "choosing" },
  activity: { kind: "none" },
  lastScan: null,
  containers: [],
  overrideReasons: [],
  rejectReasons: [],
  strikeReasons: [],
  binReasons: [],
};

export const emptySurroundings: ReceivingSurroundings = {
  type: "surroundings",
  operator: { operatorId: "", displayName: "", role: "keeper" },
  sync: {
    connection: "connecting",
    reason: null,
    waitingCount: 0,
    lastReceiptAtMs: null,
    rosterVersion: 0,
    refusedEntry: null,
  },
  camera: { kind: "browser", kinds: [], label: "", state: { kind: "starting" } },
  terminal: { site: "", device: "", zone: "Asia/Shanghai", language: "zh" },
  meals: [],
  demo: null,
};
