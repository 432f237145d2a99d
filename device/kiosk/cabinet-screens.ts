import type { WebSocket } from "ws";
import type { z } from "zod";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { CabinetView } from "../sample-cabinet/cabinet-port.ts";
import type { SigningHint } from "../signatures/signature-port.ts";
import { CabinetActs } from "./cabinet-acts.ts";
import {
  type CabinetCommand,
  type CabinetServerMessage,
  type CabinetShown,
  type CabinetSurroundings,
  cabinetPageMessageSchema,
} from "./cabinet-protocol.ts";
import type { KioskCabinets, KioskCamera } from "./kiosk-ports.ts";
import { PacedSender } from "./paced-sender.ts";
import { type PageCommand, runPageCommand } from "./page-commands.ts";
import { PageScreens, type ScreenPage } from "./page-screens.ts";

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

/** The cabinet's pages that are open; the newest is the one that acts. Looking needs nobody to be signed in. */
export class CabinetScreens {
  readonly #options: CabinetScreensOptions;
  readonly #acts: CabinetActs;
  readonly #pages: PageScreens<Message>;
  readonly #unlink: readonly (() => void)[];
  readonly #changes: PacedSender;
  readonly #changedCabinets = new Set<string>();
  /** A probe's reading alone does not read every slot again. */
  #areSamplesChanged = false;
  /** What the page was told last, so that a scale's reading does not send every slot again. */
  #lastSamples = "";
  #lastTaking = "";

  constructor(options: CabinetScreensOptions) {
    this.#options = options;
    const { here } = options;
    this.#acts = new CabinetActs(here);
    this.#changes = new PacedSender(options.clock, CHANGES_PERIOD_MS, () => this.#sendChanges());
    this.#pages = new PageScreens({
      ...options,
      schema: cabinetPageMessageSchema,
      onMessage: (page, message) => this.#onMessage(page, message),
      onActive: (page) => this.#greet(page),
    });
    this.#unlink = [
      here.cabinets.onChanged((cabinetId) => {
        this.#changedCabinets.add(cabinetId);
        this.#changes.changed();
      }),
      here.samples?.onChanged(() => {
        this.#areSamplesChanged = true;
        this.#changes.changed();
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

  /** To whoever signs by face: the page shows it while it looks for one. */
  showHint(hint: SigningHint | null): void {
    if (this.#pages.active !== undefined) send(this.#pages.active, { type: "hint", hint });
  }

  cameraChanged(): void {
    this.surroundingsChanged();
    this.#pages.cameraChanged();
  }

  close(): void {
    for (const stop of this.#unlink) stop();
    this.#changes.close();
    this.#acts.stopLooking();
    this.#pages.close();
  }

  #onMessage(page: ScreenPage, message: Message): void {
    if (message.type === "command") this.#run(page, message.askId, message.command);
    else this.#pages.hear(page, message);
  }

  #greet(page: ScreenPage): void {
    page.wantsPictures = false;
    send(page, this.#options.surroundings());
    for (const cabinetId of this.#options.here.cabinets.cabinetIds()) this.#sendCabinet(page, cabinetId);
    this.#lastSamples = "";
    this.#lastTaking = "";
    this.#sendSamples(page);
  }

  #run(page: ScreenPage, askId: number, command: CabinetCommand): void {
    const asked: PageCommand = {
      kind: command.kind,
      refused: page === this.#pages.active ? null : "cabinet-elsewhere",
      isWayOut: command.kind === "stop-looking",
      run: async () => send(page, { type: "answer", askId, answer: await this.#acts.run(command) }),
      failed: (problem) => send(page, { type: "failed", askId, problem }),
    };
    void runPageCommand(page, asked, this.#options.logger);
  }

  /** A page that does not keep up is told the newest when it does. */
  #sendChanges(): boolean {
    const { active } = this.#pages;
    if (active?.isBehind === true) return false;
    if (active !== undefined) {
      for (const cabinetId of this.#changedCabinets) this.#sendCabinet(active, cabinetId);
      if (this.#areSamplesChanged) this.#sendSamples(active);
    }
    this.#changedCabinets.clear();
    this.#areSamplesChanged = false;
    return true;
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
  const onProbes = view.probes.flatMap(({ calibration, outOfService }) => [
    calibration?.operatorId,
    outOfService?.operatorId,
  ]);
  const stopped = view.outOfService?.operatorId;
  return { view, names: namesOf([...acted, ...onProbes, stopped], operatorName) };
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
