import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

const TRICKLE_PERIOD_MS = 10;

/** A line between terminal and broker that can be cut, or go dead without a word. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #frozen = false;
  #bytesPerSecond: number | null = null;
  #queuedBytesMax = 0;
  port = 0;

  private constructor(targetPort: number) {
    this.#server = createServer((near) => this.#join(near, connect(targetPort, "127.0.0.1")));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    const address = proxy.#server.address();
    if (address !== null && typeof address === "object") proxy.port = address.port;
    return proxy;
  }

  /** From now on no more than this goes from the terminal to the broker; the rest waits here, as in a modem. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** The most that ever waited: what an alarm at that moment would have had to wait for. */
  get queuedBytesMax(): number {
    return this.#queuedBytesMax;
  }

  /** From now on bytes vanish in both directions, and nobody is told. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    this.cut();
  }

  /** Resets what is connected now. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.cut();
    await closed;
  }

  #join(near: Socket, far: Socket): void {
    const trickle = this.#trickleInto(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (chunk) => {
        if (this.#frozen) return;
        if (from === near && this.#bytesPerSecond !== null) trickle(chunk, this.#bytesPerSecond);
        else to.write(chunk);
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        // A dead line does not tell one end that the other has hung up.
        if (!this.#frozen) to.destroy();
      });
    }
  }

  #trickleInto(far: Socket): (chunk: Buffer, bytesPerSecond: number) => void {
    let queued = Buffer.alloc(0);
    let timer: NodeJS.Timeout | null = null;
    far.on("close", () => clearInterval(timer ?? undefined));
    return (chunk, bytesPerSecond) => {
      queued = Buffer.concat([queued, chunk]);
      this.#queuedBytesMax = Math.max(this.#queuedBytesMax, queued.length);
      timer ??= setInterval(() => {
        const count = Math.ceil((bytesPerSecond * TRICKLE_PERIOD_MS) / 1000);
        if (queued.length > 0) far.write(queued.subarray(0, count));
        queued = queued.subarray(count);
      }, TRICKLE_PERIOD_MS);
    };
  }
}
