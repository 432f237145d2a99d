import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { DeviceBay } from "./socket.ts";

/**
 * Below the ports that a system gives to whoever asks for any: one of those may have become somebody else's by the time
 * that the gateway is plugged in again, or that of a client, which on loopback would then be connected to itself.
 */
const PORTS = { from: 10_000, count: 6000 } as const;
/** Processes that run at the same time begin in different places. */
let portsTried = process.pid * 64;

async function freePort(): Promise<number> {
  for (let left = PORTS.count; left > 0; left--) {
    const port = PORTS.from + (portsTried++ % PORTS.count);
    if (await isFree(port)) return port;
  }
  throw new Error("no port is free for a gateway");
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  probe.listen(port, "127.0.0.1");
  try {
    await once(probe, "listening");
  } catch {
    return false;
  }
  probe.close();
  await once(probe, "close");
  return true;
}

/**
 * A serial gateway on loopback. Unplugged, it cuts the connection and refuses new ones; plugged again, it answers at
 * the same port.
 */
export async function tcpBay(): Promise<DeviceBay> {
  const sockets = new Set<Socket>();
  const listeners = new Set<(bytes: Uint8Array) => void>();
  let joined = Promise.withResolvers<void>();
  let server: Server | undefined;
  const listen = async (port: number): Promise<void> => {
    server = createServer((socket) => {
      sockets.add(socket);
      joined.resolve();
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
      socket.on("data", (chunk: Buffer) => {
        for (const listener of [...listeners]) listener(Uint8Array.from(chunk));
      });
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const unplug = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = once(closing, "close");
    joined = Promise.withResolvers<void>();
    closing.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const port = await freePort();
  return {
    address: `127.0.0.1:${port}`,
    socket: {
      send: (bytes) => {
        for (const socket of sockets) socket.write(bytes);
      },
      onReceived: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    plug: () => listen(port),
    joined: () => joined.promise,
    unplug,
    close: unplug,
  };
}
