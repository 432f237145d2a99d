import { execSync } from "node:child_process";
import { getDeviceList } from "usb";
import { expect, it } from "vitest";

it("spikes", () => {
  console.log(
    execSync("ls /sys/class/udc /dev/bus/usb; uname -r; free -m; pidof systemd-udevd", { encoding: "utf8" }),
  );
  console.log(getDeviceList().map((d) => d.deviceDescriptor.idVendor));
  expect(1).toBe(1);
});
