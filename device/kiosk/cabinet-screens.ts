import type { WebSocket } from "ws";
import type { z } from "zod";
import { assertNever } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { CabinetView } from "../sample-cabinet/cabinet-port.ts";
import { CabinetActs } from "./cabinet-acts.ts";
import {
  type CabinetCommand,
  type CabinetServerMessage,
  type CabinetShown,
  type CabinetSurroundings,
  cabinetPageMessageSchema,
} from "./cabinet-protocol.ts";
import type { KioskCabinets, KioskCamera } from "./kiosk-ports.ts";
import { PageScreens, type ScreenPage } from "./page-screens.ts";
import { type ProblemCode, problemOf, problemOfFault } from "./problems.ts";

export interface CabinetScreensOptions {
  readonly here: KioskCabinets;
  readonly camera: Pick<KioskCamera, "kind" | "push" | "onFrame">;
  readonly surroundings: () => CabinetSurroundings;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Message = z.output<typeof cabinetPageMessageSchema>;

/** Probes speak each few seconds, the scale many times a second: the page gets the newest of each, no more often. */
const CHANGES_PERIOD_MS = 66;
const COMMANDS_AT_ONCE_MAX = 4;

/** The cabinet's pages that are open; the newest is the one that acts. Looking needs nobody to be signed in. */
export class CabinetScreens {
  readonly #options: CabinetScreensOptions;
  readonly #acts: CabinetActs;
  readonly #pages: PageScreens<Message>;
  readonly #unlink: readonly (() => void)[];
  readonly #changedCabinets = new Set<string>();
  #areSamplesChanged = false;
  #timer: Timer | undefined;
  /** What the page was told last, so that a scale's reading does not send every slot again. */
  #lastSamples = "";
  #lastTaking = "";

  constructor(options: CabinetScreensOptions) {
    this.#options = options;
    const { here } = options;
    this.#acts = new CabinetActs(here);
    this.#pages = new PageScreens({
      ...options,
      schema: cabinetPageMessageSchema,
      onMessage: (page, message) => this.#onMessage(page, message),
      onActive: (page) => this.#greet(page),
    });
    this.#unlink = [
      here.cabinets.onChanged((cabinetId) => {
        this.#changedCabinets.add(cabinetId);
        this.#changed();
      }),
      here.samples?.onChanged(() => {
        this.#areSamplesChanged = true;
        this.#changed();
      }) ?? (() => {}),
    ];
  }

  add(socket: WebSocket, isLocal: boolean, sessionToken?: string): void {
    this.#pages.add(socket, isLocal, sessionToken);
  }

  isOpen(): boolean {
    return this.#pages.active !== undefined;
  }

  surroundingsChanged(): void {
    if (this.#pages.active !== undefined) send(this.#pages.active, this.#options.surroundings());
  }

  cameraChanged(): void {
    this.surroundingsChanged();
    this.#pages.cameraChanged();
  }

  close(): void {
    for (const stop of this.#unlink) stop();
    this.#timer?.cancel();
    this.#acts.stopLooking();
    this.#pages.close();
  }

  #onMessage(page: ScreenPage, message: Message): void {
    switch (message.type) {
      case "hello":
        this.#pages.activate(page);
        return;
      case "preview":
        page.wantsPictures = message.isOn;
        return;
      case "camera-trouble":
        this.#pages.webcamFailed(page, message.reason);
        return;
      case "command":
        void this.#run(page, message.askId, message.command);
        return;
      default:
        assertNever(message);
    }
  }

  #greet(page: ScreenPage): void {
    page.wantsPictures = false;
    send(page, this.#options.surroundings());
    for (const cabinetId of this.#options.here.cabinets.cabinetIds()) this.#sendCabinet(page, cabinetId);
    this.#lastSamples = "";
    this.#lastTaking = "";
    this.#sendSamples(page);
  }

  async #run(page: ScreenPage, askId: number, command: CabinetCommand): Promise<void> {
    const refused = this.#refusalOf(page, command);
    if (refused !== null) {
      send(page, { type: "failed", askId, problem: problemOf(refused) });
      return;
    }
    page.commandsRunning += 1;
    try {
      send(page, { type: "answer", askId, answer: await this.#acts.run(command) });
    } catch (error) {
      // A bug must not be hidden as bad luck: it goes up and ends the process, the journal is safe.
      if (!isFault(error)) throw error;
      this.#options.logger.error({ command: command.kind, code: error.code }, "command failed");
      send(page, { type: "failed", askId, problem: problemOfFault(error) });
    } finally {
      page.commandsRunning -= 1;
    }
  }

  #refusalOf(page: ScreenPage, command: CabinetCommand): ProblemCode | null {
    if (page !== this.#pages.active) return "cabinet-elsewhere";
    // The way out of a look stays open, whatever else waits.
    if (command.kind === "stop-looking") return null;
    return page.commandsRunning >= COMMANDS_AT_ONCE_MAX ? "too-many-commands" : null;
  }

  #changed(): void {
    if (this.#timer !== undefined) return;
    this.#flush();
    this.#timer = this.#options.clock.after(CHANGES_PERIOD_MS, () => {
      this.#timer = undefined;
      if (this.#areSamplesChanged || this.#changedCabinets.size > 0) this.#changed();
    });
  }

  #flush(): void {
    const cabinetIds = [...this.#changedCabinets];
    const areSamplesChanged = this.#areSamplesChanged;
    const { active } = this.#pages;
    // A page that does not keep up is told the newest when it does.
    if (active?.isBehind === true) return;
    this.#changedCabinets.clear();
    this.#areSamplesChanged = false;
    if (active === undefined) return;
    for (const cabinetId of cabinetIds) this.#sendCabinet(active, cabinetId);
    if (areSamplesChanged) this.#sendSamples(active);
  }

  #sendCabinet(page: ScreenPage, cabinetId: string): void {
    const { cabinets } = this.#options.here;
    const view = cabinets.view(cabinetId);
    if (view !== undefined) send(page, { type: "cabinet", ...shownCabinet(view, this.#options.here) });
  }

  #sendSamples(page: ScreenPage): void {
    const view = this.#options.here.samples?.view();
    if (view === undefined) return;
    const { taking, ...samples } = view;
    const samplesText = JSON.stringify(samples);
    const takingText = JSON.stringify(taking);
    if (samplesText !== this.#lastSamples) send(page, { type: "samples", samples });
    if (takingText !== this.#lastTaking) send(page, { type: "taking", taking });
    this.#lastSamples = samplesText;
    this.#lastTaking = takingText;
  }
}

/** The names of those who acted, where they are still known. */
export function shownCabinet(
  view: CabinetView,
  { operatorName }: Pick<KioskCabinets, "operatorName">,
): CabinetShown {
  const acted = view.alarms.flatMap(({ acknowledged, shelved, outOfService }) => [
    acknowledged?.operatorId,
    shelved?.operatorId,
    outOfService?.operatorId,
  ]);
  const calibrated = view.probes.map(({ calibration }) => calibration?.operatorId);
  return { view, names: namesOf([...acted, ...calibrated], operatorName) };
}

export function namesOf(
  operatorIds: readonly (string | undefined)[],
  operatorName: (operatorId: string) => string | null,
): Readonly<Record<string, string>> {
  const known = [...new Set(operatorIds)].flatMap((operatorId) => {
    const name = operatorId === undefined ? null : operatorName(operatorId);
    return operatorId === undefined || name === null ? [] : [[operatorId, name] as const];
  });
  return Object.fromEntries(known);
}

function send(page: ScreenPage, message: CabinetServerMessage): void {
  page.send(message);
}
