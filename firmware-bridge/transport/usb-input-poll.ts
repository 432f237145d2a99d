import { type InEndpoint, type LibUSBException, usb } from "usb";

type Transfer = ReturnType<InEndpoint["makeTransfer"]>;

const { LIBUSB_TRANSFER_CANCELLED } = usb;
/** One is filled while the other is read, so that no report falls between. */
const TRANSFERS = 2;
/** Transfers of a device that went away may never be given back. */
const END_WAIT_MS_MAX = 300;

export interface InputPollEvents {
  readonly report: (bytes: Uint8Array) => void;
  /** Once; the poll has stopped. */
  readonly failed: (error: unknown) => void;
}

/**
 * Keeps reading an endpoint. The library's own poll loses count when a transfer cannot be submitted again, as happens
 * to a device that is pulled while its report is read: then it never says that it has ended.
 */
export class InputPoll {
  readonly #events: InputPollEvents;
  readonly #transfers: readonly Transfer[];
  readonly #reportBytesMax: number;
  #pending = 0;
  #isStopped = false;
  #onEnd: () => void = () => {};

  constructor(endpoint: InEndpoint, events: InputPollEvents) {
    this.#events = events;
    this.#reportBytesMax = endpoint.descriptor.wMaxPacketSize;
    this.#transfers = Array.from({ length: TRANSFERS }, () => {
      const transfer = endpoint.makeTransfer(0, (error, buffer, lengthBytes) =>
        this.#completed(transfer, error, buffer.subarray(0, lengthBytes)),
      );
      return transfer;
    });
  }

  start(): void {
    for (const transfer of this.#transfers) this.#submit(transfer);
  }

  /** Resolves when every transfer has come back, or it is clear that one never will. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const transfer of this.#transfers) cancelQuietly(transfer);
    if (this.#pending === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, END_WAIT_MS_MAX);
      this.#onEnd = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #submit(transfer: Transfer): void {
    if (this.#isStopped) return;
    try {
      transfer.submit(Buffer.alloc(this.#reportBytesMax));
      this.#pending += 1;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param error  undefined when the transfer brought a report, though the library's types deny it. */
  #completed(transfer: Transfer, error: LibUSBException | undefined, report: Uint8Array): void {
    this.#pending -= 1;
    if (this.#isStopped) {
      if (this.#pending === 0) this.#onEnd();
      return;
    }
    if (error === undefined) {
      if (report.length > 0) this.#events.report(Uint8Array.from(report));
      this.#submit(transfer);
    } else if (error.errno !== LIBUSB_TRANSFER_CANCELLED) this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#events.failed(error);
  }
}

function cancelQuietly(transfer: Transfer): void {
  try {
    transfer.cancel();
  } catch {
    // Its device is gone, and it comes back by itself.
  }
}
