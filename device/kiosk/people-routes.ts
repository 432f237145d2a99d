import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Operator } from "../security/operators-port.ts";
import {
  completeBodySchema,
  consentBodySchema,
  enrolmentBodySchema,
  idParamsSchema,
  type PersonShown,
  peopleQuerySchema,
  reasonBodySchema,
  SHOT_BYTES_MAX,
} from "./api-schema.ts";
import type { KioskServerOptions } from "./kiosk-ports.ts";
import { COUNTER_ROLES, operatorOf } from "./operator-session.ts";
import { parseRequest, RequestProblem } from "./problems.ts";

/** Searching people, consent, and enrolling. All of it under an operator's name. */
export function peopleRoutes(server: FastifyInstance, options: KioskServerOptions): void {
  const { roster, templateStore, operators, ids } = options;
  const operator = (request: FastifyRequest): Operator => operatorOf(operators, request, COUNTER_ROLES);

  const personShown = (personId: string): PersonShown => {
    const person = roster.person(personId);
    if (person === undefined) throw new RequestProblem("person-unknown");
    const { number, displayName, groupName, kind, active } = person;
    const hasFaceConsent = roster.hasConsent(personId, "face");
    return { personId, number, displayName, groupName, kind, active, hasFaceConsent };
  };

  server.get("/api/people", async (request) => {
    operator(request);
    const { text, countMax } = parseRequest(peopleQuerySchema, request.query);
    return { people: roster.find(text, countMax).map(({ personId }) => personShown(personId)) };
  });

  server.get("/api/people/:id", async (request) => {
    operator(request);
    const { id } = parseRequest(idParamsSchema, request.params);
    return {
      person: personShown(id),
      allergens: roster.person(id)?.allergens ?? [],
      account: roster.account(id) ?? null,
      consents: roster.consents(id),
      templateCount: options.templateCount?.(id) ?? null,
    };
  });

  server.post("/api/people/:id/consents", async (request) => {
    const { operatorId } = operator(request);
    const { id } = parseRequest(idParamsSchema, request.params);
    const consent = parseRequest(consentBodySchema, request.body);
    personShown(id);
    templateStore.recordConsent({ personId: id, ...consent, operatorId });
    return { kind: "done" };
  });

  server.post("/api/people/:id/withdraw", async (request) => {
    const { operatorId } = operator(request);
    const { id } = parseRequest(idParamsSchema, request.params);
    const { reason } = parseRequest(reasonBodySchema, request.body);
    personShown(id);
    templateStore.withdraw({ entryId: ids.next(), personId: id, operatorId, reason });
    return { kind: "done" };
  });
}

/** @param latestPicture the newest picture of the terminal's own camera, if it gives any. */
export function enrolmentRoutes(
  server: FastifyInstance,
  options: KioskServerOptions,
  latestPicture: () => Uint8Array<ArrayBuffer> | undefined,
): void {
  const { enrolment, operators } = options;
  const operator = (request: FastifyRequest): Operator => operatorOf(operators, request, COUNTER_ROLES);

  const addShot = async (request: FastifyRequest, image: Uint8Array<ArrayBuffer>) => {
    const { id } = parseRequest(idParamsSchema, request.params);
    const progress = await enrolment.addShot(id, image);
    if (progress === undefined) throw new RequestProblem("enrolment-unknown");
    return progress;
  };

  server.addContentTypeParser(
    ["image/jpeg", "image/png", "image/webp"],
    { parseAs: "buffer", bodyLimit: SHOT_BYTES_MAX },
    // A buffer of its own: the engine takes it over to another thread.
    (_request, body, done) => done(null, new Uint8Array(Buffer.from(body))),
  );

  server.post("/api/enrolments", async (request) => {
    const { operatorId } = operator(request);
    const { personId } = parseRequest(enrolmentBodySchema, request.body);
    const progress = enrolment.begin({ personId, operatorId });
    if (progress === undefined) throw new RequestProblem("person-unknown");
    return progress;
  });

  server.post(
    "/api/enrolments/:id/shots",
    { bodyLimit: SHOT_BYTES_MAX, onRequest: async (request) => void operator(request) },
    async (request) => {
      operator(request);
      if (!isImageBody(request.body)) throw new RequestProblem("media-type-unknown");
      return addShot(request, request.body);
    },
  );

  server.post("/api/enrolments/:id/shots-from-camera", async (request) => {
    operator(request);
    const picture = latestPicture();
    if (picture === undefined) throw new RequestProblem("camera-no-picture");
    return addShot(request, picture.slice());
  });

  server.post("/api/enrolments/:id/complete", async (request) => {
    operator(request);
    const { id } = parseRequest(idParamsSchema, request.params);
    const body = parseRequest(completeBodySchema, request.body);
    return enrolment.complete({ sessionId: id, ...body });
  });

  server.delete("/api/enrolments/:id", async (request) => {
    operator(request);
    const { id } = parseRequest(idParamsSchema, request.params);
    enrolment.cancel(id);
    return { kind: "done" };
  });
}

function isImageBody(body: unknown): body is Uint8Array<ArrayBuffer> {
  return body instanceof Uint8Array && body.buffer instanceof ArrayBuffer;
}
