/** The device's end of a line: what a simulator needs of a pty or a socket. */
export interface DeviceSocket {
  send(bytes: Uint8Array): void;
  /** @returns a function that unsubscribes. */
  onReceived(listener: (bytes: Uint8Array) => void): () => void;
}

/** A place where a device can be plugged in and pulled out, and how a program reaches it. */
export interface DeviceBay {
  /** The path of the pty, or `host:port`. */
  readonly address: string;
  readonly socket: DeviceSocket;
  plug(): Promise<void>;
  /**
   * Resolves when the system shows the plugged device to programs, which takes real USB a while: debouncing and
   * enumeration. Where it is missing `plug` itself has waited for that.
   */
  arrived?(): Promise<void>;
  /**
   * Resolves when a program has opened the plugged device and the device can know of it: a gateway accepts a connection
   * after the program takes it for open, and what it sends before goes to nobody. Where it is missing nothing is lost.
   */
  joined?(): Promise<void>;
  unplug(): Promise<void>;
  /** Pulls the device out for good. */
  close(): Promise<void>;
}
