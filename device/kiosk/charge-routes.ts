import type { FastifyInstance } from "fastify";
import { chargeAgainBodySchema, chargesQuerySchema, idParamsSchema, reasonBodySchema } from "./api-schema.ts";
import type { KioskServerOptions } from "./kiosk-ports.ts";
import { COUNTER_ROLES, operatorOf } from "./operator-session.ts";
import { parseRequest } from "./problems.ts";

/** What was charged lately, taking a charge back, and a second meal in the same period. */
export function chargeRoutes(server: FastifyInstance, options: KioskServerOptions): void {
  const { servingLine, operators, metrics } = options;

  server.get("/api/charges", async (request) => {
    operatorOf(operators, request, COUNTER_ROLES);
    const { countMax } = parseRequest(chargesQuerySchema, request.query);
    return { charges: servingLine.recentCharges(countMax) };
  });

  server.post("/api/charges/:id/void", async (request) => {
    const { operatorId } = operatorOf(operators, request, COUNTER_ROLES);
    const { id } = parseRequest(idParamsSchema, request.params);
    const { reason } = parseRequest(reasonBodySchema, request.body);
    const result = servingLine.voidCharge({ chargeId: id, operatorId, reason });
    if (result.kind === "voided") metrics.chargeVoided();
    return result;
  });

  server.post("/api/people/:id/charge-again", async (request) => {
    const { operatorId } = operatorOf(operators, request, COUNTER_ROLES);
    const { id } = parseRequest(idParamsSchema, request.params);
    const { reason, chargeId } = parseRequest(chargeAgainBodySchema, request.body);
    return servingLine.chargeAgain({ chargeId, personId: id, operatorId, reason });
  });
}
