import { describe, expect, it } from "vitest";
import { isRefusal, reasonOfDisconnect, reasonOfSocketError, refusalOfConnack } from "./broker-failure.ts";

describe("reasons of a failed connection", () => {
  it.each([
    [1, "broker-version"],
    [132, "broker-version"],
    [4, "broker-refused-password"],
    [5, "broker-refused-password"],
    [134, "broker-refused-password"],
    [135, "broker-refused-password"],
    [2, "broker-refused"],
    [133, "broker-refused"],
    [3, "broker-closed"],
    [136, "broker-closed"],
  ] as const)("reads CONNACK %i as %s", (code, reason) => {
    expect(refusalOfConnack(code)).toBe(reason);
  });

  it.each([
    ["ECONNREFUSED", false, "broker-unreachable"],
    ["ENOTFOUND", false, "broker-unreachable"],
    ["ECONNRESET", true, "broker-closed"],
    ["CERT_HAS_EXPIRED", true, "tls-untrusted"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", true, "tls-untrusted"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", true, "tls-failed"],
    ["EPROTO", true, "tls-failed"],
  ] as const)("reads the socket error %s as %s %s", (code, opened, reason) => {
    expect(reasonOfSocketError(Object.assign(new Error("x"), { code }), opened)).toBe(reason);
  });

  it("tells a name that two terminals share from a broker that went away", () => {
    expect(reasonOfDisconnect(142)).toBe("device-name-in-use");
    expect(reasonOfDisconnect(139)).toBe("broker-closed");
    expect(reasonOfDisconnect(undefined)).toBe("broker-closed");
  });

  it("calls for somebody only where waiting does not help", () => {
    expect(isRefusal("broker-unreachable")).toBe(false);
    expect(isRefusal("broker-silent")).toBe(false);
    expect(isRefusal("broker-refused-password")).toBe(true);
    expect(isRefusal("tls-untrusted")).toBe(true);
  });
});
