import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { DeviceBay } from "./socket.ts";

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/**
 * A serial gateway on loopback. Unplugged, it cuts the connection and refuses new ones; plugged again, it answers at
 * the same port.
 */
export async function tcpBay(): Promise<DeviceBay> {
  const sockets = new Set<Socket>();
  const listeners = new Set<(bytes: Uint8Array) => void>();
  let server: Server | undefined;
  const listen = async (port: number): Promise<void> => {
    server = createServer((socket) => {
      sockets.add(socket);
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
    unplug,
    close: unplug,
  };
}
