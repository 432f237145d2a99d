import type { FastifyInstance } from "fastify";
import { signInBodySchema } from "./api-schema.ts";
import type { KioskServerOptions } from "./kiosk-ports.ts";
import { clearSessionCookie, setSessionCookie, tokenOf } from "./operator-session.ts";
import { parseRequest, RequestProblem } from "./problems.ts";
import { isLoopback } from "./request-guard.ts";

/** Signing in and out. The token goes into the cookie only; a program may read it there. */
export function operatorRoutes(server: FastifyInstance, { operators, settings }: KioskServerOptions): void {
  server.post("/api/operators/sign-in", async (request, reply) => {
    const result = await operators.signIn(parseRequest(signInBodySchema, request.body));
    switch (result.kind) {
      case "wrong":
        throw new RequestProblem("sign-in-wrong", { attemptsLeft: result.attemptsLeft });
      case "locked":
        throw new RequestProblem("sign-in-locked", { waitMs: result.waitMs });
      case "signed-in":
        setSessionCookie(reply, result.token);
        return { operator: result.operator, expiresInMs: result.expiresInMs };
    }
  });

  server.post("/api/operators/sign-out", async (request, reply) => {
    const token = tokenOf(request);
    if (token !== undefined) operators.signOut(token);
    clearSessionCookie(reply);
    return { kind: "done" };
  });

  /**
   * Whom to choose from at a screen without a keyboard. Told to a page at the terminal itself only: whoever stands there
   * sees these people work; another machine types.
   */
  server.get("/api/operators", async (request) => ({
    operators: isLoopback(request.socket.remoteAddress) ? operators.list() : [],
  }));

  server.get("/api/operators/session", async (request) => {
    const token = tokenOf(request);
    const { site, device, zone, language } = settings;
    const operator = (token === undefined ? undefined : operators.session(token)) ?? null;
    return { operator, terminal: { site, device, zone, language } };
  });
}
