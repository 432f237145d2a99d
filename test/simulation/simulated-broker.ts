import type { Timer } from "../../device/platform/clock.ts";
import type { OutgoingMessage, PublishOutcome } from "../../device/sync/mqtt-connection.ts";
import type { Link, LinkListener, LinkOptions, LinkState } from "../../device/sync/mqtt-link.ts";
import type { Chance } from "./chance.ts";
import type { SimulatedTime } from "./simulated-time.ts";

/** How often each thing goes wrong on the way; shares of all messages. */
export interface NetworkFaults {
  /** The broker has said that it has the message, and then loses it. */
  readonly acknowledgeThenLose: number;
  /** The message arrives twice, the second time perhaps much later. */
  readonly duplicate: number;
  /** The message arrives late, behind later ones. */
  readonly delay: number;
  /** The message arrives and the broker's word does not. */
  readonly loseAcknowledgement: number;
  /** The connection ends with this message. */
  readonly cutConnection: number;
}

/** What a run checks about every message, apart from its meaning. */
export interface NetworkWatch {
  sent(clientId: string, message: OutgoingMessage, inFlightCount: number): void;
}

const LATENCY_MS = { least: 2, most: 60 };
const DELAY_MS_MAX = 20_000;
const CONNECT_WAIT_MS = { least: 20, most: 300 };
const IN_FLIGHT_MAX = 16;
/** Until a broker notices that a client is gone without a word. */
const KEEP_ALIVE_MS = 45_000;

/** A broker and the network around it. Messages travel as bytes, as they do on a real line. */
export class SimulatedBroker {
  readonly #time: SimulatedTime;
  readonly #chance: Chance;
  readonly #watch: NetworkWatch;
  readonly #clients = new Map<string, SimulatedLink>();
  readonly #retained = new Map<string, OutgoingMessage>();
  readonly #unreachable = new Set<string>();
  #up = true;
  faults: NetworkFaults;

  constructor(time: SimulatedTime, chance: Chance, faults: NetworkFaults, watch: NetworkWatch) {
    this.#time = time;
    this.#chance = chance;
    this.faults = faults;
    this.#watch = watch;
  }

  /** A line to this broker, for whoever asks for one. */
  makeLink = (options: LinkOptions, listener: LinkListener): SimulatedLink =>
    new SimulatedLink(this, this.#time, this.#chance, options, listener);

  /** The broker stops, as by kill -9, or comes back. Its retained messages stay. */
  setUp(up: boolean): void {
    if (this.#up === up) return;
    this.#up = up;
    if (!up) for (const link of [...this.#clients.values()]) link.drop("broker-closed");
  }

  /** One client's network fails or comes back. */
  setReachable(clientId: string, reachable: boolean): void {
    if (reachable) {
      this.#unreachable.delete(clientId);
      return;
    }
    this.#unreachable.add(clientId);
    this.#clients.get(clientId)?.drop("broker-closed");
  }

  accepts(clientId: string): boolean {
    return this.#up && !this.#unreachable.has(clientId);
  }

  connected(link: SimulatedLink): void {
    const former = this.#clients.get(link.clientId);
    if (former !== undefined && former !== link) former.drop("device-name-in-use");
    this.#clients.set(link.clientId, link);
    for (const message of this.#retained.values()) if (link.wants(message.topic)) this.#send(link, message);
  }

  /** @param will null after a goodbye. @param lateMs how long the broker takes to notice. */
  disconnected(link: SimulatedLink, will: OutgoingMessage | null, lateMs: number): void {
    if (this.#clients.get(link.clientId) === link) this.#clients.delete(link.clientId);
    if (will !== null) this.#time.add(lateMs, null, () => this.#route(will));
  }

  /** @returns what becomes of the publish, and when. */
  publish(link: SimulatedLink, message: OutgoingMessage, inFlightCount: number): void {
    this.#watch.sent(link.clientId, message, inFlightCount);
    if (this.#chance.happens(this.faults.cutConnection)) {
      if (this.#chance.happens(0.5)) this.#route(message);
      this.#time.add(1, null, () => link.drop("broker-closed"));
      return;
    }
    if (!this.#chance.happens(this.faults.acknowledgeThenLose)) this.#route(message);
  }

  losesAcknowledgement(): boolean {
    return this.#chance.happens(this.faults.loseAcknowledgement);
  }

  latencyMs(): number {
    return this.#chance.between(LATENCY_MS.least, LATENCY_MS.most);
  }

  #route(message: OutgoingMessage): void {
    if (message.retain) this.#retained.set(message.topic, message);
    for (const link of this.#clients.values()) if (link.wants(message.topic)) this.#send(link, message);
    if (this.#chance.happens(this.faults.duplicate)) {
      const waitMs = this.#chance.between(0, DELAY_MS_MAX);
      this.#time.add(waitMs, null, () => {
        for (const link of this.#clients.values()) if (link.wants(message.topic)) link.deliver(message);
      });
    }
  }

  #send(link: SimulatedLink, message: OutgoingMessage): void {
    const late = this.#chance.happens(this.faults.delay) ? this.#chance.between(0, DELAY_MS_MAX) : 0;
    // Messages of one connection keep their order, apart from those that a fault holds up.
    const dueMs = late > 0 ? this.latencyMs() + late : link.nextDeliveryMs(this.latencyMs());
    this.#time.add(dueMs, null, () => link.deliver(message));
  }
}

/** One client's line: connects, waits and connects anew, as `MqttLink` does. */
export class SimulatedLink implements Link {
  readonly #broker: SimulatedBroker;
  readonly #time: SimulatedTime;
  readonly #chance: Chance;
  readonly #options: LinkOptions;
  readonly #listener: LinkListener;
  readonly #waiters = new Set<(outcome: PublishOutcome) => void>();
  /** By topic: whether a filter of this client takes it. */
  readonly #wanted = new Map<string, boolean>();
  #state: LinkState = { connection: "connecting", reason: null };
  #connectionId: string | null = null;
  #lastDeliveryMs = 0;
  #muted = false;
  #connecting: Timer | null = null;

  constructor(
    broker: SimulatedBroker,
    time: SimulatedTime,
    chance: Chance,
    options: LinkOptions,
    listener: LinkListener,
  ) {
    this.#broker = broker;
    this.#time = time;
    this.#chance = chance;
    this.#options = options;
    this.#listener = listener;
  }

  get clientId(): string {
    return this.#options.clientId;
  }

  start(): void {
    this.#connectAfter(this.#chance.between(CONNECT_WAIT_MS.least, CONNECT_WAIT_MS.most));
  }

  state(): LinkState {
    return this.#state;
  }

  publish(message: OutgoingMessage): Promise<PublishOutcome> {
    if (this.#muted) return new Promise(() => {});
    if (this.#connectionId === null) return Promise.resolve({ kind: "not-connected" });
    if (this.#waiters.size >= IN_FLIGHT_MAX) return Promise.resolve({ kind: "busy" });
    const { promise, resolve } = Promise.withResolvers<PublishOutcome>();
    const settle = (outcome: PublishOutcome): void => {
      if (this.#waiters.delete(settle) && !this.#muted) resolve(outcome);
    };
    this.#waiters.add(settle);
    const lost = this.#broker.losesAcknowledgement();
    const waitMs = lost ? 20_000 : this.#broker.latencyMs() * 2;
    this.#time.add(waitMs, null, () => settle({ kind: lost ? "timed-out" : "acked" }));
    this.#broker.publish(this, message, this.#waiters.size);
    return promise;
  }

  close(): Promise<void> {
    const wasUp = this.#connectionId !== null;
    this.#silence();
    if (wasUp) this.#broker.disconnected(this, null, 0);
    return Promise.resolve();
  }

  /** The machine has lost power: nothing is said any more, and the broker notices late. */
  die(): void {
    const connectionId = this.#connectionId;
    this.#silence();
    if (connectionId !== null)
      this.#broker.disconnected(
        this,
        this.#options.will(connectionId),
        this.#chance.between(0, KEEP_ALIVE_MS),
      );
  }

  drop(reason: "broker-closed" | "device-name-in-use"): void {
    if (this.#muted || this.#connectionId === null) return;
    const will = this.#options.will(this.#connectionId);
    this.#connectionId = null;
    this.#broker.disconnected(this, will, this.#chance.between(0, 2000));
    for (const settle of [...this.#waiters]) settle({ kind: "connection-lost" });
    this.#setState({ connection: "offline", reason });
    this.#listener.onDown();
    this.#connectAfter(this.#reconnectWaitMs());
  }

  wants(topic: string): boolean {
    let wanted = this.#wanted.get(topic);
    if (wanted === undefined) {
      wanted = this.#options.filters.some((filter) => matches(filter, topic));
      this.#wanted.set(topic, wanted);
    }
    return wanted;
  }

  /** From now, so that it comes after everything that is on its way to this client. */
  nextDeliveryMs(latencyMs: number): number {
    this.#lastDeliveryMs = Math.max(this.#lastDeliveryMs, this.#time.nowMs + latencyMs);
    return this.#lastDeliveryMs - this.#time.nowMs;
  }

  deliver({ topic, payload }: OutgoingMessage): void {
    if (this.#muted || this.#connectionId === null) return;
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    this.#listener.onMessage({ topic, payload: bytes });
  }

  #silence(): void {
    this.#muted = true;
    this.#connectionId = null;
    this.#connecting?.cancel();
    this.#waiters.clear();
  }

  #connectAfter(waitMs: number): void {
    this.#connecting = this.#time.add(waitMs, null, () => {
      if (this.#muted) return;
      if (!this.#broker.accepts(this.clientId)) {
        this.#setState({ connection: "offline", reason: "broker-unreachable" });
        this.#connectAfter(this.#reconnectWaitMs());
        return;
      }
      this.#connectionId = this.#options.ids.next();
      this.#setState({ connection: "connected", reason: null });
      this.#broker.connected(this);
      this.#listener.onUp(this.#connectionId);
    });
  }

  #reconnectWaitMs(): number {
    const { reconnectWaitMsMin, reconnectWaitMsMax } = this.#options.broker;
    return this.#chance.between(reconnectWaitMsMin, reconnectWaitMsMax);
  }

  #setState(state: LinkState): void {
    if (state.connection === this.#state.connection && state.reason === this.#state.reason) return;
    this.#state = state;
    this.#listener.onState(state);
  }
}

/** MQTT 5, 4.7: `+` is one level, `#` the rest. */
function matches(filter: string, topic: string): boolean {
  const levels = topic.split("/");
  const wanted = filter.split("/");
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (level !== "+" && level !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}
