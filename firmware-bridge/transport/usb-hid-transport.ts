import { type Device, getDeviceList, type InEndpoint, type Interface, type OutEndpoint } from "usb";
import type { Connection, ConnectionEvents, Transport } from "../ports/transport.ts";
import { faultOf, portFault } from "./port-faults.ts";
import { InputPoll } from "./usb-input-poll.ts";
import { type UsbIds, usbSerialNumber } from "./usb-tty.ts";

export interface UsbHidTransportOptions {
  /** With a serial number only that very device, when two of a kind are plugged in. */
  readonly ids: UsbIds;
  /**
   * Reports that begin with another byte are left out. It must happen here, where a report is still one piece: in the
   * stream of bytes behind, the inside of a foreign report may look like a weight.
   */
  readonly reportIds?: readonly number[];
  /** Where the kernel's device tree is; only tests set it. */
  readonly sysRoot?: string;
}

const HID_CLASS = 3;
/** SET_REPORT of an output report, for devices without an OUT endpoint (HID 1.11, 7.2.2). */
const SET_REPORT_TYPE = 0x21;
const SET_REPORT_REQUEST = 0x09;
const OUTPUT_REPORT = 0x0200;

/**
 * Devices that this process has open. libusb gives one process one handle for a device, however often it is opened: a
 * second reader would take every other report, and its `close` would close the first.
 */
const inUse = new Set<string>();

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
      const address = `${device.busNumber}:${device.deviceAddress}`;
      if (inUse.has(address)) throw portFault("port-busy", `${label}: open in this program already`);
      inUse.add(address);
      const free = (): void => void inUse.delete(address);
      try {
        const wanted = onlyReports(events, options.reportIds);
        return new UsbHidConnection(device, claimed(device, label), label, wanted, free);
      } catch (error) {
        closeQuietly(device);
        free();
        throw usbFault(error, label);
      }
    },
  };
}

function onlyReports(events: ConnectionEvents, ids: readonly number[] | undefined): ConnectionEvents {
  if (ids === undefined) return events;
  return {
    data: (report) => {
      if (ids.includes(report[0] ?? -1)) events.data(report);
    },
    closed: (fault) => events.closed(fault),
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
  if (/TIMED_OUT|TIMEOUT/.test(text)) return portFault("write-stalled", `${label}: ${text}`, error);
  if (/ACCESS/.test(text)) return portFault("port-permission", `${label}: ${text}`, error);
  return /BUSY/.test(text) ? portFault("port-busy", `${label}: ${text}`, error) : faultOf(error, label);
}

class UsbHidConnection implements Connection {
  readonly #device: Device;
  readonly #claimed: ClaimedInterface;
  readonly #label: string;
  readonly #events: ConnectionEvents;
  readonly #poll: InputPoll;
  readonly #free: () => void;
  readonly #out: OutEndpoint | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    device: Device,
    claimedInterface: ClaimedInterface,
    label: string,
    events: ConnectionEvents,
    free: () => void,
  ) {
    this.#device = device;
    this.#free = free;
    this.#claimed = claimedInterface;
    const { endpoints } = claimedInterface.hid;
    this.#label = label;
    this.#events = events;
    const input = endpoints.find((endpoint) => endpoint.direction === "in");
    if (input === undefined) throw portFault("port-missing", `${label}: no input endpoint`);
    this.#out = endpoints.find((endpoint) => endpoint.direction === "out") as OutEndpoint | undefined;
    this.#poll = new InputPoll(input as InEndpoint, {
      report: (bytes) => events.data(bytes),
      failed: (error) => void this.#shut(usbFault(error, label)),
    });
    this.#poll.start();
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
    await this.#poll.stop();
    await this.#claimed.hid.releaseAsync().catch(() => {});
    giveBack(this.#claimed);
    closeQuietly(this.#device);
    this.#free();
  }
}
