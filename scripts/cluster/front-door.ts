import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What stands before a cluster: one address, each connection goes to the first node of its list that answers. */
export class FrontDoor {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Where the newest connection went. */
  servedBy = 0;
  port = 0;

  private constructor(ports: readonly number[]) {
    this.#server = createServer((near) => this.#join(near, [...ports]));
  }

  static async open(ports: readonly number[]): Promise<FrontDoor> {
    const door = new FrontDoor(ports);
    door.#server.listen(0, "127.0.0.1");
    await once(door.#server, "listening");
    const address = door.#server.address();
    if (address !== null && typeof address === "object") door.port = address.port;
    return door;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(near: Socket, ports: number[]): void {
    const port = ports.shift();
    near.on("error", () => {});
    if (port === undefined) {
      near.destroy();
      return;
    }
    const far = connect(port, "127.0.0.1");
    let isThrough = false;
    far.on("connect", () => {
      isThrough = true;
      this.servedBy = port;
      near.pipe(far);
      far.pipe(near);
    });
    far.on("error", () => {});
    far.on("close", () => {
      if (isThrough) near.destroy();
      else this.#join(near, ports);
    });
    near.on("close", () => far.destroy());
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    }
  }
}
