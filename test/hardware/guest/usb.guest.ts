import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { ScaleDriver } from "../../../firmware-bridge/drivers/scale-driver.ts";
import { ScannerDriver } from "../../../firmware-bridge/drivers/scanner-driver.ts";
import type { SerialSettings } from "../../../firmware-bridge/ports/dialect.ts";
import type { ScaleReading } from "../../../firmware-bridge/ports/scale.ts";
import type { ScanEvent } from "../../../firmware-bridge/ports/scanner.ts";
import { dialectOf } from "../../../firmware-bridge/protocol/registry.ts";
import type { DeviceBay } from "../../../firmware-bridge/simulators/socket.ts";
import { transportTo } from "../../../firmware-bridge/transport/port-name.ts";
import { systemBridgeClock, systemBridgeEntropy } from "../../../firmware-bridge/transport/system-time.ts";
import { describeLineContract } from "../line-contract.ts";
import { acmGadget, hidGadget } from "./gadget.ts";

/** The bridge on real USB: kernel, hub, enumeration, HID and CDC-ACM drivers, udev; only the wire is software. */
const REPLUGS = Number(process.env["CANTEEN_REPLUGS"] ?? 50);
/** An emulated processor on a busy machine: 1.3 s as a rule, 3 s and more beside other load. */
const REPLUG_MS_MAX = 20_000;
const SETTINGS: SerialSettings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 };
const TIME = { clock: systemBridgeClock, entropy: systemBridgeEntropy };
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const ANY_REPORT = bytes(
  "06 00ff 0901 a101 0901 1500 26ff00 7508 9540 8102 0902 7508 9540 9102 c0".replaceAll(" ", ""),
);
const SCALE_REPORT = bytes("058d0920a1018503097015 0026ff00750895058102c0".replaceAll(" ", ""));
/** One input report, 2, of 63 bytes on the page of bar code scanners. Source: HID Point of Sale Usage Tables 1.02. */
const SCANNER_REPORT = bytes("058c0902a101850209fe150026ff007508953f8102c0");
/** Boot keyboard. Source: USB HID 1.11, appendix B.1. */
const KEYBOARD_REPORT = bytes(
  "05010906a101050719e029e71500250175019508810295017508810195067508150025650507190029658100c0",
);

const dialect = (key: string) => {
  const found = dialectOf(key);
  if (found === null) throw new Error(`no dialect ${key}`);
  return found;
};
const scaleGadget = (slot: number, serialNumber: string): DeviceBay =>
  hidGadget({
    slot,
    vendorId: "0922",
    productId: "8003",
    product: "Scale",
    serialNumber,
    reportDescriptor: SCALE_REPORT,
    reportBytesMax: 8,
  });
const report = (tenths: number): Uint8Array => Uint8Array.of(3, 4, 2, 0xff, tenths & 0xff, tenths >> 8);

describeLineContract({
  name: "a USB HID device on real USB",
  make: async () =>
    hidGadget({
      slot: 0,
      vendorId: "1d6b",
      productId: "0104",
      product: "Bytes",
      serialNumber: "H1",
      reportDescriptor: ANY_REPORT,
      reportBytesMax: 64,
    }),
  transportTo: (bay) => transportTo(bay.address, SETTINGS),
  replugs: REPLUGS,
  replugMsMax: REPLUG_MS_MAX,
});

describeLineContract({
  name: "a CDC-ACM port by its name under /dev/serial/by-id",
  make: async () =>
    acmGadget({ slot: 1, vendorId: "0525", productId: "a4a7", product: "Scale ACM", serialNumber: "A1" }),
  transportTo: (bay) => transportTo(bay.address, SETTINGS),
  replugs: REPLUGS,
  replugMsMax: REPLUG_MS_MAX,
});

describeLineContract({
  name: "a CDC-ACM port by its USB ids",
  make: async () =>
    acmGadget({ slot: 1, vendorId: "0525", productId: "a4a7", product: "Scale ACM", serialNumber: "A1" }),
  transportTo: () => transportTo("usb-serial:0525:a4a7/A1", SETTINGS),
  replugs: REPLUGS,
  replugMsMax: REPLUG_MS_MAX,
});

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});
function closing<T extends { close(): Promise<void> }>(each: T): T {
  opened.push(each);
  return each;
}
const EVENTS = { data: () => {}, closed: () => {} };
const BUSY = { code: "port-busy", hint: { zh: expect.stringContaining("占用") } };
const NOBODY = 65_534;
const noSignal = (): { readonly signal: AbortSignal } => ({ signal: new AbortController().signal });

describe("a HID scale on real USB", () => {
  it("is the one with the serial number, of two that are alike", async () => {
    const left = closing(scaleGadget(0, "LEFT"));
    const right = closing(scaleGadget(2, "RIGHT"));
    await left.plug();
    await right.plug();
    const scale = closing(
      new ScaleDriver({
        transport: transportTo(right.address, SETTINGS),
        dialect: dialect("usb-hid-scale"),
        ...TIME,
      }),
    );
    const stable = new Promise<ScaleReading>((resolve) => {
      scale.onReading((reading) => {
        if (reading.stable) resolve(reading);
      });
    });
    scale.open(noSignal());
    const sending = setInterval(() => {
      left.socket.send(report(1111));
      right.socket.send(report(2222));
    }, 50);
    expect(await stable).toMatchObject({ value: "222.2", unit: "g" });
    clearInterval(sending);
  });

  it("is busy for a second reader in the same program, and free again when the first has closed", async () => {
    const bay = closing(scaleGadget(0, "ONE"));
    await bay.plug();
    const transport = transportTo(bay.address, SETTINGS);
    const first = await openWhenThere(() => transport.open(EVENTS, noSignal()));
    try {
      await expect(transport.open(EVENTS, noSignal())).rejects.toMatchObject(BUSY);
    } finally {
      await first.close();
    }
    await (await transport.open(EVENTS, noSignal())).close();
  });

  it("is busy while another program reads it, and free again when that one has ended", async () => {
    const bay = closing(scaleGadget(0, "ONE"));
    await bay.plug();
    const program = new URL("./usb-reader-program.ts", import.meta.url).pathname;
    const other = spawn(process.execPath, [program, bay.address], { stdio: ["ignore", "pipe", "inherit"] });
    await once(other.stdout, "data");
    const transport = transportTo(bay.address, SETTINGS);
    try {
      await expect(transport.open(EVENTS, noSignal())).rejects.toMatchObject(BUSY);
    } finally {
      other.kill("SIGKILL");
      await once(other, "exit");
    }
    await (await transport.open(EVENTS, noSignal())).close();
  });

  it("is refused to a user without the right, with a hint", async () => {
    const bay = closing(scaleGadget(0, "ONE"));
    await bay.plug();
    const transport = transportTo(bay.address, SETTINGS);
    await (await openWhenThere(() => transport.open(EVENTS, noSignal()))).close();
    const groups = process.getgroups?.() ?? [];
    // The node is writable for root's group too.
    process.setgroups?.([]);
    process.setegid?.(NOBODY);
    process.seteuid?.(NOBODY);
    try {
      await expect(transport.open(EVENTS, noSignal())).rejects.toMatchObject({ code: "port-permission" });
    } finally {
      process.seteuid?.(0);
      process.setegid?.(0);
      process.setgroups?.(groups);
    }
  });
});

/** The device is there for the kernel a moment before it is there for a program. */
async function openWhenThere<T>(open: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "port-missing")) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A scanner on `bay` that is live, and its first scan. */
async function scannerOn(
  bay: DeviceBay,
  key: string,
): Promise<{ readonly scanned: Promise<ScanEvent>; readonly scanner: ScannerDriver }> {
  const scanner = closing(
    new ScannerDriver({ transport: transportTo(bay.address, SETTINGS), dialect: dialect(key), ...TIME }),
  );
  const scanned = new Promise<ScanEvent>((resolve) => scanner.onScan(resolve));
  const live = new Promise<void>((resolve) => {
    scanner.onState(({ kind }) => {
      if (kind === "live") resolve();
    });
  });
  scanner.open(noSignal());
  await bay.plug();
  await live;
  return { scanned, scanner };
}

describe("a HID keyboard scanner on real USB", () => {
  const typesAsKeyboard = (): boolean =>
    readFileSync("/proc/bus/input/devices", "utf8").includes("Canteen Scanner");

  it("is read by the bridge alone: while it is open the system has no such keyboard, and afterwards again", async () => {
    const bay = closing(
      hidGadget({
        slot: 3,
        vendorId: "05f9",
        productId: "2204",
        product: "Scanner",
        serialNumber: "K1",
        reportDescriptor: KEYBOARD_REPORT,
        reportBytesMax: 8,
        subclass: 1,
        protocol: 1,
      }),
    );
    const { scanned, scanner } = await scannerOn(bay, "scanner-hidkbd");
    // 4 2 Enter, each pressed and released.
    for (const key of [0x21, 0x1f, 0x28]) {
      bay.socket.send(Uint8Array.of(0, 0, key, 0, 0, 0, 0, 0));
      bay.socket.send(new Uint8Array(8));
    }
    expect(await scanned).toMatchObject({ text: "42" });
    expect(typesAsKeyboard()).toBe(false);
    await scanner.close();
    expect(typesAsKeyboard()).toBe(true);
  });
});

describe("a HID-POS scanner on real USB", () => {
  it("gives a code that comes in two reports as one, with its symbology", async () => {
    const bay = closing(
      hidGadget({
        slot: 3,
        vendorId: "0c2e",
        productId: "0b61",
        product: "POS Scanner",
        serialNumber: "P1",
        reportDescriptor: SCANNER_REPORT,
        reportBytesMax: 64,
      }),
    );
    const { scanned } = await scannerOn(bay, "scanner-hidpos");
    const code = `https://canteen.example/${"0123456789".repeat(4)}`;
    bay.socket.send(scannerReport(code.slice(0, 56), true));
    bay.socket.send(scannerReport(code.slice(56), false));
    expect(await scanned).toMatchObject({ text: code });
  });
});

/** `02 length ]Q1 data … more`, 64 bytes. Source: reports of a Honeywell Voyager. */
function scannerReport(data: string, more: boolean): Uint8Array {
  const report = new Uint8Array(64);
  report.set([2, data.length, ...Buffer.from(`]Q1${data}`, "latin1")]);
  report[63] = more ? 1 : 0;
  return report;
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

describe("a CDC-ACM scale that comes back under another name", () => {
  it("is found again, because another device has taken its tty meanwhile", async () => {
    const bay = closing(
      acmGadget({ slot: 1, vendorId: "0525", productId: "a4a7", product: "Scale ACM", serialNumber: "A1" }),
    );
    const other = closing(
      acmGadget({ slot: 2, vendorId: "0525", productId: "a4a6", product: "Other", serialNumber: "B1" }),
    );
    await bay.plug();
    const scale = closing(
      new ScaleDriver({
        transport: transportTo(bay.address, SETTINGS),
        dialect: dialect("and-standard"),
        ...TIME,
      }),
    );
    const values: string[] = [];
    let wake = (): void => {};
    scale.onReading(({ value }) => {
      if (value !== null) values.push(value);
      wake();
    });
    const read = async (wanted: string): Promise<void> => {
      while (!values.includes(wanted))
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    };
    scale.open(noSignal());
    let line = "ST,+00100.0  g\r\n";
    const sending = setInterval(() => bay.socket.send(Uint8Array.from(Buffer.from(line))), 50);
    await read("100.0");
    const before = readlinkSync(bay.address);
    await bay.unplug();
    await other.plug();
    line = "ST,+00200.0  g\r\n";
    await bay.plug();
    await read("200.0");
    clearInterval(sending);
    // The scale is read as soon as the kernel has it; udev may write the link a moment later.
    while (linkOf(bay.address) === undefined) await delay(20);
    expect(linkOf(bay.address)).not.toBe(before);
  });
});
