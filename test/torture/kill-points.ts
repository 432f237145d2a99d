import Sqlite from "better-sqlite3";
import mqtt from "mqtt";
import "./kill-points-storage.ts";
import { at, wasAt } from "./reached.ts";

/**
 * Loaded into a terminal's process before its own code (`node --import`), by the torture alone: the process kills
 * itself at the named point. Nothing of the product knows about it.
 */

type Run = (...of: unknown[]) => unknown;
type Made = Run & { readonly immediate: Run; readonly deferred: Run; readonly exclusive: Run };
type MakeTransaction = (this: Sqlite.Database, work: Run) => Made;

/** Only the outermost one commits. */
function watchCommits(): void {
  const prototype = Sqlite.prototype as { transaction: MakeTransaction };
  const original = prototype.transaction;
  prototype.transaction = function (work) {
    const isOutermost = !this.inTransaction;
    const made = original.call(this, (...of) => {
      const result = work(...of);
      if (isOutermost) at("before-commit");
      return result;
    });
    const watched =
      (run: Run): Run =>
      (...of) => {
        if (isOutermost) at("before-transaction");
        const result = run(...of);
        if (isOutermost) at("after-commit");
        return result;
      };
    const { immediate, deferred, exclusive } = made;
    return Object.assign(watched(made), {
      immediate: watched(immediate),
      deferred: watched(deferred),
      exclusive: watched(exclusive),
    });
  };
}

/** What goes up and comes down, and the points around it. */
const UP = {
  "/up/journal": ["before-publish", "after-publish", "after-puback"],
  "/up/journal-gone": ["gone-before-publish", "gone-after-publish", "gone-after-puback"],
  "/up/journal-request": ["recover-before-question", "recover-after-question", null],
} as const;
const DOWN = {
  "/down/receipt": ["before-receipt", "after-receipt"],
  "/down/journal": ["recover-before-answer", "recover-after-answer"],
} as const;

function watchLine(): void {
  const { prototype } = mqtt.MqttClient;
  const publish = prototype.publish;
  prototype.publish = function (this: mqtt.MqttClient, topic: string, ...rest: unknown[]) {
    const points = Object.entries(UP).find(([suffix]) => topic.endsWith(suffix))?.[1];
    if (points === undefined) return Reflect.apply(publish, this, [topic, ...rest]) as mqtt.MqttClient;
    const [before, after, acknowledged] = points;
    at(before);
    const callback = rest.at(-1);
    if (acknowledged !== null && typeof callback === "function") {
      rest[rest.length - 1] = (...of: unknown[]) => {
        at(acknowledged);
        callback(...of);
      };
    }
    const result = Reflect.apply(publish, this, [topic, ...rest]) as mqtt.MqttClient;
    at(after);
    return result;
  } as typeof publish;
  const emit = prototype.emit;
  prototype.emit = function (this: mqtt.MqttClient, event: string, ...of: unknown[]) {
    const topic = event === "message" ? String(of[0]) : "";
    const points = Object.entries(DOWN).find(([suffix]) => topic.endsWith(suffix))?.[1];
    if (points === undefined) return Reflect.apply(emit, this, [event, ...of]) as boolean;
    const [before, after] = points;
    const isAnswer = wasAt("gone-before-publish") && before === "before-receipt";
    at(before);
    if (isAnswer) at("gone-before-receipt");
    const result = Reflect.apply(emit, this, [event, ...of]) as boolean;
    at(after);
    if (isAnswer) at("gone-after-receipt");
    return result;
  } as typeof emit;
}

watchCommits();
watchLine();
