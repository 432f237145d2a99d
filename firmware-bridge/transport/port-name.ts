import type { SerialSettings } from "../ports/dialect.ts";
import type { Transport } from "../ports/transport.ts";
import { portFault } from "./port-faults.ts";
import { serialTransport } from "./serial-transport.ts";
import { tcpTransport } from "./tcp-transport.ts";
import { usbHidTransport } from "./usb-hid-transport.ts";
import type { UsbIds } from "./usb-tty.ts";

/** Where a device is, as a person writes it on the command line and in the configuration. */
export type PortName =
  /** `/dev/ttyS0`, `/dev/serial/by-id/…`, `COM3`: anything that is none of the others. */
  | { readonly kind: "serial"; readonly path: string }
  /** `usb-serial:1a86:7523` or `usb-serial:1a86:7523/A7`: the tty that the USB device has at the moment. */
  | { readonly kind: "usb-serial"; readonly ids: UsbIds }
  /** `usb:0922:8003` or `usb:0922:8003/0071234567890`: a HID device. */
  | { readonly kind: "usb-hid"; readonly ids: UsbIds }
  /** `192.168.1.9:4001`, `[fd00::9]:4001`: a serial gateway that passes bytes on as they are. */
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** `rfc2217:192.168.1.9:4001`: a gateway that takes the serial settings from us. */
  | { readonly kind: "rfc2217"; readonly host: string; readonly port: number };

const PORT_MAX = 65_535;

/** @throws BridgeFault `port-name` when the text begins as one of the kinds and then is none of it. */
export function parsePortName(text: string): PortName {
  const prefix = /^(usb|usb-serial|rfc2217):/.exec(text)?.[1];
  if (prefix === "usb" || prefix === "usb-serial") {
    const ids = usbIds(text.slice(prefix.length + 1));
    if (ids === null) throw nameFault(text, `${prefix}:VVVV:PPPP[/SERIAL] with four hexadecimal digits each`);
    return prefix === "usb" ? { kind: "usb-hid", ids } : { kind: "usb-serial", ids };
  }
  const address = socketAddress(prefix === undefined ? text : text.slice(prefix.length + 1));
  if (prefix !== undefined) {
    if (address === null) throw nameFault(text, "rfc2217:HOST:PORT");
    return { kind: "rfc2217", ...address };
  }
  if (text === "") throw nameFault(text, "a path, HOST:PORT or usb:VVVV:PPPP");
  return address === null ? { kind: "serial", path: text } : { kind: "tcp", ...address };
}

function nameFault(text: string, wanted: string) {
  return portFault("port-name", `port "${text}": write ${wanted}`);
}

function usbIds(text: string): UsbIds | null {
  const match = /^([0-9a-f]{4}):([0-9a-f]{4})(?:\/(.+))?$/i.exec(text);
  if (match === null) return null;
  const [, vendorId = "", productId = "", serialNumber] = match;
  return {
    vendorId: vendorId.toLowerCase(),
    productId: productId.toLowerCase(),
    ...(serialNumber === undefined ? {} : { serialNumber }),
  };
}

/** A path has a slash; a host has none. */
function socketAddress(text: string): { readonly host: string; readonly port: number } | null {
  const match = /^(?:\[([0-9a-f:.%a-z]+)\]|([^/:[\]]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > PORT_MAX) return null;
  return { host: match[1] ?? match[2] ?? "", port };
}

/**
 * The way to the device that `port` names.
 * @param settings  for serial lines; a USB HID device and a raw gateway have none.
 * @param hidReportIds  of a HID device only these reports, the `hidReportIds` of its dialect.
 * @throws BridgeFault `port-name`.
 */
export function transportTo(
  port: string,
  settings: SerialSettings,
  hidReportIds?: readonly number[],
): Transport {
  const name = parsePortName(port);
  switch (name.kind) {
    case "serial":
      return serialTransport({ address: { kind: "path", path: name.path }, settings });
    case "usb-serial":
      return serialTransport({ address: { kind: "usb", ids: name.ids }, settings });
    case "usb-hid":
      return usbHidTransport({
        ids: name.ids,
        ...(hidReportIds === undefined ? {} : { reportIds: hidReportIds }),
      });
    case "tcp":
      return tcpTransport({ host: name.host, port: name.port });
    case "rfc2217":
      return tcpTransport({ host: name.host, port: name.port, rfc2217: settings });
  }
}
