import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findUsbTty, usbSerialNumber } from "./usb-tty.ts";

describe("the tty of a USB device", () => {
  it("is found by the ids of the device that it belongs to", async () => {
    const root = await mkdtemp(join(tmpdir(), "canteen-sys-"));
    const device = join(root, "devices", "usb1", "1-2");
    await mkdir(join(device, "1-2:1.0", "ttyUSB3"), { recursive: true });
    await mkdir(join(root, "class", "tty", "ttyUSB3"), { recursive: true });
    await writeFile(join(device, "idVendor"), "1a86\n");
    await writeFile(join(device, "idProduct"), "7523\n");
    await writeFile(join(device, "serial"), "A7\n");
    await symlink(join(device, "1-2:1.0", "ttyUSB3"), join(root, "class", "tty", "ttyUSB3", "device"));
    const ids = { vendorId: "1A86", productId: "7523" };
    expect(await findUsbTty(ids, root)).toBe("/dev/ttyUSB3");
    expect(await findUsbTty({ ...ids, serialNumber: "A7" }, root)).toBe("/dev/ttyUSB3");
    expect(await findUsbTty({ ...ids, serialNumber: "B8" }, root)).toBeNull();
    expect(await findUsbTty({ ...ids, productId: "0000" }, root)).toBeNull();
    await rm(root, { recursive: true });
  });
});

describe("the serial number of a USB device", () => {
  it("is that of the device at the bus address, without asking the device", async () => {
    const root = await mkdtemp(join(tmpdir(), "canteen-sys-"));
    for (const [name, devnum, serial] of [
      ["1-1", "4", "left"],
      ["1-2", "5", "right"],
    ] as const) {
      const device = join(root, "bus", "usb", "devices", name);
      await mkdir(device, { recursive: true });
      await writeFile(join(device, "busnum"), "1\n");
      await writeFile(join(device, "devnum"), `${devnum}\n`);
      await writeFile(join(device, "serial"), `${serial}\n`);
    }
    expect(await usbSerialNumber({ bus: 1, device: 5 }, root)).toBe("right");
    expect(await usbSerialNumber({ bus: 2, device: 5 }, root)).toBeNull();
    await rm(root, { recursive: true });
  });
});
