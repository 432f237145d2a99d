/** What of `@serialport/bindings-cpp`'s port on Linux is used here. */
export interface DescriptorPort {
  /** null once it is closed. */
  fd: number | null;
  readonly poller: { stop(): void };
  read(buffer: Buffer, offset: number, length: number): Promise<unknown>;
  write(buffer: Buffer): Promise<unknown>;
  close(): Promise<void>;
}

export function isDescriptorPort(port: unknown): port is DescriptorPort {
  return typeof port === "object" && port !== null && "fd" in port && "poller" in port;
}

/**
 * Makes `port` close its file descriptor only when none of its reads and writes is under way.
 *
 * The library reads and writes in libuv's pool of threads, and closes in the same pool: a thread that took a read and
 * was held up reads after the close, and by then the number may be that of another port, a socket or a file. Its bytes
 * are gone then, and a late write would go into it. Seen on a busy machine: the first bytes after a replug were lost.
 */
export function closeWhenSettled(port: DescriptorPort): void {
  const underWay = new Set<Promise<unknown>>();
  const tracked = <T>(call: Promise<T>): Promise<T> => {
    underWay.add(call);
    const forget = (): boolean => underWay.delete(call);
    call.then(forget, forget);
    return call;
  };
  const read = port.read.bind(port);
  const write = port.write.bind(port);
  const close = port.close.bind(port);
  port.read = (buffer, offset, length) => tracked(read(buffer, offset, length));
  port.write = (buffer) => tracked(write(buffer));
  port.close = async () => {
    const { fd } = port;
    // Without a descriptor the library asks for no further read or write; what waits for the device is called off.
    port.fd = null;
    port.poller.stop();
    await Promise.allSettled(underWay);
    port.fd = fd;
    await close();
  };
}
