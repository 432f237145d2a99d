import type { z } from "zod";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { EpochMs } from "../platform/units.ts";
import type { RosterMessage } from "../roster/roster-delta.ts";
import type { MealPlanDownlink, OrdersDownlink, RosterDownlink, TemplateExchange } from "./downlink-port.ts";
import {
  type CommandMessage,
  type CommandResultMessage,
  type MealPlanMessage,
  type PhotoReceiptMessage,
  parseMessage,
  type ReceiptMessage,
  type ReportedMessage,
  type TemplateDownMessage,
} from "./messages.ts";
import type { IncomingMessage } from "./mqtt-connection.ts";
import type { OrdersMessage } from "./order-messages.ts";
import type { PhotoAnswerMessage, PhotoRequestMessage, PhotosAsked } from "./photo-messages.ts";
import { CHANNELS, type Channel, parseTopic, type TerminalAddress } from "./topics.ts";

export interface DownlinkOptions {
  readonly address: TerminalAddress;
  readonly roster: RosterDownlink;
  readonly mealPlan: MealPlanDownlink | undefined;
  readonly orders: OrdersDownlink | undefined;
  readonly templates: TemplateExchange | undefined;
  readonly photos: { sendAgain(hashes: readonly string[]): PhotosAsked } | undefined;
  readonly onReceipt: (receipt: ReceiptMessage) => void;
  readonly onPhotoReceipt: (receipt: PhotoReceiptMessage) => void;
  readonly onCommand: (command: CommandMessage) => CommandResultMessage;
  readonly onRosterNeeded: (reason: "gap" | "not-saved") => void;
  readonly onRosterFits: () => void;
  /** The cloud has this terminal's own share. */
  readonly onShareConfirmed: (shareId: string) => void;
  readonly report: (message: ReportedMessage) => void;
  readonly answerCommand: (message: CommandResultMessage) => void;
  readonly answerPhotos: (message: PhotoAnswerMessage) => void;
  readonly now: () => EpochMs;
  readonly logger: Logger;
}

type Reported = ReportedMessage extends infer Message
  ? Message extends ReportedMessage
    ? Omit<Message, "v" | "atMs">
    : never
  : never;

/** Kinds of refused messages that are told apart; a sender that invents topics gets no further ones. */
const REFUSED_KINDS_MAX = 64;

/**
 * Takes what the cloud sends. Each message is checked, saved by whom it concerns, and only then answered in
 * `up/reported`. What does not fit its schema is counted and reported by topic and code; its content goes nowhere.
 */
export class Downlink {
  readonly #options: DownlinkOptions;
  readonly #refused = new Map<string, number>();
  #refusedCount = 0;

  constructor(options: DownlinkOptions) {
    this.#options = options;
  }

  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Never throws on what came from outside. */
  receive({ topic, payload }: IncomingMessage): void {
    const parsed = parseTopic(topic);
    const { address } = this.#options;
    if (parsed === undefined || parsed.site !== address.site || parsed.device !== address.device) {
      this.#refuse("?", "topic-unknown", "");
      return;
    }
    switch (parsed.name) {
      case "receipt":
        this.#with(CHANNELS.receipt, payload, (receipt) => this.#options.onReceipt(receipt));
        break;
      case "journalPage":
        // A late answer to a question of the recovery; it has long been put again, or is no longer needed.
        this.#with(CHANNELS.journalPage, payload, () => {});
        break;
      case "photoReceipt":
        this.#with(CHANNELS.photoReceipt, payload, (receipt) => this.#options.onPhotoReceipt(receipt));
        break;
      case "photoRequest":
        this.#with(CHANNELS.photoRequest, payload, (request) => this.#sendPhotosAgain(request));
        break;
      case "roster":
        this.#with(CHANNELS.roster, payload, (message) => this.#takeRoster(message));
        break;
      case "mealPlan":
        this.#with(CHANNELS.mealPlan, payload, (plan) => this.#takeMealPlan(plan));
        break;
      case "orders":
        this.#with(CHANNELS.orders, payload, (message) => this.#takeOrders(message));
        break;
      case "templateDown":
        this.#with(CHANNELS.templateDown, payload, (share) => this.#takeTemplate(share));
        break;
      case "command":
        this.#with(CHANNELS.command, payload, (command) =>
          this.#options.answerCommand(this.#options.onCommand(command)),
        );
        break;
      default:
        this.#refuse(parsed.suffix.slice(0, 64), "topic-unknown", "");
    }
  }

  #with<T>(channel: Channel<z.ZodType<T>>, payload: Uint8Array, take: (message: T) => void): void {
    const parsed = parseMessage(channel.schema, payload);
    if (parsed.kind === "ok") take(parsed.message);
    else this.#refuse(channel.suffix, parsed.code, parsed.at);
  }

  #takeRoster(message: RosterMessage): void {
    const applied = this.#saved("roster", () => this.#options.roster.apply(message));
    const version = this.#options.roster.version();
    if ("fault" in applied) {
      this.#report({ what: "roster", version, status: "not-saved", code: applied.fault });
      this.#options.onRosterNeeded("not-saved");
      return;
    }
    this.#report({ what: "roster", version, status: applied.kind, code: null });
    if (applied.kind === "gap") this.#options.onRosterNeeded("gap");
    // With parts of a snapshot still to come, what was asked for is not there yet.
    else if (applied.kind === "stale" || applied.complete !== false) this.#options.onRosterFits();
  }

  #takeMealPlan(plan: MealPlanMessage): void {
    const { mealPlan } = this.#options;
    const none = { kind: "refused", code: "meal-plan-not-taken" } as const;
    const applied = this.#saved("meal-plan", () => mealPlan?.apply(plan) ?? none);
    const { version } = plan;
    if ("fault" in applied) {
      this.#report({ what: "meal-plan", version, status: "not-saved", code: applied.fault });
    } else {
      const code = applied.kind === "refused" ? applied.code : null;
      this.#report({ what: "meal-plan", version, status: applied.kind, code });
    }
  }

  /** The revision in the report tells the cloud where to go on, after a gap too. */
  #takeOrders(message: OrdersMessage): void {
    const { orders } = this.#options;
    const applied = this.#saved("orders", () => orders?.apply(message) ?? ({ kind: "refused" } as const));
    const version = orders?.revision() ?? 0;
    if ("fault" in applied) {
      this.#report({ what: "orders", version, status: "not-saved", code: applied.fault });
      return;
    }
    const code = applied.kind === "refused" ? "orders-not-taken" : null;
    this.#report({ what: "orders", version, status: applied.kind, code });
  }

  /** Where the disk says no there is no answer, and the cloud asks again. */
  #sendPhotosAgain({ ask, hashes }: PhotoRequestMessage): void {
    const { photos, answerPhotos } = this.#options;
    const unknown = { why: "unknown", ackedAtMs: null, deletedAtMs: null } as const;
    const none: PhotosAsked = { sending: [], gone: hashes.map((sha256) => ({ sha256, ...unknown })) };
    const asked = this.#saved("photo-request", () => photos?.sendAgain([...new Set(hashes)]) ?? none);
    if (!("fault" in asked)) answerPhotos({ v: 1, ask, ...asked });
  }

  #takeTemplate({ v: _v, ...share }: TemplateDownMessage): void {
    const { templates, address } = this.#options;
    const off = { kind: "refused", code: "sharing-off" } as const;
    const accepted = this.#saved("template", () => {
      if (share.fromDevice !== address.device) return templates?.accept(share) ?? off;
      this.#options.onShareConfirmed(share.shareId);
      return { kind: "accepted" } as const;
    });
    const { shareId } = share;
    if ("fault" in accepted) {
      this.#report({ what: "template", shareId, status: "not-saved", code: accepted.fault });
    } else {
      const code = accepted.kind === "refused" ? accepted.code : null;
      this.#report({ what: "template", shareId, status: accepted.kind, code });
    }
  }

  /** A fault of the disk is reported and the cloud sends again; a bug goes on up. */
  #saved<T extends object>(what: string, save: () => T): T | { readonly fault: string } {
    try {
      return save();
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#options.logger.error({ what, code: error.code }, "a message from the cloud could not be saved");
      return { fault: error.code };
    }
  }

  #refuse(topic: string, code: string, at: string): void {
    this.#refusedCount += 1;
    const key = `${topic} ${code}`;
    const count = (this.#refused.get(key) ?? 0) + 1;
    if (count === 1 && this.#refused.size >= REFUSED_KINDS_MAX) return;
    this.#refused.set(key, count);
    // The first and then each tenfold: a sender in a loop must not fill the log or the uplink.
    if (!/^10*$/.test(String(count))) return;
    this.#options.logger.warn({ topic, code, at, count }, "a message from the cloud was refused");
    this.#report({ what: "malformed", topic, code, count });
  }

  #report(reported: Reported): void {
    this.#options.report({ v: 1, atMs: this.#options.now(), ...reported });
  }
}
