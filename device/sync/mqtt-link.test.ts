import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { hasTool } from "../../test/require-tool.ts";
import type { BrokerSettings, LinkOptions } from "./mqtt-link.ts";
import {
  freePort,
  makeCertificates,
  startAedes,
  startMosquitto,
  type TestBroker,
  type TestBrokerOptions,
  temporaryFolder,
} from "./testing/brokers.ts";
import { brokerSettings, RecordingLink } from "./testing/recording-link.ts";
import { TcpProxy } from "./testing/tcp-proxy.ts";

const folder = temporaryFolder();
afterAll(() => folder.remove());

/** What the test opened, closed after it, newest first. */
const teardown: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of teardown.splice(0).reverse()) await close();
});

type LinkMore = Partial<LinkOptions> & { readonly name?: string };

function openLink(settings: BrokerSettings, more: LinkMore = {}): RecordingLink {
  const recording = new RecordingLink(settings, more);
  teardown.push(() => recording.link.close({ waitMsMax: 500 }));
  return recording;
}

function downTopic(name: string): string {
  return `canteen/v1/s1/${name}/down/receipt`;
}

const KINDS = [
  { kind: "aedes", versions: [4] as const, preferred: 4 as const, start: startAedes, tools: [] },
  {
    kind: "mosquitto",
    versions: [4, 5] as const,
    preferred: 5 as const,
    start: startMosquitto,
    tools: ["mosquitto"],
  },
];

describe.each(KINDS)("link on $kind", ({ versions, preferred, start, tools }) => {
  const here = tools.every(hasTool);
  async function openBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
    const broker = await start(options);
    teardown.push(() => broker.close());
    return broker;
  }

  it.skipIf(!here).each([...versions, "auto" as const])(
    "connects and carries messages with version %s",
    async (version) => {
      const { port } = await openBroker();
      const sender = await openLink(brokerSettings(port, { protocolVersion: version }), {
        name: "a",
      }).connected();
      const receiver = await openLink(brokerSettings(port), { name: "b" }).connected();
      expect(sender.link.version()).toBe(version === "auto" ? preferred : version);
      const outcome = await sender.link.publish({ topic: downTopic("b"), payload: "汉字", retain: false });
      expect(outcome).toEqual({ kind: "acked" });
      await receiver.until(() => receiver.messages.length > 0);
      expect(receiver.messages).toEqual([{ topic: downTopic("b"), text: "汉字" }]);
    },
  );

  it.skipIf(!here).each([...versions, "auto" as const])(
    "names a wrong password with version %s, and connects once the file holds the right one",
    async (protocolVersion) => {
      const { port } = await openBroker({ username: "terminal", password: "right" });
      const passwordFile = join(folder.path, `password-${port}`);
      writeFileSync(passwordFile, "wrong\n");
      const settings = brokerSettings(port, { username: "terminal", passwordFile, protocolVersion });
      const recording = openLink(settings);
      expect(await recording.stopped("broker-refused-password")).toEqual({
        connection: "refused",
        reason: "broker-refused-password",
      });
      writeFileSync(passwordFile, "right\n");
      await recording.connected();
    },
  );

  it.skipIf(!here || !hasTool("openssl"))("trusts the authority of its file only", async () => {
    const good = makeCertificates(folder.path, "good");
    const other = makeCertificates(folder.path, "other");
    const { port } = await openBroker({ tls: good });
    const url = `mqtts://127.0.0.1:${port}`;
    const distrusting = openLink(brokerSettings(port, { url, caFile: other.caFile }), { name: "a" });
    expect((await distrusting.stopped("tls-untrusted")).connection).toBe("refused");
    const withoutFile = openLink(brokerSettings(port, { url }), { name: "b" });
    expect((await withoutFile.stopped("tls-untrusted")).connection).toBe("refused");
    await openLink(brokerSettings(port, { url, caFile: good.caFile }), { name: "c" }).connected();
  });

  it.skipIf(!here)("connects again after the broker was stopped, as a new connection", async () => {
    const broker = await openBroker();
    const recording = await openLink(brokerSettings(broker.port)).connected();
    await broker.stop();
    await recording.stopped("broker-unreachable");
    expect(recording.downs).toBe(1);
    await broker.restart();
    await recording.until(() => recording.connectionIds.length >= 2);
    expect(new Set(recording.connectionIds).size).toBe(2);
  });

  it.skipIf(!here)(
    "has the broker publish the will when the line breaks, and not after a goodbye",
    async () => {
      const { port } = await openBroker();
      const proxy = await TcpProxy.start(port);
      teardown.push(() => proxy.close());
      const filters = ["canteen/v1/+/+/state/#"];
      const watcher = await openLink(brokerSettings(port), { name: "watcher", filters }).connected();
      const polite = await openLink(brokerSettings(port), { name: "polite" }).connected();
      await polite.link.close({ waitMsMax: 60_000 });
      const broken = await openLink(brokerSettings(proxy.port), { name: "broken" }).connected();
      proxy.cut();
      await watcher.until(() => watcher.messages.length > 0);
      const connectionId = broken.connectionIds[0];
      expect(watcher.messages).toEqual([
        {
          topic: "canteen/v1/s1/broken/state/online",
          text: JSON.stringify({ v: 1, online: false, connectionId }),
        },
      ]);
    },
  );

  it.skipIf(!here)("finds out by keepalive that the other end has gone without a word", async () => {
    const { port } = await openBroker();
    const proxy = await TcpProxy.start(port);
    teardown.push(() => proxy.close());
    const recording = await openLink(brokerSettings(proxy.port, { keepAliveMs: 1000 })).connected();
    proxy.freeze();
    const publishing = recording.link.publish({ topic: downTopic("x"), payload: "{}", retain: false });
    await recording.stopped("broker-silent");
    expect(await publishing).toEqual({ kind: "connection-lost" });
    proxy.thaw();
    await recording.until(() => recording.connectionIds.length >= 2);
  });

  it.skipIf(!here)("refuses a message larger than its limit before it has arrived, and goes on", async () => {
    const { port } = await openBroker();
    const recording = await openLink(brokerSettings(port), {
      name: "small",
      messageBytesMax: 1000,
    }).connected();
    const sender = await openLink(brokerSettings(port), { name: "sender" }).connected();
    await sender.link.publish({ topic: downTopic("small"), payload: "x".repeat(200_000), retain: false });
    await recording.stopped("message-too-large");
    await recording.until(() => recording.connectionIds.length >= 2);
    expect(recording.messages).toEqual([]);
  });

  it.skipIf(!here)("answers busy beyond its window and settles every waiter on close", async () => {
    const { port } = await openBroker();
    const proxy = await TcpProxy.start(port);
    teardown.push(() => proxy.close());
    const recording = await openLink(brokerSettings(proxy.port)).connected();
    proxy.freeze();
    const message = { topic: downTopic("x"), payload: "{}", retain: false };
    const waiting = Array.from({ length: 16 }, () => recording.link.publish(message));
    expect(await recording.link.publish(message)).toEqual({ kind: "busy" });
    await recording.link.close({ waitMsMax: 20 });
    const outcomes = await Promise.all(waiting);
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["connection-lost"]));
    expect(await recording.link.publish(message)).toEqual({ kind: "not-connected" });
  });
});

describe("link", () => {
  it("says broker-unreachable where nobody listens", async () => {
    const recording = openLink(brokerSettings(await freePort()));
    expect((await recording.stopped("broker-unreachable")).connection).toBe("offline");
  });

  it("says broker-silent when something accepts the connection and never answers", async () => {
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const sockets = new Set<{ destroy(): void }>();
    server.on("connection", (socket) => sockets.add(socket));
    teardown.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const recording = openLink(brokerSettings(port), { waits: { connectWaitMsMax: 100 } });
    expect((await recording.stopped("broker-silent")).connection).toBe("offline");
  });

  it("says tls-failed when the other side does not speak TLS", async () => {
    const { port, close } = await startAedes();
    teardown.push(close);
    const recording = openLink(brokerSettings(port, { url: `mqtts://127.0.0.1:${port}` }), {
      waits: { connectWaitMsMax: 60_000 },
    });
    await recording.until(() => recording.states.some(({ reason }) => reason !== null));
    expect(["tls-failed", "broker-closed"]).toContain(
      recording.states.find((s) => s.reason !== null)?.reason,
    );
  });

  it("names a password file that cannot be read", async () => {
    const passwordFile = join(folder.path, "missing");
    const recording = openLink(brokerSettings(await freePort(), { username: "u", passwordFile }));
    expect((await recording.stopped("password-file-unreadable")).connection).toBe("refused");
  });

  it("names an authority file that holds no certificate", async () => {
    const caFile = join(folder.path, "not-a-certificate");
    writeFileSync(caFile, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const { port, close } = await startAedes();
    teardown.push(close);
    const settings = brokerSettings(port, { url: `mqtts://127.0.0.1:${port}`, caFile });
    await openLink(settings).stopped("ca-file-unreadable");
  });
});

describe.skipIf(!hasTool("mosquitto"))("a broker with access rules", () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startMosquitto({ acl: "topic read canteen/v1/s1/+/down/#\n" });
  });
  afterAll(() => broker.close());

  it("refuses a publish with its code in MQTT 5", async () => {
    const { link } = await openLink(brokerSettings(broker.port, { protocolVersion: 5 })).connected();
    const outcome = await link.publish({
      topic: "canteen/v1/s1/t1/up/journal",
      payload: "{}",
      retain: false,
    });
    expect(outcome).toEqual({ kind: "refused", reasonCode: 135 });
  });

  it("settles a denied publish in 3.1.1 one way or the other", async () => {
    const { link } = await openLink(brokerSettings(broker.port, { protocolVersion: 4 }), {
      waits: { ackWaitMsMax: 300 },
    }).connected();
    const outcome = await link.publish({
      topic: "canteen/v1/s1/t1/up/journal",
      payload: "{}",
      retain: false,
    });
    expect(["acked", "timed-out"]).toContain(outcome.kind);
  });
});
