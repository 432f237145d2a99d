import mqtt from "mqtt";

/** What happens to one message on the way. */
export type Fate = "pass" | "drop" | "twice" | "late";

type Forward = (topic: string, payload: Buffer) => void;

/**
 * A line between two brokers, one with the terminals and one with the cloud, that drops, repeats and delays whole
 * messages. A late one comes after the next three, or when nothing else comes.
 */
export class MeddlingBridge {
  readonly #near: mqtt.MqttClient;
  readonly #far: mqtt.MqttClient;
  readonly #fate: (topic: string) => Fate;
  readonly #late: { readonly deliver: () => void; after: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  private constructor(near: mqtt.MqttClient, far: mqtt.MqttClient, fate: (topic: string) => Fate) {
    this.#near = near;
    this.#far = far;
    this.#fate = fate;
    this.#join(near, (topic, payload) => far.publish(topic, payload, { qos: 1 }));
    this.#join(far, (topic, payload) => near.publish(topic, payload, { qos: 1 }));
    this.#timer = setInterval(() => this.#release(), 20);
  }

  static async start(
    terminalsPort: number,
    cloudPort: number,
    fate: (topic: string) => Fate,
  ): Promise<MeddlingBridge> {
    const near = await mqtt.connectAsync(`mqtt://127.0.0.1:${terminalsPort}`, { clientId: "bridge-near" });
    const far = await mqtt.connectAsync(`mqtt://127.0.0.1:${cloudPort}`, { clientId: "bridge-far" });
    await near.subscribeAsync(["canteen/v1/+/+/up/#", "canteen/v1/+/+/state/#"], { qos: 1 });
    await far.subscribeAsync(["canteen/v1/+/+/down/#"], { qos: 1 });
    return new MeddlingBridge(near, far, fate);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.#near.endAsync(true), this.#far.endAsync(true)]);
  }

  #join(from: mqtt.MqttClient, forward: Forward): void {
    from.on("message", (topic, payload) => {
      this.#release();
      const fate = this.#fate(topic);
      if (fate === "late") this.#late.push({ deliver: () => forward(topic, payload), after: 3 });
      if (fate === "pass" || fate === "twice") forward(topic, payload);
      if (fate === "twice") forward(topic, payload);
    });
  }

  #release(): void {
    for (const message of this.#late) message.after -= 1;
    while (this.#late[0] !== undefined && this.#late[0].after <= 0) this.#late.shift()?.deliver();
  }
}
