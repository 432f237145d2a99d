import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { SerialPort } from "serialport";
import type { DeviceBay } from "../../../firmware-bridge/simulators/socket.ts";

/**
 * USB devices made by the kernel itself: a gadget of configfs behind dummy_hcd, a controller whose device end is the
 * same machine. The bus, its hubs, enumeration and the drivers of the host are the real ones.
 * Source: Linux, Documentation/usb/gadget_configfs.rst, Documentation/ABI/testing/configfs-usb-gadget-hid.
 */
const CONFIGFS = "/sys/kernel/config/usb_gadget";
const USB_DEVICES = "/sys/bus/usb/devices";
const READ_EVERY_MS = 5;
const POLL_MS = 2;

export interface GadgetOptions {
  /** Names the folder and the device's controller: 0 to 3, one device each. */
  readonly slot: number;
  readonly vendorId: string;
  readonly productId: string;
  readonly product: string;
  readonly serialNumber: string;
}

export interface HidOptions extends GadgetOptions {
  readonly reportDescriptor: Uint8Array;
  readonly reportBytesMax: number;
  /** 1 with `protocol` 1 is a boot keyboard. */
  readonly subclass?: number;
  readonly protocol?: number;
}

/** A HID device; each `send` is one report, and `onReceived` hears output reports. */
export function hidGadget(options: HidOptions): DeviceBay {
  const folder = makeGadget(options, "hid.0", (functionFolder) => {
    writeFileSync(join(functionFolder, "subclass"), String(options.subclass ?? 0));
    writeFileSync(join(functionFolder, "protocol"), String(options.protocol ?? 0));
    writeFileSync(join(functionFolder, "report_length"), String(options.reportBytesMax));
    writeFileSync(join(functionFolder, "report_desc"), options.reportDescriptor);
  });
  const listeners = new Set<(bytes: Uint8Array) => void>();
  const queue: Uint8Array[] = [];
  let end: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const tick = (): void => {
    if (end === undefined) return;
    const received = readNow(end, options.reportBytesMax);
    if (received !== null) for (const listener of [...listeners]) listener(received);
    const next = queue[0];
    if (next !== undefined && writeNow(end, next)) queue.shift();
  };
  const bay: DeviceBay = {
    address: `usb:${options.vendorId}:${options.productId}/${options.serialNumber}`,
    socket: {
      send: (bytes) => {
        queue.push(bytes);
      },
      onReceived: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    plug: async () => {
      bind(folder, options.slot);
      end = await openedNode(join(folder, "functions", "hid.0", "dev"));
      queue.length = 0;
      timer = setInterval(tick, READ_EVERY_MS);
    },
    arrived: () => shownBySystem(options),
    unplug: async () => {
      clearInterval(timer);
      if (end !== undefined) closeSync(end);
      end = undefined;
      unbind(folder);
    },
    close: async () => {
      if (end !== undefined) await bay.unplug();
    },
  };
  return bay;
}

/** A CDC-ACM serial port; `address` is its name under /dev/serial/by-id, which udev gives it. */
export function acmGadget(options: GadgetOptions): DeviceBay {
  const folder = makeGadget(options, "acm.0", () => {});
  const functionFolder = join(folder, "functions", "acm.0");
  const listeners = new Set<(bytes: Uint8Array) => void>();
  let end: SerialPort | undefined;
  const bay: DeviceBay = {
    address: `/dev/serial/by-id/usb-Canteen_${options.product.replaceAll(" ", "_")}_${options.serialNumber}-if00`,
    socket: {
      send: (bytes) => void end?.write(Buffer.from(bytes)),
      onReceived: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    plug: async () => {
      bind(folder, options.slot);
      const number = execFileSync("cat", [join(functionFolder, "port_num")], { encoding: "utf8" }).trim();
      const port = new SerialPort({ path: `/dev/ttyGS${number}`, baudRate: 9600, autoOpen: false });
      await new Promise<void>((resolve, reject) => {
        port.open((error) => (error === null ? resolve() : reject(error)));
      });
      port.on("error", () => {});
      port.on("data", (chunk: Buffer) => {
        for (const listener of [...listeners]) listener(Uint8Array.from(chunk));
      });
      end = port;
    },
    arrived: () => shownBySystem(options),
    unplug: async () => {
      const port = end;
      end = undefined;
      unbind(folder);
      if (port?.isOpen === true) await new Promise<void>((resolve) => port.close(() => resolve()));
    },
    close: async () => {
      if (end !== undefined) await bay.unplug();
    },
  };
  return bay;
}

function makeGadget(
  options: GadgetOptions,
  functionName: string,
  configure: (folder: string) => void,
): string {
  const folder = join(CONFIGFS, `slot${options.slot}`);
  if (existsSync(folder)) removeGadget(folder);
  const strings = join(folder, "strings", "0x409");
  const configuration = join(folder, "configs", "c.1");
  const functionFolder = join(folder, "functions", functionName);
  mkdirSync(folder);
  writeFileSync(join(folder, "idVendor"), `0x${options.vendorId}`);
  writeFileSync(join(folder, "idProduct"), `0x${options.productId}`);
  mkdirSync(strings);
  writeFileSync(join(strings, "manufacturer"), "Canteen");
  writeFileSync(join(strings, "product"), options.product);
  writeFileSync(join(strings, "serialnumber"), options.serialNumber);
  mkdirSync(configuration);
  mkdirSync(functionFolder);
  configure(functionFolder);
  symlinkSync(functionFolder, join(configuration, functionName));
  return folder;
}

/** configfs wants it taken down in the order in which it was not built; `rm -r` will not do. */
function removeGadget(folder: string): void {
  const script = `rm -f configs/c.1/*.0; rmdir configs/c.1 functions/* strings/0x409; cd ..; rmdir ${folder}`;
  execFileSync("sh", ["-c", script], { cwd: folder, stdio: "ignore" });
}

function bind(folder: string, slot: number): void {
  writeFileSync(join(folder, "UDC"), `dummy_udc.${slot}\n`);
}

function unbind(folder: string): void {
  writeFileSync(join(folder, "UDC"), "\n");
}

/** Resolves when the kernel has enumerated the device: drivers, node and names follow, and count as ours. */
async function shownBySystem({ serialNumber, productId }: GadgetOptions): Promise<void> {
  const isIt = (name: string): boolean =>
    attribute(name, "serial") === serialNumber && attribute(name, "idProduct") === productId;
  while (!readdirSync(USB_DEVICES).some(isIt)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

function attribute(device: string, name: string): string | null {
  try {
    return readFileSync(join(USB_DEVICES, device, name), "utf8").trim();
  } catch {
    // Not all have all, and it may be going away.
    return null;
  }
}

/** The device's end of a HID function, whose number the kernel gives it when it is bound. */
async function openedNode(devFile: string): Promise<number> {
  const [major] = execFileSync("cat", [devFile], { encoding: "utf8" }).trim().split("\n");
  for (;;) {
    const path = readdirSync("/dev")
      .filter((name) => /^hidg\d+$/.test(name))
      .map((name) => join("/dev", name))
      .find((candidate) => deviceNumber(candidate) === major);
    if (path !== undefined) return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function deviceNumber(path: string): string {
  const { rdev } = statSync(path);
  // glibc's split of a device number, for numbers below 2^20.
  return `${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xfff00)}`;
}

function readNow(end: number, lengthMax: number): Uint8Array | null {
  const buffer = Buffer.alloc(lengthMax);
  try {
    const length = readSync(end, buffer);
    return length > 0 ? Uint8Array.from(buffer.subarray(0, length)) : null;
  } catch {
    // EAGAIN: nothing there; or the host has not yet set the device up.
    return null;
  }
}

function writeNow(end: number, report: Uint8Array): boolean {
  try {
    writeSync(end, report);
    return true;
  } catch {
    return false;
  }
}
