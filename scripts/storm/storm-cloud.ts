import { readFileSync } from "node:fs";
import mqtt from "mqtt";
import { journalBatchSchema, type ReceiptMessage } from "../../device/sync/messages.ts";
import { parseTopic, TOPIC_ROOT, topicOf } from "../../device/sync/topics.ts";

const ZERO_HASH = "0".repeat(64);

/** What a storm needs of a cloud: it keeps each chain's end, takes what joins it, and answers with receipts. */
export class StormCloud {
  readonly #client: mqtt.MqttClient;
  readonly #ends = new Map<string, { seq: number; hash: string }>();
  #repeatedCount = 0;

  private constructor(client: mqtt.MqttClient) {
    this.#client = client;
  }

  /** @param caFile given: over TLS */
  static start(port: number, caFile?: string): StormCloud {
    const tls = caFile === undefined ? {} : { ca: readFileSync(caFile) };
    const options = {
      ...tls,
      clientId: "storm-cloud",
      protocolVersion: 5,
      reconnectPeriod: 200,
      clean: true,
    } as const;
    const cloud = new StormCloud(
      mqtt.connect(`${caFile === undefined ? "mqtt" : "mqtts"}://127.0.0.1:${port}`, options),
    );
    cloud.#client.on("connect", () => cloud.#client.subscribe(`${TOPIC_ROOT}/+/+/up/journal`, { qos: 1 }));
    cloud.#client.on("message", (topic, payload) => cloud.#take(topic, payload));
    cloud.#client.on("error", () => {});
    return cloud;
  }

  /** Entries that came again although they were there: after a lost receipt, and no harm. */
  get repeatedCount(): number {
    return this.#repeatedCount;
  }

  get storedCount(): number {
    let count = 0;
    for (const { seq } of this.#ends.values()) count += seq;
    return count;
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true);
  }

  #take(topic: string, payload: Buffer): void {
    const address = parseTopic(topic);
    if (address === undefined) return;
    const batch = journalBatchSchema.parse(JSON.parse(payload.toString("utf8")));
    const key = `${address.site}/${address.device}`;
    const end = this.#ends.get(key) ?? { seq: 0, hash: ZERO_HASH };
    for (const { seq, prevHash, hash } of batch.entries) {
      if (seq <= end.seq) this.#repeatedCount += 1;
      if (seq !== end.seq + 1 || prevHash !== end.hash) continue;
      [end.seq, end.hash] = [seq, hash];
    }
    this.#ends.set(key, end);
    const receipt: ReceiptMessage = {
      ...{ v: 1, ask: batch.ask, ackedSeq: end.seq, headHash: end.hash },
      ...{ missing: [], conflicts: [], cloudNowMs: Date.now() },
    };
    this.#client.publish(topicOf(address, "receipt"), JSON.stringify(receipt), { qos: 1 });
  }
}
