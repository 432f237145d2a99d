import { type InEndpoint, type LibUSBException, usb } from "usb";

type Transfer = ReturnType<InEndpoint["makeTransfer"]>;

const { LIBUSB_TRANSFER_CANCELLED } = usb;
/** One is filled while the other is read, so that no report falls between. */
const TRANSFERS = 2;
/** Transfers of a device that went away may never be given back. */
const END_WAIT_MS_MAX = 300;

/** Who a transfer reports to. */
interface Owner {
  completed: ((error: LibUSBException | undefined, report: Uint8Array) => void) | undefined;
}

/**
 * The library never lets go of a transfer's callback, not even when the transfer is done (usb 2.18: a global handle for
 * each). So the callback holds a box that is emptied, and nothing else: with the poll, its endpoint, device and listeners
 * in it, each plugging in cost 8 KB that never came back.
 */
function callbackTo(owner: Owner) {
  return (error: LibUSBException | undefined, buffer: Uint8Array, lengthBytes: number): void =>
    owner.completed?.(error, buffer.subarray(0, lengthBytes));
}

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
  #transfers: readonly Transfer[];
  readonly #owners: readonly Owner[];
  readonly #reportBytesMax: number;
  #pending = 0;
  #isStopped = false;
  #onEnd: () => void = () => {};

  constructor(endpoint: InEndpoint, events: InputPollEvents) {
    this.#events = events;
    this.#reportBytesMax = endpoint.descriptor.wMaxPacketSize;
    this.#owners = Array.from({ length: TRANSFERS }, (): Owner => ({ completed: undefined }));
    this.#transfers = this.#owners.map((owner) => {
      const transfer = endpoint.makeTransfer(0, callbackTo(owner));
      owner.completed = (error, report) => this.#completed(transfer, error, report);
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
    if (this.#pending > 0)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, END_WAIT_MS_MAX);
        this.#onEnd = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    for (const owner of this.#owners) owner.completed = undefined;
    this.#transfers = [];
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
