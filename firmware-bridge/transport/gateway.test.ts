import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { freePort } from "../../device/sync/testing/brokers.ts";
import { deviceReceived, LineWatch } from "../../test/hardware/line-watch.ts";
import { hasTool, withSystemFolders } from "../../test/require-tool.ts";
import type { SerialSettings } from "../ports/dialect.ts";
import { PtyHost } from "../simulators/pty-bay.ts";
import { Line } from "./line.ts";
import { systemBridgeClock, systemBridgeEntropy } from "./system-time.ts";
import { tcpTransport } from "./tcp-transport.ts";

const SETTINGS: SerialSettings = { baudRate: 4800, dataBits: 7, parity: "even", stopBits: 1 };
const TIME = { clock: systemBridgeClock, entropy: systemBridgeEntropy };
const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function lineTo(port: number, rfc2217: SerialSettings | undefined, writeWaitMsMax = 30_000) {
  const watch = new LineWatch();
  const transport = tcpTransport({
    host: "127.0.0.1",
    port,
    connectWaitMsMax: 2000,
    ...(rfc2217 === undefined ? {} : { rfc2217 }),
  });
  const line = new Line(transport, { ...TIME, writeWaitMsMax }, watch.listener);
  ends.push(() => line.close());
  line.open(new AbortController().signal);
  return { line, watch };
}

/** Debian's ser2net: an implementation of RFC 2217 that knows nothing of this one. */
async function ser2net(device: string) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "canteen-ser2net-"));
  const config = join(folder, "ser2net.yaml");
  writeFileSync(
    config,
    `%YAML 1.1\n---\nconnection: &scale\n  accepter: telnet(rfc2217),tcp,127.0.0.1,${port}\n  connector: serialdev,${device},9600n81,local\n  options:\n    kickolduser: true\n`,
  );
  const start = async (): Promise<ChildProcess> => {
    const child = spawn("ser2net", ["-n", "-c", config, "-P", join(folder, "pid")], {
      stdio: "ignore",
      env: withSystemFolders(),
    });
    await once(child, "spawn");
    return child;
  };
  let child = await start();
  const gateway = {
    port,
    signal: (name: NodeJS.Signals) => child.kill(name),
    restart: async () => {
      child = await start();
    },
    kill: async () => {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
  ends.push(async () => {
    if (child.exitCode === null && child.signalCode === null) await gateway.kill();
    rmSync(folder, { recursive: true });
  });
  return gateway;
}

async function ptyBay() {
  const host = await PtyHost.start();
  ends.push(() => host.stop());
  const bay = host.bay();
  await bay.plug();
  return bay;
}

const settingsOf = (device: string): string =>
  execFileSync("stty", ["-F", device, "-a"], { encoding: "utf8" });

describe.skipIf(!hasTool("ser2net") || !hasTool("python3"))(
  "a gateway of another maker that speaks RFC 2217",
  () => {
    it("takes each change of the serial settings, and carries every byte value both ways", async () => {
      const bay = await ptyBay();
      const gateway = await ser2net(bay.address);
      for (const [baudRate, shown] of [
        [4800, /speed 4800 baud/],
        [19_200, /speed 19200 baud/],
      ] as const) {
        const { line, watch } = lineTo(gateway.port, { ...SETTINGS, baudRate, dataBits: 8, parity: "none" });
        await watch.until(() => line.state.kind === "open");
        expect(settingsOf(bay.address)).toMatch(shown);
        const all = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
        bay.socket.send(text(all));
        await watch.until(() => watch.received.length >= 256);
        expect(watch.received).toBe(all);
        const asked = deviceReceived(bay, "S\xff\xffI\r\n");
        expect(await line.write(text("S\xff\xffI\r\n"))).toMatchObject({ kind: "written" });
        await asked;
        await line.close();
      }
    });

    it("is a named fault when it stops reading, after one command and not after a buffer full", async () => {
      const bay = await ptyBay();
      const gateway = await ser2net(bay.address);
      const { line, watch } = lineTo(gateway.port, SETTINGS, 200);
      await watch.until(() => line.state.kind === "open");
      gateway.signal("SIGSTOP");
      expect(await line.write(text("T\r\n"))).toEqual({ kind: "refused", reason: "lost" });
      expect(await watch.untilFault("write-stalled")).toMatchObject({
        fault: {
          hint: { zh: expect.stringContaining("不接收数据"), en: expect.stringContaining("flow control") },
        },
      });
      gateway.signal("SIGCONT");
    });

    it("may break off in the middle of a frame: the half is never joined with what comes after", async () => {
      const bay = await ptyBay();
      const gateway = await ser2net(bay.address);
      const { line, watch } = lineTo(gateway.port, SETTINGS);
      await watch.until(() => line.state.kind === "open");
      bay.socket.send(text("ST,+0012"));
      await watch.until(() => watch.received === "ST,+0012");
      await gateway.kill();
      await watch.untilFault("port-lost");
      await gateway.restart();
      await watch.until(() => line.state.kind === "open");
      bay.socket.send(text("3.4"));
      await watch.until(() => watch.received.endsWith("3.4"));
      expect(watch.epochs.size).toBe(2);
    });
  },
);

/** A server that does with each connection what a broken gateway does. */
async function brokenGateway(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return (server.address() as AddressInfo).port;
}

describe("a gateway", () => {
  it.each([
    ["refuses the option", Uint8Array.of(255, 254, 44)],
    ["sets another baud rate", Uint8Array.of(255, 253, 44, 255, 250, 44, 101, 0, 0, 0x25, 0x80, 255, 240)],
    ["is no RFC 2217 gateway and says something else", text("ST,+00012.5  g\r\n")],
  ])("that %s is a named fault, not a line at the wrong speed", async (_what, answer) => {
    const port = await brokenGateway((socket) => {
      socket.resume();
      socket.write(answer);
    });
    const { watch } = lineTo(port, SETTINGS);
    expect(await watch.untilFault("gateway-settings")).toMatchObject({
      fault: { retry: "after-operator", hint: { zh: expect.stringContaining("串口参数") } },
    });
  });

  it("without RFC 2217 that stops reading is a named fault once the system's buffers are full", async () => {
    const port = await brokenGateway((socket) => socket.pause());
    const { line, watch } = lineTo(port, undefined, 200);
    await watch.until(() => line.state.kind === "open");
    const block = new Uint8Array(1 << 20);
    let written = 0;
    while ((await line.write(block)).kind === "written") written += block.length;
    await watch.untilFault("write-stalled");
    // Nothing is queued here: what the kernel did not take was one block.
    expect(line.counters().bytesOut).toBe(written);
  });
});
