import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePortName, transportTo } from "./port-name.ts";

describe("the name of a port", () => {
  it.each([
    ["/dev/serial/by-id/usb-1a86_USB:Serial-if00", { kind: "serial" }],
    ["/dev/ttyS0", { kind: "serial", path: "/dev/ttyS0" }],
    ["COM3", { kind: "serial", path: "COM3" }],
    ["10.0.0.9:4001", { kind: "tcp", host: "10.0.0.9", port: 4001 }],
    ["[fd00::9]:4001", { kind: "tcp", host: "fd00::9", port: 4001 }],
    ["rfc2217:gateway:4001", { kind: "rfc2217", host: "gateway", port: 4001 }],
    ["usb:0922:8003", { kind: "usb-hid", ids: { vendorId: "0922", productId: "8003" } }],
    [
      "usb:0922:800A/00 71/x",
      { kind: "usb-hid", ids: { vendorId: "0922", productId: "800a", serialNumber: "00 71/x" } },
    ],
    ["usb-serial:1A86:7523", { kind: "usb-serial", ids: { vendorId: "1a86", productId: "7523" } }],
  ])("%s says what it is", (text, expected) => {
    expect(parsePortName(text)).toMatchObject(expected);
  });

  it.each([
    "",
    "usb:",
    "usb:922:8003",
    "usb:0922:8003/",
    "usb-serial:scale",
    "rfc2217:gateway",
    "rfc2217:/dev/ttyS0",
  ])("%j is refused with the right way to write it", (text) => {
    expect(() => parsePortName(text)).toThrow(
      expect.objectContaining({ code: "port-name", retry: "after-operator" }),
    );
  });

  it("is understood or refused whatever is written, and never opens anything", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^(usb|usb-serial|rfc2217):[0-9a-f:/]{0,12}$/)),
        (text) => {
          try {
            const settings = { baudRate: 9600, dataBits: 8, parity: "none", stopBits: 1 } as const;
            expect(transportTo(text, settings).label).not.toBe("");
          } catch (error) {
            expect(error).toMatchObject({ code: "port-name" });
          }
        },
      ),
    );
  });
});
