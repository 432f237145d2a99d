import type { WebSocket } from "ws";
import type { Clock, Timer } from "../platform/clock.ts";
import type { AlarmView, CabinetView } from "../sample-cabinet/cabinet-port.ts";
import {
  ALARMS_SHOWN_MAX,
  type AlarmedCabinet,
  type AlarmsMessage,
  alarmPageMessageSchema,
} from "./cabinet-protocol.ts";
import type { KioskCabinets, KioskSettings } from "./kiosk-ports.ts";
import { PacedSender } from "./paced-sender.ts";
import { PAGE_TEXT_BYTES_MAX } from "./protocol.ts";

/** How often pages are told at most: an alarm goes at once, its figures follow. */
const PERIOD_MS = 250;
const PAGE_COUNT_MAX = 16;
const WRONG_MESSAGES_MAX = 20;
const HEARTBEAT_MS = 10_000;
/** With this much unsent a page is left out; it gets the newest once it reads again. */
const UNSENT_BYTES_MAX = 256 * 1024;
const CLOSE_GOING_AWAY = 1001;
const CLOSE_POLICY = 1008;
const CLOSE_TRY_LATER = 1013;

/**
 * Tells every open page of the terminal what alarms. Unlike the pages' own sockets it knows no newest one: an alarm is
 * everybody's.
 */
export class AlarmFeed {
  readonly #here: KioskCabinets;
  readonly #settings: KioskSettings;
  readonly #changes: PacedSender;
  readonly #pages = new Map<WebSocket, { isAlive: boolean; wrongCount: number }>();
  readonly #unlink: () => void;
  readonly #heartbeat: Timer;
  #last = "";

  constructor(here: KioskCabinets, settings: KioskSettings, clock: Clock) {
    this.#here = here;
    this.#settings = settings;
    this.#changes = new PacedSender(clock, PERIOD_MS, () => this.#tell());
    this.#unlink = here.cabinets.onChanged(() => this.#changes.changed());
    this.#heartbeat = clock.every(HEARTBEAT_MS, () => this.#beat());
  }

  add(socket: WebSocket): void {
    socket.on("error", () => socket.terminate());
    if (this.#pages.size >= PAGE_COUNT_MAX) {
      socket.close(CLOSE_TRY_LATER, "too many pages");
      return;
    }
    const page = { isAlive: true, wrongCount: 0 };
    this.#pages.set(socket, page);
    socket.on("message", (data, isBinary) => {
      if (!this.#obey(isBinary ? "" : String(data))) page.wrongCount += 1;
      if (page.wrongCount > WRONG_MESSAGES_MAX) socket.close(CLOSE_POLICY, "too many wrong messages");
    });
    socket.on("pong", () => {
      page.isAlive = true;
    });
    socket.on("close", () => this.#pages.delete(socket));
    socket.send(JSON.stringify(this.#message()));
  }

  close(): void {
    this.#unlink();
    this.#changes.close();
    this.#heartbeat.cancel();
    for (const socket of this.#pages.keys()) socket.close(CLOSE_GOING_AWAY, "terminal stops");
  }

  #obey(json: string): boolean {
    if (json.length > PAGE_TEXT_BYTES_MAX) return false;
    const parsed = alarmPageMessageSchema.safeParse(jsonOf(json));
    // It acknowledges nothing and is on for minutes only, so it needs nobody's name.
    return parsed.success && this.#here.cabinets.silence(parsed.data.cabinetId).kind === "done";
  }

  /** @returns whether every page has it; whoever was left out is told with the others at the next turn. */
  #tell(): boolean {
    const text = JSON.stringify(this.#message());
    if (text === this.#last) return true;
    this.#last = text;
    for (const socket of this.#pages.keys()) {
      if (socket.bufferedAmount > UNSENT_BYTES_MAX) this.#last = "";
      else if (socket.readyState === socket.OPEN) socket.send(text);
    }
    return this.#last !== "";
  }

  #message(): AlarmsMessage {
    const { cabinets } = this.#here;
    const { site, device, zone, language } = this.#settings;
    const shown = cabinets.cabinetIds().flatMap((cabinetId) => {
      const view = cabinets.view(cabinetId);
      return view === undefined ? [] : [alarmedCabinet(view)];
    });
    return { type: "alarms", terminal: { site, device, zone, language }, cabinets: shown };
  }

  #beat(): void {
    for (const [socket, page] of this.#pages) {
      if (!page.isAlive) socket.terminate();
      page.isAlive = false;
      if (socket.readyState === socket.OPEN) socket.ping();
    }
  }
}

const CALLING: ReadonlySet<AlarmView["state"]> = new Set([
  "unacknowledged",
  "acknowledged",
  "returned-unacknowledged",
]);

function alarmedCabinet(view: CabinetView): AlarmedCabinet {
  const { cabinetId, name, level, isSounding, silencedForMs } = view;
  const values = view.probes.flatMap(({ milliC }) => (milliC === null ? [] : [milliC]));
  return {
    cabinetId,
    name,
    level,
    isSounding,
    // To the minute: it counts down at every look, and a page needs no message for that.
    silencedForMs: silencedForMs === null ? null : Math.ceil(silencedForMs / 60_000) * 60_000,
    alarms: view.alarms.filter(({ state }) => CALLING.has(state)).slice(0, ALARMS_SHOWN_MAX),
    warmestMilliC: values.length === 0 ? null : Math.max(...values),
  };
}

function jsonOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
