import type { z } from "zod";
import { rosterMessageSchema } from "../roster/roster-delta.ts";
import { alarmStateSchema } from "./alarm-messages.ts";
import { journalGoneSchema } from "./journal-gone.ts";
import {
  commandResultSchema,
  commandSchema,
  healthSchema,
  journalBatchSchema,
  journalPageSchema,
  journalRequestSchema,
  mealPlanSchema,
  onlineSchema,
  photoReceiptSchema,
  receiptSchema,
  reportedSchema,
  rosterRequestSchema,
  templateDownSchema,
  templateUpSchema,
} from "./messages.ts";
import { ordersSchema } from "./order-messages.ts";
import { photoAnswerSchema, photoRequestSchema } from "./photo-messages.ts";

/** One topic of the contract, below `canteen/v1/{site}/{device}/`. All are QoS 1. */
export interface Channel<Schema extends z.ZodType = z.ZodType> {
  readonly suffix: string;
  readonly from: "terminal" | "cloud";
  readonly retain: boolean;
  readonly schema: Schema;
  readonly summary: string;
}

function channel<Schema extends z.ZodType>(suffix: string, schema: Schema, summary: string): Channel<Schema> {
  const [lane] = suffix.split("/");
  return {
    suffix,
    from: lane === "down" ? "cloud" : "terminal",
    retain: lane === "state",
    schema,
    summary,
  };
}

export const CHANNELS = {
  journal: channel("up/journal", journalBatchSchema, "Journal entries, batch by batch."),
  receipt: channel("down/receipt", receiptSchema, "What the cloud has stored."),
  journalRequest: channel(
    "up/journal-request",
    journalRequestSchema,
    "A restored terminal asks for its own entries.",
  ),
  journalGone: channel("up/journal-gone", journalGoneSchema, "Entries that the terminal no longer holds."),
  journalPage: channel("down/journal", journalPageSchema, "A terminal's own entries, given back."),
  online: channel("state/online", onlineSchema, "Birth, death and will."),
  health: channel("state/health", healthSchema, "Current state, once a minute."),
  rosterRequest: channel("up/roster-request", rosterRequestSchema, "Asks for people, accounts and consent."),
  roster: channel("down/roster", rosterMessageSchema, "People, accounts, limits and consent."),
  templateUp: channel("up/template", templateUpSchema, "Sealed templates for the site's other terminals."),
  templateDown: channel(
    "down/template",
    templateDownSchema,
    "Sealed templates, to every terminal of the site.",
  ),
  photoReceipt: channel("down/photo-receipt", photoReceiptSchema, "How much of a photo the cloud has."),
  photoRequest: channel("down/photo-request", photoRequestSchema, "Photos that the cloud has lost."),
  photoAnswer: channel("up/photo-answer", photoAnswerSchema, "Which of them come again."),
  mealPlan: channel("down/meal-plan", mealPlanSchema, "Desired meal plan."),
  orders: channel("down/orders", ordersSchema, "Purchase orders, before their delivery."),
  reported: channel("up/reported", reportedSchema, "What became of a message from the cloud."),
  command: channel("down/command", commandSchema, "Something to do now, once."),
  commandResult: channel("up/command-result", commandResultSchema, "What became of a command."),
} as const;

/** The one channel whose messages are no JSON: a piece of a photo, its place in the topic. */
export const PHOTO_CHANNEL = {
  suffix: "up/photo/{sha256}/{offset}",
  summary: "Bytes of a photo from `offset` on, at most 64 KiB; with no bytes it asks what the cloud has.",
} as const;

/** One topic for each cabinet, so that each has a retained state of its own. */
export const ALARM_CHANNEL = {
  suffix: "state/alarm/{cabinet}",
  schema: alarmStateSchema,
  summary: "Alarms of one sample cabinet, as they are now; published at once, ahead of every backlog.",
} as const;

export type ChannelName = keyof typeof CHANNELS;

/** Where one terminal's topics hang. Site and device are identifiers of `canteen.yaml`: no `/`, `+` or `#`. */
export interface TerminalAddress {
  readonly site: string;
  readonly device: string;
}

export const TOPIC_ROOT = "canteen/v1";
const IDENTIFIER = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** @throws RangeError when site or device is no identifier: a wildcard in it would reach other terminals. */
export function topicOf(address: TerminalAddress, name: ChannelName): string {
  return `${terminalRoot(address)}/${CHANNELS[name].suffix}`;
}

export function photoTopic(address: TerminalAddress, sha256: string, offset: number): string {
  return `${terminalRoot(address)}/up/photo/${sha256}/${offset}`;
}

export function alarmTopic(address: TerminalAddress, cabinetId: string): string {
  if (!IDENTIFIER.test(cabinetId)) throw new RangeError("a cabinet is named by an identifier");
  return `${terminalRoot(address)}/state/alarm/${cabinetId}`;
}

/** @returns undefined for a suffix that is no cabinet's. */
export function parseAlarmSuffix(suffix: string): string | undefined {
  const [lane, channel, cabinetId = "", ...rest] = suffix.split("/");
  const isAlarm = lane === "state" && channel === "alarm" && rest.length === 0;
  return isAlarm && IDENTIFIER.test(cabinetId) ? cabinetId : undefined;
}

const PHOTO_SUFFIX = /^up\/photo\/([0-9a-f]{64})\/(0|[1-9][0-9]{0,6})$/;

/** @returns undefined for a suffix that is no photo's. */
export function parsePhotoSuffix(
  suffix: string,
): { readonly sha256: string; readonly offset: number } | undefined {
  const [, sha256, offset] = PHOTO_SUFFIX.exec(suffix) ?? [];
  return sha256 === undefined ? undefined : { sha256, offset: Number(offset) };
}

/** The one filter that a terminal subscribes. */
export function downFilter(address: TerminalAddress): string {
  return `${terminalRoot(address)}/down/#`;
}

/** What a cloud subscribes: every terminal's `up` and `state`. */
export const CLOUD_FILTERS = [`${TOPIC_ROOT}/+/+/up/#`, `${TOPIC_ROOT}/+/+/state/#`] as const;

export interface ParsedTopic extends TerminalAddress {
  /** Undefined for a topic of a later contract. */
  readonly name: ChannelName | undefined;
  readonly suffix: string;
}

/** @returns undefined for a topic outside `canteen/v1/{site}/{device}/`. */
export function parseTopic(topic: string): ParsedTopic | undefined {
  const [root, contract, site, device, ...rest] = topic.split("/");
  if (`${root}/${contract}` !== TOPIC_ROOT || rest.length === 0) return undefined;
  if (site === undefined || device === undefined) return undefined;
  if (!IDENTIFIER.test(site) || !IDENTIFIER.test(device)) return undefined;
  const suffix = rest.join("/");
  return { site, device, suffix, name: NAME_BY_SUFFIX.get(suffix) };
}

const NAME_BY_SUFFIX: ReadonlyMap<string, ChannelName> = new Map(
  Object.entries(CHANNELS).map(([name, { suffix }]) => [suffix, name as ChannelName]),
);

function terminalRoot({ site, device }: TerminalAddress): string {
  if (!IDENTIFIER.test(site) || !IDENTIFIER.test(device)) {
    throw new RangeError("site and device must be lower-case letters, digits and dashes, at most 63");
  }
  return `${TOPIC_ROOT}/${site}/${device}`;
}
