import type { WebSocket } from "ws";
import type { z } from "zod";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { Receiving, ReceivingCommand } from "../receiving/receiving-port.ts";
import type { Operator, Operators } from "../security/operators-port.ts";
import type { SigningHint } from "../signatures/signature-port.ts";
import type { KioskCamera } from "./kiosk-ports.ts";
import { RECEIVING_ROLES } from "./operator-session.ts";
import { PacedSender } from "./paced-sender.ts";
import { type PageCommand, runPageCommand } from "./page-commands.ts";
import { PageScreens, type ScreenPage } from "./page-screens.ts";
import { type ProblemCode, problemOf } from "./problems.ts";
import {
  type ReceivingServerMessage,
  type ReceivingSurroundings,
  receivingPageMessageSchema,
} from "./receiving-protocol.ts";

export interface ReceivingScreensOptions {
  readonly receiving: Receiving;
  readonly camera: Pick<KioskCamera, "kind" | "push" | "onFrame">;
  readonly operators: Pick<Operators, "session">;
  readonly surroundings: (operator: Operator) => ReceivingSurroundings;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Message = z.output<typeof receivingPageMessageSchema>;

/** A scale speaks up to fifty times a second; a hand on the goods needs no more than this, and only the newest. */
const LIVE_PERIOD_MS = 66;

/** The receiving pages that are open; the newest is the one that weighs. Each needs somebody who signed in. */
export class ReceivingScreens {
  readonly #options: ReceivingScreensOptions;
  readonly #pages: PageScreens<Message>;
  readonly #live: PacedSender;
  readonly #unlink: readonly (() => void)[];
  #isViewDue = false;
  /** Who is at the newest page; asked at its hello and at each command, so that looking on keeps no session alive. */
  #operator: Operator | undefined;

  constructor(options: ReceivingScreensOptions) {
    this.#options = options;
    this.#pages = new PageScreens({
      ...options,
      schema: receivingPageMessageSchema,
      onMessage: (page, message) => this.#onMessage(page, message),
      onActive: (page) => this.#greet(page),
    });
    this.#live = new PacedSender(options.clock, LIVE_PERIOD_MS, () => this.#sendLive());
    this.#unlink = [
      options.receiving.onView(() => this.#viewChanged()),
      options.receiving.onLive(() => this.#live.changed()),
    ];
  }

  add(socket: WebSocket, isLocal: boolean, sessionToken?: string): void {
    this.#pages.add(socket, isLocal, sessionToken);
  }

  /** For whom a scanner at the terminal works: whoever is signed in at the page. */
  operatorAtPage(): string | null {
    const { active } = this.#pages;
    const operator = active === undefined ? undefined : this.#operatorOf(active);
    return operator !== undefined && RECEIVING_ROLES.includes(operator.role) ? operator.operatorId : null;
  }

  isOpen(): boolean {
    return this.#pages.active !== undefined;
  }

  surroundingsChanged(): void {
    const { active } = this.#pages;
    if (active !== undefined && this.#operator !== undefined)
      send(active, this.#options.surroundings(this.#operator));
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
    this.#live.close();
    this.#pages.close();
  }

  #onMessage(page: ScreenPage, message: Message): void {
    if (message.type === "command") {
      this.#run(page, message.askId, message.command);
      return;
    }
    const refused = message.type === "hello" ? this.#refusalOf(page) : null;
    if (refused === null) this.#pages.hear(page, message);
    else page.tell(problemOf(refused));
  }

  #greet(page: ScreenPage): void {
    page.wantsPictures = false;
    const operator = this.#operatorOf(page);
    this.#operator = operator;
    // It stepped back in for a page that went, and its own session has ended meanwhile.
    if (operator === undefined) {
      page.tell(problemOf("sign-in-needed"));
      return;
    }
    send(page, this.#options.surroundings(operator));
    send(page, { type: "view", view: this.#options.receiving.view() });
    send(page, { type: "live", live: this.#options.receiving.live() });
  }

  #run(page: ScreenPage, askId: number, command: ReceivingCommand): void {
    const operatorId = this.#operatorOf(page)?.operatorId ?? "";
    const asked: PageCommand = {
      kind: command.kind,
      refused: page === this.#pages.active ? this.#refusalOf(page) : "receiving-elsewhere",
      run: async () => {
        const answer = await this.#options.receiving.command(operatorId, command);
        send(page, { type: "answer", askId, answer });
      },
      failed: (problem) => send(page, { type: "failed", askId, problem }),
    };
    void runPageCommand(page, asked, this.#options.logger);
  }

  #operatorOf(page: ScreenPage): Operator | undefined {
    const token = page.sessionToken;
    return token === undefined ? undefined : this.#options.operators.session(token);
  }

  #refusalOf(page: ScreenPage): ProblemCode | null {
    const operator = this.#operatorOf(page);
    if (operator === undefined) return "sign-in-needed";
    return RECEIVING_ROLES.includes(operator.role) ? null : "role-refused";
  }

  /** Several changes in one turn are one message. */
  #viewChanged(): void {
    if (this.#isViewDue) return;
    this.#isViewDue = true;
    queueMicrotask(() => {
      this.#isViewDue = false;
      const { active } = this.#pages;
      if (active !== undefined && this.#operator !== undefined)
        send(active, { type: "view", view: this.#options.receiving.view() });
    });
  }

  #sendLive(): boolean {
    const { active } = this.#pages;
    if (active?.isBehind === true) return false;
    if (active !== undefined && this.#operator !== undefined)
      send(active, { type: "live", live: this.#options.receiving.live() });
    return true;
  }
}

function send(page: ScreenPage, message: ReceivingServerMessage): void {
  page.send(message);
}
