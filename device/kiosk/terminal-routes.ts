import type { FastifyInstance } from "fastify";
import { renderSVG } from "uqr";
import type { z } from "zod";
import {
  type CheckpointShown,
  cameraBodySchema,
  clockBodySchema,
  emptyBodySchema,
  type healthAnswerSchema,
  networkBodySchema,
  type TerminalShown,
} from "./api-schema.ts";
import type { DemoControls, KioskServerOptions, PartHealth } from "./kiosk-ports.ts";
import { COUNTER_ROLES, EVERY_ROLE, operatorOf } from "./operator-session.ts";
import type { PayScreens } from "./pay-screens.ts";
import { parseRequest, RequestProblem } from "./problems.ts";
import type { CameraShown, demoShownSchema } from "./protocol.ts";

/** From the page's last look to the press. */
const CLOCK_SHOWN_AGE_MS_MAX = 30_000;

type Health = z.output<typeof healthAnswerSchema>;
type PartShown = Health["parts"][string];

export function demoShown({
  demo,
}: Pick<KioskServerOptions, "demo">): z.output<typeof demoShownSchema> | null {
  if (demo === undefined) return null;
  return {
    isOnline: demo.isOnline(),
    canChoosePerson: demo.scene !== undefined,
    isSceneEmpty: demo.scene?.isKeptEmpty() ?? false,
  };
}

export function cameraShown({ camera }: Pick<KioskServerOptions, "camera">): CameraShown {
  return { kind: camera.kind(), kinds: camera.kinds, label: camera.label, state: camera.state() };
}

/** State of the terminal for its operator, for Prometheus and for the supervisor. */
export function terminalRoutes(
  server: FastifyInstance,
  options: KioskServerOptions,
  screens: PayScreens,
  latestPicture: () => Uint8Array<ArrayBuffer> | undefined,
): void {
  const { operators, sync, roster, engine, settings, camera, metrics, clock, clockTrust, checkpointCode } =
    options;

  server.get("/api/terminal", async (request): Promise<TerminalShown> => {
    operatorOf(operators, request, EVERY_ROLE);
    const { site, device, zone, appVersion } = settings;
    return {
      clock: { nowMs: clock.now(), trust: clockTrust.current() },
      sync: sync.status(),
      camera: { ...cameraShown(options), browserTrouble: screens.browserTrouble },
      roster: { version: roster.version(), ...roster.counts() },
      engine,
      terminal: { site, device, zone },
      versions: { app: appVersion, node: process.versions.node },
    };
  });

  /** Without network and NTP nobody else knows the time; until somebody says so, nothing is sold. */
  server.post("/api/clock/confirm", async (request) => {
    const { operatorId } = operatorOf(operators, request, COUNTER_ROLES);
    const { shownMs } = parseRequest(clockBodySchema, request.body);
    // What is confirmed is what was read: a clock that was set in between has to be read again.
    if (Math.abs(clock.now() - shownMs) > CLOCK_SHOWN_AGE_MS_MAX) throw new RequestProblem("clock-moved");
    clockTrust.confirm(operatorId);
    return { kind: "done" };
  });

  server.post("/api/camera", async (request) => {
    operatorOf(operators, request, COUNTER_ROLES);
    const { kind } = parseRequest(cameraBodySchema, request.body);
    if (!(await camera.choose(kind))) throw new RequestProblem("camera-unknown");
    screens.cameraChanged();
    return { kind: "done" };
  });

  /** For enrolling at a terminal whose camera is not the browser's. */
  server.get("/api/camera/picture.jpg", async (request, reply) => {
    operatorOf(operators, request, COUNTER_ROLES);
    const picture = latestPicture();
    if (picture === undefined) throw new RequestProblem("camera-no-picture");
    return reply.type("image/jpeg").send(Buffer.from(picture));
  });

  /** The code of the day: whoever keeps it can prove later what the journal held now. It names nobody. */
  server.get("/api/checkpoint", async (request): Promise<CheckpointShown> => {
    operatorOf(operators, request, EVERY_ROLE);
    const code = checkpointCode();
    return { code, svg: code === null ? null : renderSVG(code, { ecc: "L", border: 2 }) };
  });

  server.get("/metrics", async (_request, reply) => {
    const { contentType, text } = await metrics.render();
    return reply.header("content-type", contentType).send(text);
  });

  server.get("/healthz", async (_request, reply) => {
    const health = await healthOf(options);
    return reply.code(health.status === "failed" ? 503 : 200).send(health);
  });
}

/**
 * No network is normal, so sync can only degrade the terminal. A lost camera fails it: people can still pay by card
 * and PIN, but somebody has to come and look.
 */
async function healthOf({ health, camera, sync }: KioskServerOptions): Promise<Health> {
  const [journal, engine, disk] = await Promise.all([health.journal(), health.engine(), health.disk()]);
  const state = camera.state();
  const { connection, reason } = sync.status();
  const parts = {
    journal: failedUnlessOk(journal),
    engine: failedUnlessOk(engine),
    disk: failedUnlessOk(disk),
    camera: state.kind === "lost" ? part("failed", state.code) : part("ok", null),
    sync: connection === "connected" ? part("ok", null) : part("degraded", reason ?? connection),
  };
  const found = new Set(Object.values(parts).map(({ status }) => status));
  const status = found.has("failed") ? "failed" : found.has("degraded") ? "degraded" : "ok";
  return { status, parts };
}

const part = (status: PartShown["status"], reason: string | null): PartShown => ({ status, reason });

function failedUnlessOk({ ok, reason }: PartHealth): PartShown {
  return part(ok ? "ok" : "failed", reason);
}

/** Handles for whoever presents the demo; no operator is asked, and outside the demo there is nothing here. */
export function demoRoutes(server: FastifyInstance, options: KioskServerOptions, screens: PayScreens): void {
  const demo = (): DemoControls => {
    if (options.demo === undefined) throw new RequestProblem("not-in-demo");
    return options.demo;
  };

  server.post("/api/demo/network", async (request) => {
    const controls = demo();
    const { online } = parseRequest(networkBodySchema, request.body);
    await controls.setOnline(online);
    screens.statusChanged();
    return { kind: "done" };
  });

  server.post("/api/demo/next-person", async () => {
    demo().scene?.next();
    screens.statusChanged();
    return { kind: "done" };
  });

  server.post("/api/demo/empty-camera", async (request) => {
    const controls = demo();
    const { empty } = parseRequest(emptyBodySchema, request.body);
    controls.scene?.keepEmpty(empty);
    screens.statusChanged();
    return { kind: "done" };
  });

  server.post("/api/demo/camera", async (request) => {
    demo();
    const { kind } = parseRequest(cameraBodySchema, request.body);
    if (!(await options.camera.choose(kind))) throw new RequestProblem("camera-unknown");
    screens.cameraChanged();
    return { kind: "done" };
  });
}
