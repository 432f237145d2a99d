import { randomInt } from "node:crypto";
import Sqlite from "better-sqlite3";
import mqtt from "mqtt";
import { KILL_POINT_VARIABLE, type KillPoint } from "./kill-point.ts";

/**
 * Loaded into a terminal's process before its own code (`node --import`), by the torture alone: the process kills
 * itself at the named point. Nothing of the product knows about it.
 *
 * `CANTEEN_KILL_POINT=after-commit:17` means: the 17th time that it gets there.
 */
const [point, times = "1"] = (process.env[KILL_POINT_VARIABLE] ?? "").split(":");
let left = Number(times) + randomInt(1, 3);

function at(reached: KillPoint): void {
  if (reached !== point) return;
  left -= 1;
  if (left <= 0) process.kill(process.pid, "SIGKILL");
}

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

/** A batch of entries on its way to the broker, and the cloud's receipt on its way here. */
function watchLine(): void {
  const { prototype } = mqtt.MqttClient;
  const publish = prototype.publish;
  prototype.publish = function (this: mqtt.MqttClient, topic: string, ...rest: unknown[]) {
    const isBatch = topic.endsWith("/up/journal");
    if (isBatch) at("before-publish");
    const callback = rest.at(-1);
    if (isBatch && typeof callback === "function") {
      rest[rest.length - 1] = (...of: unknown[]) => {
        at("after-puback");
        callback(...of);
      };
    }
    const result = Reflect.apply(publish, this, [topic, ...rest]) as mqtt.MqttClient;
    if (isBatch) at("after-publish");
    return result;
  } as typeof publish;
  const emit = prototype.emit;
  prototype.emit = function (this: mqtt.MqttClient, event: string, ...of: unknown[]) {
    const isReceipt = event === "message" && String(of[0]).endsWith("/down/receipt");
    if (isReceipt) at("before-receipt");
    const result = Reflect.apply(emit, this, [event, ...of]) as boolean;
    if (isReceipt) at("after-receipt");
    return result;
  } as typeof emit;
}

watchCommits();
watchLine();
