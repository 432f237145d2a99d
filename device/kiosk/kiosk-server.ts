import { access } from "node:fs/promises";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import fastifyWebsocket from "@fastify/websocket";
import fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { InvariantBroken } from "../platform/assert.ts";
import { CanteenError, isFault, systemCode } from "../platform/errors.ts";
import { AlarmFeed } from "./alarm-feed.ts";
import { BODY_BYTES_MAX } from "./api-schema.ts";
import { cabinetRoutes, demoCabinetRoutes, demoCabinetShown } from "./cabinet-routes.ts";
import { CabinetScreens } from "./cabinet-screens.ts";
import { chargeRoutes } from "./charge-routes.ts";
import { countCheckouts } from "./checkout-metrics.ts";
import type { KioskServer, KioskServerOptions } from "./kiosk-ports.ts";
import { listenFault } from "./listen-fault.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { tokenOf } from "./operator-session.ts";
import { PayScreens } from "./pay-screens.ts";
import { enrolmentRoutes, peopleRoutes } from "./people-routes.ts";
import { isHttpStatus, problemCodeOf, problemOf, problemOfFault, RequestProblem } from "./problems.ts";
import { PAGE_FRAME_BYTES_MAX, type StatusMessage } from "./protocol.ts";
import { demoGoodsRoutes, demoGoodsShown, photoRoutes, receivingRoutes } from "./receiving-routes.ts";
import { ReceivingScreens } from "./receiving-screens.ts";
import { recognitionRoutes } from "./recognition-routes.ts";
import { reportRoutes } from "./report-routes.ts";
import { guardRequests, isLoopback } from "./request-guard.ts";
import { cameraShown, demoRoutes, demoShown, terminalRoutes } from "./terminal-routes.ts";

/** A picture older than this is not what stands before the camera. */
const PICTURE_AGE_MS_MAX = 2000;
/** The page's own addresses; all lead to the one built page. */
const PAGES = ["/", "/pay", "/admin", "/receive", "/cabinet", "/cabinet/report"];

/** The kiosk's local server: the page, the pay socket, the operator's API, metrics and health. */
export function createKioskServer(options: KioskServerOptions): KioskServer {
  const { settings, servingLine, sync, camera, operators, metrics, clock, logger } = options;
  const status = (): StatusMessage => statusOf(options);
  const screens = new PayScreens({ servingLine, camera, operators, status, clock, logger });
  const receivingScreens = makeReceivingScreens(options);
  const cabinetScreens = makeCabinetScreens(options);
  const alarms = options.cabinets === undefined ? null : new AlarmFeed(options.cabinets, settings, clock);
  const server = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 128 },
    // An address that cannot be decoded is answered before any hook runs.
    frameworkErrors: (_error, _request, reply: FastifyReply) =>
      reply.code(400).send(problemOf("request-invalid")),
  });

  let picture: { readonly jpeg: Uint8Array<ArrayBuffer>; readonly atMonoMs: number } | undefined;
  const latestPicture = (): Uint8Array<ArrayBuffer> | undefined =>
    picture !== undefined && clock.mono() - picture.atMonoMs <= PICTURE_AGE_MS_MAX ? picture.jpeg : undefined;

  const unlink = [
    servingLine.onStatus(() => screens.statusChanged()),
    sync.onStatus(({ waitingCount, refusedEntry }) => {
      metrics.waitingCount(waitingCount);
      metrics.entryRefused(refusedEntry?.seq ?? null);
      screens.statusChanged();
      receivingScreens?.surroundingsChanged();
      cabinetScreens?.surroundingsChanged();
    }),
    camera.onState(({ kind }) => {
      metrics.cameraLive(kind === "live");
      screens.cameraChanged();
      receivingScreens?.cameraChanged();
      cabinetScreens?.cameraChanged();
    }),
    camera.onFrame(({ jpeg }) => {
      picture = { jpeg, atMonoMs: clock.mono() };
    }),
    options.onSighting?.((sighting) => screens.showFaces(sighting)) ?? (() => {}),
    options.onSigningHint?.((hint) => {
      receivingScreens?.showHint(hint);
      cabinetScreens?.showHint(hint);
    }) ?? (() => {}),
    options.faces?.onChange(() => screens.statusChanged()) ?? (() => {}),
    countCheckouts(servingLine, metrics),
  ];
  metrics.waitingCount(sync.status().waitingCount);

  answerProblems(server, options);
  guardRequests(server);
  logRequests(server, options);
  // Only JSON and photos are taken; a form of another site can send text/plain without asking first.
  server.removeContentTypeParser("text/plain");
  server.register(fastifyWebsocket, { options: { maxPayload: PAGE_FRAME_BYTES_MAX } });
  server.register(fastifyStatic, { root: options.uiFolder, index: false, cacheControl: false });
  server.register(async (routes) => {
    routes.get("/ws", { websocket: true }, (socket, request) =>
      screens.add(socket, isLoopback(request.socket.remoteAddress), tokenOf(request)),
    );
    for (const path of PAGES) routes.get(path, async (_request, reply) => reply.sendFile("index.html"));
    operatorRoutes(routes, options);
    peopleRoutes(routes, options);
    enrolmentRoutes(routes, options, latestPicture);
    chargeRoutes(routes, options);
    terminalRoutes(routes, options, screens, latestPicture);
    recognitionRoutes(server, options);
    receivingRoutes(routes, options, receivingScreens);
    cabinetRoutes(routes, options, cabinetScreens, alarms);
    reportRoutes(routes, options);
    photoRoutes(routes, options);
    demoRoutes(routes, options, screens);
    demoGoodsRoutes(routes, options, () => {
      receivingScreens?.surroundingsChanged();
      cabinetScreens?.surroundingsChanged();
    });
    demoCabinetRoutes(routes, options, cabinetScreens);
  });

  return {
    operatorAtTill: () => screens.operatorAtTill(),
    operatorAtReceiving: () => receivingScreens?.operatorAtPage() ?? null,
    isPageOpen: (page) => (page === "receive" ? receivingScreens : cabinetScreens)?.isOpen() ?? false,
    async start() {
      await requireUi(options.uiFolder);
      await listen(server, settings);
      return { url: urlOf(server, settings.host) };
    },
    async close() {
      for (const stop of unlink) stop();
      screens.close();
      receivingScreens?.close();
      cabinetScreens?.close();
      alarms?.close();
      await server.close();
    },
  };
}

function makeReceivingScreens(options: KioskServerOptions): ReceivingScreens | null {
  const { receiving: here, sync, settings } = options;
  if (here === undefined) return null;
  const { site, device, zone, language } = settings;
  return new ReceivingScreens({
    ...options,
    receiving: here.receiving,
    surroundings: (operator) => ({
      type: "surroundings",
      operator,
      sync: sync.status(),
      camera: cameraShown(options),
      terminal: { site, device, zone, language },
      // Only these: what a meal costs is nothing for the receiving page.
      meals: here.meals().map(({ id, name }) => ({ id, name })),
      demo: demoGoodsShown(options),
    }),
  });
}

function makeCabinetScreens(options: KioskServerOptions): CabinetScreens | null {
  const { cabinets: here, sync, settings } = options;
  if (here === undefined) return null;
  const { site, device, zone, language } = settings;
  return new CabinetScreens({
    ...options,
    here,
    surroundings: () => ({
      type: "surroundings",
      sync: sync.status(),
      camera: cameraShown(options),
      terminal: { site, device, zone, language },
      keepsSamples: here.samples !== null,
      seesSamples: here.seesSamples,
      demo: demoCabinetShown(options),
      goods: demoGoodsShown(options),
    }),
  });
}

function statusOf(options: KioskServerOptions): StatusMessage {
  const { site, device, zone, language } = options.settings;
  return {
    type: "status",
    line: options.servingLine.status(),
    faces: options.faces?.state() ?? null,
    sync: options.sync.status(),
    camera: cameraShown(options),
    terminal: { site, device, zone, language },
    demo: demoShown(options),
  };
}

/** One place where whatever went wrong becomes an answer: code, message and hint, in two languages. */
function answerProblems(server: FastifyInstance, { logger }: KioskServerOptions): void {
  server.setNotFoundHandler(async (_request, reply) => reply.code(404).send(problemOf("route-unknown")));
  server.setErrorHandler(async (error, request, reply) => {
    if (error instanceof RequestProblem) return reply.code(error.status).send(error.problem);
    const route = request.routeOptions.url ?? "(unknown)";
    if (isFault(error)) {
      logger.error({ route, code: error.code }, "request failed");
      return reply.code(503).send(problemOfFault(error));
    }
    // A broken invariant ends the process, as anywhere else; the diner's page hears it first.
    if (error instanceof InvariantBroken) queueMicrotask(() => crash(error));
    const statusCode = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
    const httpStatus = isHttpStatus(statusCode) ? statusCode : 500;
    const code = problemCodeOf(systemCode(error), httpStatus);
    if (httpStatus >= 500) {
      logger.error({ route, error: error instanceof Error ? error.name : "unknown" }, "request failed");
    }
    return reply.code(httpStatus).send(problemOf(code));
  });
}

function crash(error: InvariantBroken): never {
  throw error;
}

/** The route's pattern, never its URL: a search for people has a name in it. */
function logRequests(server: FastifyInstance, { logger }: KioskServerOptions): void {
  server.addHook("onResponse", async (request, reply) => {
    // A refused upgrade has left the HTTP server's keeping: its connection would stay open and hold up the close.
    if (request.headers.upgrade !== undefined && reply.statusCode >= 400) request.raw.socket.end();
    const route = request.routeOptions.url ?? "(unknown)";
    const fields = { method: request.method, route, status: reply.statusCode };
    logger.debug({ ...fields, durationMs: Math.round(reply.elapsedTime) }, "request");
  });
}

async function requireUi(uiFolder: string): Promise<void> {
  try {
    await access(join(uiFolder, "index.html"));
  } catch (cause) {
    throw new CanteenError(`no index.html in ${uiFolder}`, {
      code: "ui-not-built",
      retry: "never",
      hint: {
        zh: "页面还没有构建，请运行 npx vite build device/kiosk/ui",
        en: "The page is not built: run npx vite build device/kiosk/ui",
      },
      cause,
    });
  }
}

async function listen(
  server: FastifyInstance,
  { host, port }: { host: string; port: number },
): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (cause) {
    throw listenFault(cause, { host, port });
  }
}

/** The address to open on this machine. */
function urlOf(server: FastifyInstance, host: string): string {
  const address = server.addresses()[0];
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const port = typeof address === "object" ? address.port : 0;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
