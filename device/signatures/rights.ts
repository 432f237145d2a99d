import { assertNever } from "../platform/assert.ts";
import type { OperatorRole } from "../security/operators-port.ts";
import type { SigningRight } from "./signature-port.ts";

/** Which roles may sign what. A cashier takes money, and whoever takes money does not also let goods in. */
export function maySign(role: OperatorRole, right: SigningRight): boolean {
  switch (right) {
    case "keep":
      return role === "keeper" || role === "manager";
    case "override":
      return role === "manager";
    default:
      return assertNever(right);
  }
}
