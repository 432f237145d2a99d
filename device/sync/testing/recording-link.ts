import { idSource, systemEntropy } from "../../platform/entropy.ts";
import { silentLogger } from "../../platform/logger.ts";
import { SystemClock } from "../../platform/system-clock.ts";
import type { IncomingMessage } from "../mqtt-connection.ts";
import {
  type BrokerSettings,
  type LinkOptions,
  type LinkState,
  type LinkWaits,
  MqttLink,
} from "../mqtt-link.ts";
import { Watch } from "./watch.ts";

export const clock = new SystemClock();
export const ids = idSource(clock, systemEntropy);

/** Settings of a test's broker, with waits short enough for a test. */
export function brokerSettings(port: number, more: Partial<BrokerSettings> = {}): BrokerSettings {
  return {
    url: `mqtt://127.0.0.1:${port}`,
    protocolVersion: "auto",
    keepAliveMs: 30_000,
    reconnectWaitMsMin: 10,
    reconnectWaitMsMax: 100,
    ...more,
  };
}

/** A real link that writes down what it tells its listener. */
export class RecordingLink {
  readonly states: LinkState[] = [];
  readonly messages: { readonly topic: string; readonly text: string }[] = [];
  readonly connectionIds: string[] = [];
  downs = 0;
  readonly link: MqttLink;
  readonly #watch = new Watch();

  constructor(
    broker: BrokerSettings,
    more: Partial<LinkOptions> & { readonly waits?: Partial<LinkWaits>; readonly name?: string } = {},
  ) {
    const { name = "t1", ...options } = more;
    this.link = new MqttLink(
      {
        broker,
        clientId: `test-${name}`,
        filters: [`canteen/v1/s1/${name}/down/#`],
        will: (connectionId) => ({
          topic: `canteen/v1/s1/${name}/state/online`,
          payload: JSON.stringify({ v: 1, online: false, connectionId }),
          retain: true,
        }),
        messageBytesMax: 1024 * 1024,
        clock,
        entropy: systemEntropy,
        ids,
        logger: silentLogger,
        ...options,
      },
      {
        onUp: (connectionId) => this.#note(() => this.connectionIds.push(connectionId)),
        onDown: () => this.#note(() => (this.downs += 1)),
        onState: (state) => this.#note(() => this.states.push(state)),
        onMessage: (message) => this.#note(() => this.messages.push(textOf(message))),
      },
    );
    this.link.start();
  }

  until(condition: () => boolean): Promise<void> {
    return this.#watch.until(condition);
  }

  async connected(): Promise<this> {
    await this.until(() => this.link.state().connection === "connected");
    return this;
  }

  async stopped(reason: string): Promise<LinkState> {
    await this.until(() => this.states.some((state) => state.reason === reason));
    return this.states.find((state) => state.reason === reason) ?? this.link.state();
  }

  #note(change: () => void): void {
    change();
    this.#watch.changed();
  }
}

function textOf({ topic, payload }: IncomingMessage): { topic: string; text: string } {
  return { topic, text: Buffer.from(payload).toString("utf8") };
}
