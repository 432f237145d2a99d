import type { WebSocket } from "ws";
import type { z } from "zod";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { Operators } from "../security/operators-port.ts";
import type { ServingLine, ServingLineCommand } from "../serving-line/serving-line-port.ts";
import type { FaceSighting, KioskCamera } from "./kiosk-ports.ts";
import { COUNTER_ROLES } from "./operator-session.ts";
import { type PageCommand, runPageCommand } from "./page-commands.ts";
import { type BrowserTrouble, PageScreens, type ScreenPage } from "./page-screens.ts";
import { type ProblemCode, problemOf } from "./problems.ts";
import {
  type lineCommandSchema,
  pageMessageSchema,
  type ServerMessage,
  type StatusMessage,
} from "./protocol.ts";

export interface PayScreensOptions {
  readonly servingLine: Pick<ServingLine, "command" | "status">;
  readonly camera: Pick<KioskCamera, "kind" | "push" | "onFrame">;
  readonly operators: Pick<Operators, "session">;
  readonly status: () => StatusMessage;
  readonly clock: Clock;
  readonly logger: Logger;
}

type PageCommandParsed = z.output<typeof lineCommandSchema>;
type PageMessageParsed = z.output<typeof pageMessageSchema>;

/** The pay pages that are open; the newest of them is the pay screen. */
export class PayScreens {
  readonly #options: PayScreensOptions;
  readonly #pages: PageScreens<PageMessageParsed>;
  #isStatusDue = false;

  constructor(options: PayScreensOptions) {
    this.#options = options;
    this.#pages = new PageScreens({
      ...options,
      schema: pageMessageSchema,
      onMessage: (page, message) => this.#onMessage(page, message),
      onActive: (page) => send(page, options.status()),
    });
  }

  /** Why the pay screen's webcam cannot be used, as the page says; null when it can or none was asked for. */
  get browserTrouble(): BrowserTrouble | null {
    return this.#pages.browserTrouble;
  }

  /** Who may watch over a choice at the pay screen: signed in there, with a role at the counter. */
  operatorAtTill(): string | null {
    const token = this.#pages.active?.sessionToken;
    const operator = token === undefined ? undefined : this.#options.operators.session(token);
    return operator !== undefined && COUNTER_ROLES.includes(operator.role) ? operator.operatorId : null;
  }

  add(socket: WebSocket, isLocal: boolean, sessionToken?: string): void {
    this.#pages.add(socket, isLocal, sessionToken);
  }

  /** Tells the pay screen the newest status; several changes in one turn are one message. */
  statusChanged(): void {
    if (this.#isStatusDue) return;
    this.#isStatusDue = true;
    queueMicrotask(() => {
      this.#isStatusDue = false;
      const { active } = this.#pages;
      if (active !== undefined) send(active, this.#options.status());
    });
  }

  /** Another camera was chosen, or its state changed: the page may have to bring pictures now. */
  cameraChanged(): void {
    this.statusChanged();
    this.#pages.cameraChanged();
  }

  showFaces(sighting: FaceSighting): void {
    const { active } = this.#pages;
    if (active === undefined) return;
    send(active, {
      type: "faces",
      widthPx: sighting.widthPx,
      heightPx: sighting.heightPx,
      boxes: sighting.boxes.map(([x, y, width, height]) => [x, y, width, height]),
    });
  }

  close(): void {
    this.#pages.close();
  }

  #onMessage(page: ScreenPage, message: PageMessageParsed): void {
    if (message.type === "command") this.#run(page, message.command);
    else this.#pages.hear(page, message);
  }

  #run(page: ScreenPage, command: PageCommandParsed): void {
    const lineCommand = this.#lineCommand(page, command);
    if (typeof lineCommand === "string") {
      page.tell(problemOf(lineCommand));
      return;
    }
    const asked: PageCommand = {
      kind: command.kind,
      refused: null,
      run: () => this.#options.servingLine.command(lineCommand),
      failed: (problem) => page.tell(problem),
    };
    void runPageCommand(page, asked, this.#options.logger);
  }

  /** Or why the line is not asked. */
  #lineCommand(page: ScreenPage, command: PageCommandParsed): ServingLineCommand | ProblemCode {
    if (page !== this.#pages.active) return "pay-screen-elsewhere";
    if (!this.#isShown(command)) return "screen-changed";
    if (command.kind !== "choose") return command;
    // Nobody else may say who somebody is.
    const operatorId = this.operatorAtTill();
    return operatorId === null ? "sign-in-needed" : { ...command, operatorId };
  }

  /** Whether the line still shows what the diner answered. */
  #isShown(command: PageCommandParsed): boolean {
    const { view } = this.#options.servingLine.status();
    switch (command.kind) {
      case "confirm":
        return view.kind === "confirm" && view.chargeId === command.chargeId;
      case "not-me":
        return (
          (view.kind === "confirm" && view.chargeId === command.chargeId) ||
          (view.kind === "paid" && view.receipt.chargeId === command.chargeId)
        );
      case "choose":
        return (
          view.kind === "asking" &&
          view.choices?.some(({ personId }) => personId === command.personId) === true
        );
      default:
        return true;
    }
  }
}

function send(page: ScreenPage, message: ServerMessage): void {
  page.send(message);
}
