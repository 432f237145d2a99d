import type { WebSocket } from "ws";
import type { z } from "zod";
import { assertNever } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { LiveReceiving, Receiving, ReceivingCommand } from "../receiving/receiving-port.ts";
import type { Operator, Operators } from "../security/operators-port.ts";
import type { KioskCamera } from "./kiosk-ports.ts";
import { RECEIVING_ROLES } from "./operator-session.ts";
import { PageScreens, type ScreenPage } from "./page-screens.ts";
import { type ProblemCode, problemOf, problemOfFault } from "./problems.ts";
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
const COMMANDS_AT_ONCE_MAX = 4;

/** The receiving pages that are open; the newest is the one that weighs. Each needs somebody who signed in. */
export class ReceivingScreens {
  readonly #options: ReceivingScreensOptions;
  readonly #pages: PageScreens<Message>;
  readonly #unlink: readonly (() => void)[];
  #newestLive: LiveReceiving | undefined;
  #liveTimer: Timer | undefined;
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
    this.#unlink = [
      options.receiving.onView(() => this.#viewChanged()),
      options.receiving.onLive((live) => this.#liveChanged(live)),
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

  cameraChanged(): void {
    this.surroundingsChanged();
    this.#pages.cameraChanged();
  }

  close(): void {
    for (const stop of this.#unlink) stop();
    this.#liveTimer?.cancel();
    this.#pages.close();
  }

  #onMessage(page: ScreenPage, message: Message): void {
    switch (message.type) {
      case "hello": {
        const refused = this.#refusalOf(page);
        if (refused === null) this.#pages.activate(page);
        else page.tell(problemOf(refused));
        return;
      }
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

  async #run(page: ScreenPage, askId: number, command: ReceivingCommand): Promise<void> {
    const refused = page === this.#pages.active ? this.#refusalOf(page) : "receiving-elsewhere";
    const tooMany = page.commandsRunning >= COMMANDS_AT_ONCE_MAX ? "too-many-commands" : null;
    const operator = this.#operatorOf(page);
    const code = refused ?? tooMany;
    if (code !== null || operator === undefined) {
      send(page, { type: "failed", askId, problem: problemOf(code ?? "sign-in-needed") });
      return;
    }
    page.commandsRunning += 1;
    try {
      const answer = await this.#options.receiving.command(operator.operatorId, command);
      send(page, { type: "answer", askId, answer });
    } catch (error) {
      // A bug must not be hidden as bad luck: it goes up and ends the process, the journal is safe.
      if (!isFault(error)) throw error;
      this.#options.logger.error({ command: command.kind, code: error.code }, "command failed");
      send(page, { type: "failed", askId, problem: problemOfFault(error) });
    } finally {
      page.commandsRunning -= 1;
    }
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

  #liveChanged(live: LiveReceiving): void {
    this.#newestLive = live;
    if (this.#liveTimer !== undefined) return;
    this.#sendLive();
    this.#liveTimer = this.#options.clock.after(LIVE_PERIOD_MS, () => {
      this.#liveTimer = undefined;
      this.#sendLive();
    });
  }

  #sendLive(): void {
    const live = this.#newestLive;
    const { active } = this.#pages;
    this.#newestLive = undefined;
    if (live === undefined || active === undefined || this.#operator === undefined || active.isBehind) return;
    send(active, { type: "live", live });
  }
}

function send(page: ScreenPage, message: ReceivingServerMessage): void {
  page.send(message);
}
