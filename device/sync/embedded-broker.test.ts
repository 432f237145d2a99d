import { connect } from "node:net";
import mqtt from "mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import { silentLogger } from "../platform/logger.ts";
import { createEmbeddedBroker, type EmbeddedBroker, type EmbeddedBrokerOptions } from "./embedded-broker.ts";
import { brokerSettings, RecordingLink } from "./testing/recording-link.ts";

async function open(options: Partial<EmbeddedBrokerOptions> = {}): Promise<[EmbeddedBroker, number]> {
  const broker = createEmbeddedBroker({ port: 0, logger: silentLogger, ...options });
  onTestFinished(() => broker.close());
  return [broker, await broker.start()];
}

function openLink(...given: ConstructorParameters<typeof RecordingLink>): RecordingLink {
  const recording = new RecordingLink(...given);
  onTestFinished(() => recording.link.close({ waitMsMax: 100 }));
  return recording;
}

describe("embedded broker", () => {
  it("hangs up on everybody when stopped, and serves the same port with the retained messages when started again", async () => {
    const [broker, port] = await open();
    const terminal = await openLink(brokerSettings(port), { name: "a" }).connected();
    const topic = "canteen/v1/s1/a/state/health";
    await terminal.link.publish({ topic, payload: "kept", retain: true });
    await broker.stop();
    expect(broker.listening).toBe(false);
    await terminal.until(() => terminal.downs === 1);
    await terminal.stopped("broker-unreachable");
    expect(await broker.start()).toBe(port);
    await terminal.until(() => terminal.connectionIds.length >= 2);
    const watcher = openLink(brokerSettings(port), { name: "b", filters: [topic] });
    await watcher.until(() => watcher.messages.length > 0);
    expect(watcher.messages).toContainEqual({ topic, text: "kept" });
  });

  it("says which port is in use, with a hint", async () => {
    const [, port] = await open();
    const second = createEmbeddedBroker({ port, logger: silentLogger });
    onTestFinished(() => second.close());
    await expect(second.start()).rejects.toMatchObject({
      code: "port-in-use",
      hint: { zh: expect.stringContaining(String(port)), en: expect.stringContaining(String(port)) },
    });
  });

  it("lets nobody in without the right user and password", async () => {
    const [, port] = await open({ username: "terminal", password: "right" });
    const url = `mqtt://127.0.0.1:${port}`;
    const refusal = (options: mqtt.IClientOptions): Promise<unknown> =>
      mqtt.connectAsync(url, { reconnectPeriod: 0, ...options }, false).then(
        (client) => client.endAsync(true).then(() => "let in"),
        (error: { readonly code?: unknown }) => error.code,
      );
    expect(await refusal({})).toBe(5);
    expect(await refusal({ username: "terminal", password: "wrong" })).toBe(4);
    expect(await refusal({ username: "other", password: "right" })).toBe(4);
    expect(await refusal({ username: "terminal", password: "right" })).toBe("let in");
  });

  it("keeps no session for somebody who is away, so its memory is bounded", async () => {
    const [, port] = await open();
    const options = { clean: false, clientId: "stays", reconnectPeriod: 0 };
    await expect(mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options, false)).rejects.toThrow();
  });

  it("hangs up on a client that announces a packet of 200 MB, and serves the others", async () => {
    const [, port] = await open();
    const other = await openLink(brokerSettings(port), { name: "other" }).connected();
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {});
    socket.write(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x5f, 0x00));
    await new Promise((resolve) => socket.once("close", resolve));
    const topic = "canteen/v1/s1/other/down/receipt";
    expect(await other.link.publish({ topic, payload: "{}", retain: false })).toEqual({ kind: "acked" });
  });

  it("hangs up on a client that publishes outside the contract", async () => {
    const [, port] = await open();
    const sender = await openLink(brokerSettings(port)).connected();
    const outcome = await sender.link.publish({ topic: "elsewhere/a", payload: "{}", retain: false });
    expect(outcome).toEqual({ kind: "connection-lost" });
    await sender.until(() => sender.connectionIds.length >= 2);
  });
});
