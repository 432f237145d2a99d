import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { devicesSchema } from "../../config/device-schema.ts";
import { udevChecks, udevFinding } from "./check-udev.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canteen-udev-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const scaleAt = (port: string) =>
  devicesSchema.parse([{ id: "dish-1", kind: "scale", port, protocol: "usb-hid-scale" }]);

describe("the check of udev", () => {
  it.each(["usb:0922:8003", "usb:0922:8003/71", "/dev/serial/by-id/usb-1a86-if00"])(
    "is made for %s",
    (port) => {
      expect(udevChecks(scaleAt(port)).map(({ id }) => id)).toEqual(["udev"]);
    },
  );

  it.each(["usb-serial:1a86:7523", "/dev/ttyS0", "192.168.1.9:4001"])(
    "is not made for %s, which does without",
    (port) => {
      expect(udevChecks(scaleAt(port))).toEqual([]);
    },
  );

  it("says which device will not come back when udevd does not run, and what to do", () => {
    const control = join(folder, "control");
    expect(udevFinding("dish-1", control)).toMatchObject({
      status: "failed",
      detail: { en: expect.stringContaining("dish-1") },
      hint: { zh: expect.stringContaining("systemd-udevd") },
    });
    writeFileSync(control, "");
    expect(udevFinding("dish-1", control)).toMatchObject({ status: "ok" });
  });
});
