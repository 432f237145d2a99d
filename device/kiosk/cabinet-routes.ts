import type { FastifyInstance, FastifyRequest } from "fastify";
import type { OperatorRole } from "../security/operators-port.ts";
import type { AlarmFeed } from "./alarm-feed.ts";
import {
  cabinetSignersQuerySchema,
  curveQuerySchema,
  type DemoCabinetShown,
  demoCabinetBodySchema,
  historyQuerySchema,
  labelParamsSchema,
  ratesQuerySchema,
  recordsQuerySchema,
} from "./cabinet-protocol.ts";
import { type CabinetScreens, namesOf } from "./cabinet-screens.ts";
import type { DemoCabinet, KioskCabinets, KioskServerOptions } from "./kiosk-ports.ts";
import { EVERY_ROLE, operatorOf, RECEIVING_ROLES, tokenOf } from "./operator-session.ts";
import { parseRequest, RequestProblem } from "./problems.ts";
import { hashParamsSchema } from "./receiving-protocol.ts";
import { sendPhoto } from "./receiving-routes.ts";
import { isLoopback } from "./request-guard.ts";

const CLOSE_UNSUPPORTED = 1011;
/** Of ours, so that the page can tell it from a terminal that does not answer. */
const CLOSE_SIGN_IN = 4401;
/** Samples of about four days, and alarms of more. */
const HISTORY_COUNT_MAX = 100;

/**
 * The cabinet's sockets and what its page asks beside them. At the terminal itself whoever stands there may look: a
 * cabinet that warms up must not wait for somebody to sign in, and each act is signed. From elsewhere a keeper or a
 * manager must be signed in.
 */
export function cabinetRoutes(
  server: FastifyInstance,
  options: KioskServerOptions,
  screens: CabinetScreens | null,
  feed: AlarmFeed | null,
): void {
  const { operators } = options;
  const mayLook = (request: FastifyRequest, roles: readonly OperatorRole[]): boolean =>
    isLoopback(request.socket.remoteAddress) || hasSession(options, request, roles);
  const look = (request: FastifyRequest): KioskCabinets => {
    if (!isLoopback(request.socket.remoteAddress)) operatorOf(operators, request, RECEIVING_ROLES);
    return cabinetsOf(options);
  };

  server.get("/ws/cabinet", { websocket: true }, (socket, request) => {
    if (screens === null) socket.close(CLOSE_UNSUPPORTED, "no cabinet here");
    else if (mayLook(request, RECEIVING_ROLES))
      screens.add(socket, isLoopback(request.socket.remoteAddress), tokenOf(request));
    else socket.close(CLOSE_SIGN_IN, "sign in first");
  });
  server.get("/ws/alarms", { websocket: true }, (socket, request) => {
    if (feed === null) socket.close(CLOSE_UNSUPPORTED, "no cabinet here");
    // An alarm concerns everybody who works here.
    else if (mayLook(request, EVERY_ROLE)) feed.add(socket);
    else socket.close(CLOSE_SIGN_IN, "sign in first");
  });

  server.get("/api/cabinet/curve", async (request) => {
    const { cabinets } = look(request);
    const { points, ...span } = parseRequest(curveQuerySchema, request.query);
    const curve = cabinets.curve({ ...span, pointCountMax: points });
    const view = cabinets.view(span.cabinetId);
    if (curve === undefined || view === undefined) throw new RequestProblem("cabinet-unknown");
    const limits = view.probes.map(({ probeId, name, lowMilliC, highMilliC }) => ({
      probeId,
      name,
      lowMilliC,
      highMilliC,
    }));
    return { curve, limits };
  });

  server.get("/api/cabinet/records", async (request) => {
    const { cabinets, operatorName } = look(request);
    const { before: beforeSeq, ...query } = parseRequest(recordsQuerySchema, request.query);
    const records = cabinets.alarmRecords({ ...query, beforeSeq, countMax: HISTORY_COUNT_MAX });
    const names = namesOf(
      records.map(({ acknowledged }) => acknowledged?.operatorId),
      operatorName,
    );
    return { records, names, next: nextOf(records.map(({ raisedSeq }) => raisedSeq)) };
  });

  server.get("/api/cabinet/history", async (request) => {
    const { samples } = look(request);
    const { before: beforeSeq } = parseRequest(historyQuerySchema, request.query);
    const shown = samples?.history({ beforeSeq, countMax: HISTORY_COUNT_MAX }) ?? [];
    return { samples: shown, next: nextOf(shown.map(({ seq }) => seq)) };
  });

  server.get("/api/cabinet/signers", async (request) => {
    const { signatures } = look(request);
    const { right } = parseRequest(cabinetSignersQuerySchema, request.query);
    return { signers: signatures.signers({ right, notOperatorIds: [] }) };
  });

  server.get("/api/cabinet/photos/:sha256", async (request, reply) => {
    const here = look(request);
    const { sha256 } = parseRequest(hashParamsSchema, request.params);
    // Only a sample's: what else is photographed is for those who signed in.
    if (!isOfSample(here, sha256)) throw new RequestProblem("photo-unknown");
    return sendPhoto(options, sha256, reply);
  });

  /** A page of its own with its own style, for a frame of ours to print. */
  server.get("/api/cabinet/labels/:sampleId", async (request, reply) => {
    const { samples } = look(request);
    const { sampleId } = parseRequest(labelParamsSchema, request.params);
    const label = samples?.label(sampleId) ?? null;
    if (label === null) throw new RequestProblem("label-unknown");
    return reply
      .header("content-security-policy", LABEL_POLICY)
      .header("x-frame-options", "SAMEORIGIN")
      .type("text/html; charset=utf-8")
      .send(label.html);
  });

  /** How people acknowledge is for their supervisor. */
  server.get("/api/cabinet/rates", async (request) => {
    operatorOf(operators, request, ["manager"]);
    const { cabinets, operatorName } = cabinetsOf(options);
    const rates = cabinets.acknowledgementRates(parseRequest(ratesQuerySchema, request.query));
    return { rates: rates.map((rate) => ({ ...rate, displayName: operatorName(rate.operatorId) })) };
  });
}

/** Nothing but the label's own style: it has no script and loads nothing. */
const LABEL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";

function cabinetsOf({ cabinets }: KioskServerOptions): KioskCabinets {
  if (cabinets === undefined) throw new RequestProblem("no-cabinet-here");
  return cabinets;
}

function hasSession(
  { operators }: KioskServerOptions,
  request: FastifyRequest,
  roles: readonly OperatorRole[],
): boolean {
  const token = tokenOf(request);
  const operator = token === undefined ? undefined : operators.session(token);
  return operator !== undefined && roles.includes(operator.role);
}

function isOfSample({ samples }: KioskCabinets, sha256: string): boolean {
  if (samples === null) return false;
  const { taking } = samples.view();
  return ("thumbnailSha256" in taking && taking.thumbnailSha256 === sha256) || samples.hasPhoto(sha256);
}

/** Where the next page of older ones begins; null on the last one. */
function nextOf(seqs: readonly number[]): number | null {
  return seqs.length < HISTORY_COUNT_MAX ? null : Math.min(...seqs);
}

export function demoCabinetShown({ demo }: Pick<KioskServerOptions, "demo">): DemoCabinetShown | null {
  return demo?.cabinet?.condition() ?? null;
}

/** What a person does to a cabinet that stands nowhere; outside the demo there is nothing here. */
export function demoCabinetRoutes(
  server: FastifyInstance,
  options: KioskServerOptions,
  screens: CabinetScreens | null,
): void {
  const cabinet = (): DemoCabinet => {
    if (options.demo?.cabinet === undefined) throw new RequestProblem("not-in-demo");
    return options.demo.cabinet;
  };
  server.post("/api/demo/cabinet", async (request) => {
    const controls = cabinet();
    const { isDoorOpen, isCompressorOn, isProbeUnplugged } = parseRequest(
      demoCabinetBodySchema,
      request.body,
    );
    controls.set({
      ...(isDoorOpen === undefined ? {} : { isDoorOpen }),
      ...(isCompressorOn === undefined ? {} : { isCompressorOn }),
      ...(isProbeUnplugged === undefined ? {} : { isProbeUnplugged }),
    });
    screens?.surroundingsChanged();
    return { kind: "done" };
  });
}
