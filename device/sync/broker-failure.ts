import { systemCode } from "../platform/errors.ts";

/** Why there is no connection. Stable: shown at the counter, written to the log, compared by tests. */
export type LinkReason =
  | "broker-unreachable"
  | "broker-silent"
  | "broker-closed"
  | "broker-refused-password"
  | "broker-refused-subscription"
  | "broker-refused"
  | "broker-version"
  | "device-name-in-use"
  | "tls-untrusted"
  | "tls-failed"
  | "message-too-large"
  | "password-file-unreadable"
  | "ca-file-unreadable";

/** Reasons that waiting does not cure: somebody has to change a setting, here or at the broker. */
const REFUSALS: ReadonlySet<LinkReason> = new Set<LinkReason>([
  "broker-refused-password",
  "broker-refused-subscription",
  "broker-refused",
  "broker-version",
  "device-name-in-use",
  "tls-untrusted",
  "password-file-unreadable",
  "ca-file-unreadable",
]);

/** Whether the mark on the screen says "refused" (call somebody) rather than "offline" (normal). */
export function isRefusal(reason: LinkReason): boolean {
  return REFUSALS.has(reason);
}

/** CONNACK codes: MQTT 3.1.1 table 3.1 below 128, MQTT 5 section 3.2.2.2 above. */
export function refusalOfConnack(reasonCode: number): LinkReason {
  switch (reasonCode) {
    case 1:
    case 132:
      return "broker-version";
    // 5 and 135 are "not authorised", which is what mosquitto answers to a wrong password.
    case 4:
    case 5:
    case 134:
    case 135:
    case 140:
      return "broker-refused-password";
    case 3:
    case 136:
    case 137:
    case 159:
      return "broker-closed";
    default:
      return "broker-refused";
  }
}

/** DISCONNECT codes of MQTT 5, section 3.14.2.1. */
export function reasonOfDisconnect(reasonCode: number | undefined): LinkReason {
  switch (reasonCode) {
    case 142:
      return "device-name-in-use";
    case 149:
      return "message-too-large";
    case 135:
      return "broker-refused-password";
    default:
      return "broker-closed";
  }
}

const UNTRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_UNTRUSTED",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_SIGNATURE_FAILURE",
  "CERT_CHAIN_TOO_LONG",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "HOSTNAME_MISMATCH",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** What a socket error means. @param opened whether the socket had been connected. */
export function reasonOfSocketError(error: unknown, opened: boolean): LinkReason {
  const code = systemCode(error) ?? "";
  if (UNTRUSTED.has(code)) return "tls-untrusted";
  if (code === "EPROTO" || code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS")) return "tls-failed";
  return opened ? "broker-closed" : "broker-unreachable";
}
