import { SerialPort } from "serialport";
import type { SerialSettings } from "../ports/dialect.ts";
import type { Connection, ConnectionEvents, Transport } from "../ports/transport.ts";
import { faultOf, portFault } from "./port-faults.ts";
import { closeWhenSettled, isDescriptorPort } from "./settled-close.ts";
import { findUsbTty, type UsbIds } from "./usb-tty.ts";

/** Which port: by path (best one under `/dev/serial/by-id`), or the tty that a USB device has at the moment. */
export type SerialAddress =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "usb"; readonly ids: UsbIds };

export interface SerialTransportOptions {
  readonly address: SerialAddress;
  readonly settings: SerialSettings;
  /** How often to look for a hang-up that the library missed. */
  readonly hangupCheckMs?: number;
  /** Where the kernel's device tree is; only tests set it. */
  readonly sysRoot?: string;
}

/** A local serial port, USB CDC included. The address is looked up at each open, so it follows a replugged device. */
export function serialTransport(options: SerialTransportOptions): Transport {
  const { address } = options;
  const label =
    address.kind === "path" ? address.path : `usb ${address.ids.vendorId}:${address.ids.productId}`;
  return {
    label,
    open: async (events, { signal }) => {
      signal.throwIfAborted();
      const path = address.kind === "path" ? address.path : await findUsbTty(address.ids, options.sysRoot);
      if (path === null) throw portFault("port-missing", `${label}: no such USB device`);
      const port = new SerialPort({ path, ...options.settings, autoOpen: false, lock: true });
      await opened(port, label);
      if (isDescriptorPort(port.port)) closeWhenSettled(port.port);
      const connection = new SerialConnection(port, label, events, options.hangupCheckMs ?? HANGUP_CHECK_MS);
      if (!signal.aborted) return connection;
      await connection.close();
      throw signal.reason;
    },
  };
}

function opened(port: SerialPort, label: string): Promise<void> {
  return new Promise((resolve, reject) => {
    port.open((error) => (error === null ? resolve() : reject(faultOf(error, label))));
  });
}

/**
 * A tty that was hung up before the library's first read reads as empty for ever, without any event. So the port is
 * asked for its modem lines now and then: a hung-up one answers EIO; one without such lines (a pty) says ENOTTY.
 */
const HANGUP_CHECK_MS = 250;
const HANGUP = /EIO|ENXIO|ENODEV|input\/output error|bad file descriptor|no such device/i;

class SerialConnection implements Connection {
  readonly #port: SerialPort;
  readonly #label: string;
  readonly #closed: Promise<void>;
  #closing = false;

  constructor(port: SerialPort, label: string, events: ConnectionEvents, hangupCheckMs: number) {
    this.#port = port;
    this.#label = label;
    // The stream tells of a lost device only while someone reads it.
    port.on("data", (chunk: Buffer) => events.data(Uint8Array.from(chunk)));
    port.on("error", () => port.isOpen && port.close());
    const check = setInterval(() => this.#checkHangup(), hangupCheckMs);
    this.#closed = new Promise((resolve) => {
      port.once("close", (error: Error | null | undefined) => {
        clearInterval(check);
        port.removeAllListeners("data");
        events.closed(
          this.#closing
            ? undefined
            : portFault("port-lost", `${label}: ${error?.message ?? "closed"}`, error),
        );
        resolve();
      });
    });
  }

  write(bytes: Uint8Array, { waitMsMax }: { readonly waitMsMax: number }): Promise<void> {
    if (!this.#port.isOpen) return Promise.reject(portFault("port-lost", `${this.#label}: not open`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(portFault("write-stalled", `${this.#label}: no write in ${waitMsMax} ms`)),
        waitMsMax,
      );
      const done = (error: Error | null | undefined): void => {
        clearTimeout(timer);
        if (error == null) resolve();
        else reject(faultOf(error, this.#label));
      };
      this.#port.write(Buffer.from(bytes), (error) => (error == null ? this.#port.drain(done) : done(error)));
    });
  }

  #checkHangup(): void {
    if (!this.#port.isOpen) return;
    this.#port.get((error) => {
      if (error !== null && HANGUP.test(error.message) && this.#port.isOpen) this.#port.close();
    });
  }

  close(): Promise<void> {
    if (!this.#closing && this.#port.isOpen) {
      this.#closing = true;
      this.#port.close();
    }
    return this.#closed;
  }
}
