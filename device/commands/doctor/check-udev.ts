import { existsSync } from "node:fs";
import type { DeviceConfig } from "../../config/device-schema.ts";
import { type Check, type Finding, failed, ok } from "./check.ts";

/** It is there as long as udevd runs; libudev, and with it libusb, looks at the same path. */
const UDEV_CONTROL = "/run/udev/control";

/** Ports that live on udev: libusb hears of replugs from it, and the names under /dev/serial are its work. */
const NEEDS_UDEV = /^(?:usb:|\/dev\/serial\/)/;

/** @returns no check where no configured device needs udev. */
export function udevChecks(devices: readonly DeviceConfig[]): readonly Check[] {
  const needing = devices.filter(({ port }) => NEEDS_UDEV.test(port)).map(({ id }) => id);
  if (needing.length === 0) return [];
  const title = { zh: "USB 热插拔", en: "USB replugs" };
  return [{ id: "udev", title, run: async () => udevFinding(needing.join(", "), UDEV_CONTROL) }];
}

/** @param control  a path that is there while udevd runs. */
export function udevFinding(ids: string, control: string): Finding {
  if (existsSync(control)) return ok("udevd 在运行", "udevd runs");
  return failed(
    { zh: `udevd 没有运行：${ids} 拔插后不会恢复`, en: `no udevd: ${ids} will not come back after a replug` },
    {
      zh: "请启动 systemd-udevd；容器中运行时挂载 /run/udev 并使用主机网络。",
      en: "Start systemd-udevd; in a container mount /run/udev and use the host's network.",
    },
  );
}
