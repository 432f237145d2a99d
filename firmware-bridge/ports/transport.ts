import type { BridgeFault } from "./fault.ts";

/** A way to a device: a serial port, a socket, a USB endpoint. Each `open` gives a new connection. */
export interface Transport {
  /** For people and logs: the port's path or the gateway's address. */
  readonly label: string;
  /**
   * @param events  called until `closed`; bytes of one connection never reach another's events.
   * @throws BridgeFault when the device is not there or refuses.
   */
  open(events: ConnectionEvents, options: { readonly signal: AbortSignal }): Promise<Connection>;
}

export interface ConnectionEvents {
  /** The receiver owns the bytes. */
  data(bytes: Uint8Array): void;
  /** Once, also after `close()`. @param fault  undefined when we closed it. */
  closed(fault: BridgeFault | undefined): void;
}

export interface Connection {
  /** @throws BridgeFault `write-stalled` after `waitMsMax`, or when the connection is gone. */
  write(bytes: Uint8Array, options: { readonly waitMsMax: number }): Promise<void>;
  /** Resolves when the device is free again. Idempotent. */
  close(): Promise<void>;
}
