import { writeFileSync } from "node:fs";
import { z } from "zod";
import { ROSTER_ENTRY_SCHEMAS } from "../device/roster/entries.ts";
import { ALARM_ENTRY_SCHEMAS } from "../device/sample-cabinet/alarm-entries.ts";
import { TEMPERATURE_ENTRY_SCHEMAS } from "../device/sample-cabinet/temperature-entries.ts";
import { CHARGE_ENTRY_SCHEMAS } from "../device/serving-line/entries.ts";
import {
  ALARM_CHANNEL,
  CHANNELS,
  type Channel,
  type ChannelName,
  PHOTO_CHANNEL,
  TOPIC_ROOT,
} from "../device/sync/topics.ts";

/** Where the document lies; a test compares it with what is generated. */
export const ASYNCAPI_FILE = new URL("../device/sync/asyncapi.json", import.meta.url);

const CHANNEL_NAMES = Object.keys(CHANNELS) as ChannelName[];

/** The sync contract as an AsyncAPI 3.0 document, from the schemas that both sides parse with. */
export function asyncApiDocument(): object {
  return {
    asyncapi: "3.0.0",
    info: {
      title: "canteen-edge sync contract",
      version: "1.0.0",
      description:
        "Between a school-canteen terminal and the cloud, over any MQTT broker (5 or 3.1.1). All messages are QoS 1 " +
        "and at most 1 MiB; only state/ is retained; sessions are clean. A message counts as received when the " +
        "receiving side says so in a message of its own: down/receipt closes journal entries, up/reported answers " +
        "the cloud. Unknown fields are refused: a new field is a new schema version in `v`.",
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    channels: {
      ...Object.fromEntries(CHANNEL_NAMES.map((name) => [name, channelOf(name)])),
      photo: photoChannel(),
      alarm: alarmChannel(),
    },
    operations: {
      ...Object.fromEntries(CHANNEL_NAMES.map((name) => [operationName(name), operationOf(name)])),
      sendPhoto: {
        action: "send",
        channel: { $ref: "#/channels/photo" },
        messages: [{ $ref: "#/channels/photo/messages/photo" }],
        bindings: { mqtt: { qos: 1, retain: false, bindingVersion: "0.2.0" } },
      },
      sendAlarm: {
        action: "send",
        channel: { $ref: "#/channels/alarm" },
        messages: [{ $ref: "#/channels/alarm/messages/alarm" }],
        bindings: { mqtt: { qos: 1, retain: true, bindingVersion: "0.2.0" } },
      },
    },
    components: {
      messages: {
        ...Object.fromEntries(CHANNEL_NAMES.map((name) => [name, messageOf(name)])),
        photo: {
          name: "photo",
          summary: PHOTO_CHANNEL.summary,
          contentType: "application/octet-stream",
          payload: { type: "string", format: "binary" },
        },
        alarm: {
          name: "alarm",
          summary: ALARM_CHANNEL.summary,
          payload: withoutDraft(z.toJSONSchema(ALARM_CHANNEL.schema, { target: "draft-07" })),
        },
      },
      schemas: Object.assign(entryBodies(), ...CHANNEL_NAMES.map((name) => schemasOf(name).shared)),
    },
  };
}

function channelOf(name: ChannelName): object {
  const { suffix, summary } = CHANNELS[name];
  return {
    address: `${TOPIC_ROOT}/{site}/{device}/${suffix}`,
    description: summary,
    parameters: ADDRESS_PARAMETERS,
    messages: { [name]: { $ref: `#/components/messages/${name}` } },
  };
}

const ADDRESS_PARAMETERS = {
  site: { description: "The school or canteen: lower-case letters, digits, dashes; at most 63." },
  device: { description: "One terminal of the site; same alphabet." },
};

/** The one channel without JSON: what a message is about stands in its topic. */
function photoChannel(): object {
  return {
    address: `${TOPIC_ROOT}/{site}/{device}/${PHOTO_CHANNEL.suffix}`,
    description: PHOTO_CHANNEL.summary,
    parameters: {
      ...ADDRESS_PARAMETERS,
      sha256: { description: "Of the whole photo: 64 lower-case hex digits." },
      offset: { description: "Where these bytes begin in the photo, in decimal." },
    },
    messages: { photo: { $ref: "#/components/messages/photo" } },
  };
}

/** A topic for each cabinet. */
function alarmChannel(): object {
  return {
    address: `${TOPIC_ROOT}/{site}/{device}/${ALARM_CHANNEL.suffix}`,
    description: ALARM_CHANNEL.summary,
    parameters: {
      ...ADDRESS_PARAMETERS,
      cabinet: { description: "The cabinet's id in the terminal's configuration; same alphabet." },
    },
    messages: { alarm: { $ref: "#/components/messages/alarm" } },
  };
}

/** Written from the terminal's side: it sends what goes up and receives what comes down. */
function operationOf(name: ChannelName): object {
  const { from, retain }: Channel = CHANNELS[name];
  return {
    action: from === "terminal" ? "send" : "receive",
    channel: { $ref: `#/channels/${name}` },
    messages: [{ $ref: `#/channels/${name}/messages/${name}` }],
    bindings: { mqtt: { qos: 1, retain, bindingVersion: "0.2.0" } },
  };
}

function operationName(name: ChannelName): string {
  const verb = CHANNELS[name].from === "terminal" ? "send" : "receive";
  return `${verb}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

function messageOf(name: ChannelName): object {
  return { name, summary: CHANNELS[name].summary, payload: schemasOf(name).payload };
}

/** What `body` of a journal entry holds, by the entry's kind; kinds that are not here carry facts for people. */
function entryBodies(): Record<string, object> {
  const schemas = {
    ...CHARGE_ENTRY_SCHEMAS,
    ...ROSTER_ENTRY_SCHEMAS,
    ...ALARM_ENTRY_SCHEMAS,
    ...TEMPERATURE_ENTRY_SCHEMAS,
  };
  return Object.fromEntries(
    Object.entries(schemas).map(([kind, schema]) => {
      return [`entry-${kind}`, withoutDraft(z.toJSONSchema(schema, { target: "draft-07" }))];
    }),
  );
}

function withoutDraft({ $schema: _draft, ...schema }: Readonly<Record<string, unknown>>): object {
  return schema;
}

/**
 * One message's JSON Schema, its shared parts moved out: in an AsyncAPI document a reference starts at the root of
 * the whole document.
 */
function schemasOf(name: ChannelName): {
  readonly payload: object;
  readonly shared: Record<string, unknown>;
} {
  const channel: Channel = CHANNELS[name];
  const text = JSON.stringify(z.toJSONSchema(channel.schema, { target: "draft-07" }));
  const moved = text.replaceAll('"#/definitions/', `"#/components/schemas/${name}`);
  const { $schema: _draft, definitions = {}, ...payload } = JSON.parse(moved);
  const shared = Object.entries(definitions).map(([key, schema]) => [`${name}${key}`, schema]);
  return { payload, shared: Object.fromEntries(shared) };
}

if (import.meta.main) {
  writeFileSync(ASYNCAPI_FILE, `${JSON.stringify(asyncApiDocument(), null, 2)}\n`);
  process.stdout.write("device/sync/asyncapi.json written; format it with biome\n");
}
