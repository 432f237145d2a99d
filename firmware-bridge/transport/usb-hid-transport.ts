import { type Device, getDeviceList, type InEndpoint, type Interface, type OutEndpoint } from "usb";
import type { Connection, ConnectionEvents, Transport } from "../ports/transport.ts";
import { faultOf, portFault } from "./port-faults.ts";
import type { UsbIds } from "./usb-tty.ts";
import { usbSerialNumber } from "./usb-tty.ts";

export interface UsbHidTransportOptions {
  /** With a serial number only that very device, when two of a kind are plugged in. */
  readonly ids: UsbIds;
  /** Where the kernel's device tree is; only tests set it. */
  readonly sysRoot?: string;
}

const HID_CLASS = 3;
/** SET_REPORT of an output report, for devices without an OUT endpoint (HID 1.11, 7.2.2). */
const SET_REPORT_TYPE = 0x21;
const SET_REPORT_REQUEST = 0x09;
const OUTPUT_REPORT = 0x0200;
const POLLED_TRANSFERS = 2;
/** Transfers of a device that went away may never be given back. */
const POLL_END_WAIT_MS_MAX = 300;

/**
 * A HID device through libusb; each input report is one chunk. It is looked up by its ids at each open.
 * Not through /dev/hidraw: that leaves a scanner's keystrokes to whatever page has the focus, and a read of it blocks
 * one of the four threads that all file access shares. The kernel's own driver gets the device back at `close`.
 */
export function usbHidTransport(options: UsbHidTransportOptions): Transport {
  const { vendorId, productId, serialNumber } = options.ids;
  const label = `usb:${vendorId}:${productId}${serialNumber === undefined ? "" : `/${serialNumber}`}`;
  return {
    label,
    open: async (events, { signal }) => {
      signal.throwIfAborted();
      const device = await found(options);
      signal.throwIfAborted();
      if (device === undefined) throw portFault("port-missing", `${label}: no such device`);
      try {
        return new UsbHidConnection(device, claimed(device, label), label, events);
      } catch (error) {
        closeQuietly(device);
        throw usbFault(error, label);
      }
    },
  };
}

async function found({ ids, sysRoot }: UsbHidTransportOptions): Promise<Device | undefined> {
  const [vendorId, productId] = [Number.parseInt(ids.vendorId, 16), Number.parseInt(ids.productId, 16)];
  for (const device of getDeviceList()) {
    const { idVendor, idProduct } = device.deviceDescriptor;
    if (idVendor !== vendorId || idProduct !== productId) continue;
    if (ids.serialNumber === undefined) return device;
    const address = { bus: device.busNumber, device: device.deviceAddress };
    if ((await usbSerialNumber(address, sysRoot)) === ids.serialNumber) return device;
  }
  return undefined;
}

function claimed(device: Device, label: string): ClaimedInterface {
  device.open();
  const hid = (device.interfaces ?? []).find(({ descriptor }) => descriptor.bInterfaceClass === HID_CLASS);
  if (hid === undefined) throw portFault("port-missing", `${label}: no HID interface, try usb-serial:`);
  const hadKernelDriver = hid.isKernelDriverActive();
  if (hadKernelDriver) hid.detachKernelDriver();
  hid.claim();
  return { hid, hadKernelDriver };
}

interface ClaimedInterface {
  readonly hid: Interface;
  readonly hadKernelDriver: boolean;
}

/** For a scanner that types, so that it types again. The device may be gone, and then nothing is left to give back. */
function giveBack({ hid, hadKernelDriver }: ClaimedInterface): void {
  try {
    if (hadKernelDriver) hid.attachKernelDriver();
  } catch {
    // Gone.
  }
}

/** The device may be gone already; then there is nothing left to close. */
function closeQuietly(device: Device): void {
  try {
    device.close();
  } catch {
    // Gone, or closing with a transfer in flight: the operating system frees it with the last handle.
  }
}

function usbFault(error: unknown, label: string) {
  const text = error instanceof Error ? error.message : String(error);
  if (/NO_DEVICE|NOT_FOUND|LIBUSB_ERROR_IO|TRANSFER_(?:ERROR|NO_DEVICE|STALL)/.test(text))
    return portFault("port-lost", `${label}: ${text}`, error);
  if (/ACCESS/.test(text)) return portFault("port-permission", `${label}: ${text}`, error);
  return /BUSY/.test(text) ? portFault("port-busy", `${label}: ${text}`, error) : faultOf(error, label);
}

function elapsed(waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, waitMs).unref();
  });
}

class UsbHidConnection implements Connection {
  readonly #device: Device;
  readonly #claimed: ClaimedInterface;
  readonly #label: string;
  readonly #events: ConnectionEvents;
  readonly #in: InEndpoint;
  readonly #out: OutEndpoint | undefined;
  readonly #pollEnded: Promise<void>;
  #closed: Promise<void> | undefined;

  constructor(device: Device, claimedInterface: ClaimedInterface, label: string, events: ConnectionEvents) {
    this.#device = device;
    this.#claimed = claimedInterface;
    const { endpoints } = claimedInterface.hid;
    this.#label = label;
    this.#events = events;
    const input = endpoints.find((endpoint) => endpoint.direction === "in");
    if (input === undefined) throw portFault("port-missing", `${label}: no input endpoint`);
    this.#in = input as InEndpoint;
    this.#out = endpoints.find((endpoint) => endpoint.direction === "out") as OutEndpoint | undefined;
    this.#in.on("data", (report: Buffer) => {
      if (this.#closed === undefined && report.length > 0) events.data(Uint8Array.from(report));
    });
    this.#pollEnded = new Promise((resolve) => this.#in.once("end", () => resolve()));
    // The library stops the poll itself behind this event, and throws when it has been stopped within.
    this.#in.on("error", (error: Error) => {
      setImmediate(() => void this.#shut(usbFault(error, label)));
    });
    this.#in.startPoll(POLLED_TRANSFERS, this.#in.descriptor.wMaxPacketSize);
  }

  write(report: Uint8Array, { waitMsMax }: { readonly waitMsMax: number }): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(portFault("port-lost", `${this.#label}: not open`));
    return new Promise((resolve, reject) => {
      const done = (error: Error | undefined): void =>
        error === undefined ? resolve() : reject(usbFault(error, this.#label));
      if (this.#out !== undefined) {
        this.#out.timeout = waitMsMax;
        this.#out.transfer(Buffer.from(report), done);
        return;
      }
      this.#device.timeout = waitMsMax;
      const value = OUTPUT_REPORT | (report[0] ?? 0);
      const index = this.#claimed.hid.interfaceNumber;
      this.#device.controlTransfer(
        SET_REPORT_TYPE,
        SET_REPORT_REQUEST,
        value,
        index,
        Buffer.from(report),
        done,
      );
    });
  }

  close(): Promise<void> {
    return this.#shut(undefined);
  }

  #shut(fault: ReturnType<typeof portFault> | undefined): Promise<void> {
    this.#closed ??= this.#release().then(() => this.#events.closed(fault));
    return this.#closed;
  }

  async #release(): Promise<void> {
    if (this.#in.pollActive) this.#in.stopPoll();
    await Promise.race([this.#pollEnded, elapsed(POLL_END_WAIT_MS_MAX)]);
    this.#in.removeAllListeners("data");
    // Late transfers of a device that went away still report; nobody waits for them.
    this.#in.removeAllListeners("error").on("error", () => {});
    await this.#claimed.hid.releaseAsync().catch(() => {});
    giveBack(this.#claimed);
    closeQuietly(this.#device);
  }
}
