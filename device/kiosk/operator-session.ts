import type { FastifyReply, FastifyRequest } from "fastify";
import type { Operator, OperatorRole, Operators } from "../security/operators-port.ts";
import { RequestProblem } from "./problems.ts";

const COOKIE = "canteen-session";
/** Sessions' tokens are short; anything longer is not looked at. */
const TOKEN_LENGTH_MAX = 256;

/** What an operator may do here. Keepers run the kitchen: they neither enrol people nor touch charges. */
export const COUNTER_ROLES: readonly OperatorRole[] = ["cashier", "manager"];
/** Who receives goods and keeps samples; whoever takes money does not also let goods in. */
export const RECEIVING_ROLES: readonly OperatorRole[] = ["keeper", "manager"];
export const EVERY_ROLE: readonly OperatorRole[] = ["cashier", "keeper", "manager"];

/** The session's token: `Authorization: Bearer …` for programs, an HttpOnly cookie for the page. */
export function tokenOf(request: FastifyRequest): string | undefined {
  const { authorization, cookie } = request.headers;
  const bearer = authorization === undefined ? undefined : /^Bearer ([\w.~+/=-]+)$/.exec(authorization)?.[1];
  const token = bearer ?? cookieValue(cookie);
  return token !== undefined && token.length <= TOKEN_LENGTH_MAX ? token : undefined;
}

/** @throws RequestProblem `sign-in-needed` or `role-refused`. */
export function operatorOf(
  operators: Operators,
  request: FastifyRequest,
  roles: readonly OperatorRole[],
): Operator {
  const token = tokenOf(request);
  const operator = token === undefined ? undefined : operators.session(token);
  if (operator === undefined) throw new RequestProblem("sign-in-needed");
  if (!roles.includes(operator.role)) throw new RequestProblem("role-refused");
  return operator;
}

/**
 * Not readable by scripts, never sent by another site; ends with the browser or with the session. The pay socket sees
 * it too: a name may be chosen only where its operator is.
 */
export function setSessionCookie(reply: FastifyReply, token: string): void {
  reply.header("set-cookie", `${COOKIE}=${encodeURIComponent(token)}; Path=/; HttpOnly; SameSite=Strict`);
}

export function clearSessionCookie(reply: FastifyReply): void {
  reply.header("set-cookie", `${COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`);
}

function cookieValue(header: string | undefined): string | undefined {
  for (const pair of (header ?? "").split(";")) {
    const [name, value] = pair.trim().split("=", 2);
    if (name === COOKIE && value !== undefined && value !== "") return decodeURIComponentSafe(value);
  }
  return undefined;
}

function decodeURIComponentSafe(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
