import { opendir, readFile, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";

/** What a USB device says about itself; hex as `lsusb` prints it. */
export interface UsbIds {
  readonly vendorId: string;
  readonly productId: string;
  readonly serialNumber?: string;
}

/** Consoles and old-style ptys: a hundred names that no USB device ever has, and each costs a look. */
const NEVER_USB = /^(?:tty\d*|console|ptmx|ttyS\d+|[pt]ty[p-za-e][0-9a-f])$/;

/** From the tty up to the USB device there are an interface and at most a port in between. */
const LEVELS_MAX = 6;

/**
 * Finds the tty of a USB device in the kernel's device tree, without udev.
 * @returns its path, the lowest name when there are several, or null.
 */
export async function findUsbTty(ids: UsbIds, sysRoot = "/sys"): Promise<string | null> {
  const ttys = join(sysRoot, "class", "tty");
  for (const name of await entriesOf(ttys)) {
    if (NEVER_USB.test(name)) continue;
    const device = await realpath(join(ttys, name, "device")).catch(() => null);
    if (device !== null && (await belongsTo(device, ids))) return `/dev/${name}`;
  }
  return null;
}

/**
 * The serial number of the device at an address of the bus, from the kernel's device tree: asking the device itself
 * would disturb one that is in use.
 * @returns null when there is none.
 */
export async function usbSerialNumber(
  address: { readonly bus: number; readonly device: number },
  sysRoot = "/sys",
): Promise<string | null> {
  const devices = join(sysRoot, "bus", "usb", "devices");
  for (const name of await entriesOf(devices)) {
    const folder = join(devices, name);
    const isIt =
      (await attribute(folder, "busnum")) === String(address.bus) &&
      (await attribute(folder, "devnum")) === String(address.device);
    if (isIt) return await attribute(folder, "serial");
  }
  return null;
}

async function belongsTo(device: string, ids: UsbIds): Promise<boolean> {
  let folder = device;
  for (let level = 0; level < LEVELS_MAX; level++) {
    const vendorId = await attribute(folder, "idVendor");
    if (vendorId !== null) {
      const serialNumber = ids.serialNumber === undefined ? undefined : await attribute(folder, "serial");
      return (
        vendorId === ids.vendorId.toLowerCase() &&
        (await attribute(folder, "idProduct")) === ids.productId.toLowerCase() &&
        (serialNumber === undefined || serialNumber === ids.serialNumber)
      );
    }
    folder = dirname(folder);
  }
  return false;
}

/** Sorted; empty when the folder is not there. By `opendir`, which the emulated bus of the tests can show. */
async function entriesOf(folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(folder)) names.push(entry.name);
  } catch {
    return [];
  }
  return names.sort();
}

async function attribute(folder: string, name: string): Promise<string | null> {
  const text = await readFile(join(folder, name), "utf8").catch(() => null);
  return text === null ? null : text.trim();
}
