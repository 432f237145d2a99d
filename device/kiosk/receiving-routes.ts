import type { FastifyInstance, FastifyReply } from "fastify";
import type { StoredPhoto } from "../photos/photo-port.ts";
import { isFault } from "../platform/errors.ts";
import type { KioskReceiving, KioskServerOptions } from "./kiosk-ports.ts";
import { operatorOf, RECEIVING_ROLES, tokenOf } from "./operator-session.ts";
import { parseRequest, RequestProblem } from "./problems.ts";
import {
  type DemoGoodsShown,
  demoScaleBodySchema,
  demoScanBodySchema,
  hashParamsSchema,
  signersQuerySchema,
} from "./receiving-protocol.ts";
import type { ReceivingScreens } from "./receiving-screens.ts";
import { isLoopback } from "./request-guard.ts";

/** What the page asks beside its socket: who could sign, what is in stock, and the pictures. */
export function receivingRoutes(
  server: FastifyInstance,
  options: KioskServerOptions,
  screens: ReceivingScreens | null,
): void {
  const { operators } = options;
  const receiving = (): KioskReceiving => {
    if (options.receiving === undefined) throw new RequestProblem("no-receiving-here");
    return options.receiving;
  };

  server.get("/ws/receiving", { websocket: true }, (socket, request) => {
    if (screens === null) socket.close(CLOSE_UNSUPPORTED, "no receiving here");
    else screens.add(socket, isLoopback(request.socket.remoteAddress), tokenOf(request));
  });

  server.get("/api/receiving/signers", async (request) => {
    operatorOf(operators, request, RECEIVING_ROLES);
    const { what } = parseRequest(signersQuerySchema, request.query);
    return { signers: receiving().receiving.signers(what) };
  });

  server.get("/api/receiving/stock", async (request) => {
    operatorOf(operators, request, RECEIVING_ROLES);
    return { stock: receiving().receiving.stock() };
  });
}

const CLOSE_UNSUPPORTED = 1011;

/** Photos of goods and samples by their hash: what the hash names never changes, so a page may keep it. */
export function photoRoutes(server: FastifyInstance, options: KioskServerOptions): void {
  server.get("/api/photos/:sha256", async (request, reply) => {
    operatorOf(options.operators, request, RECEIVING_ROLES);
    return sendPhoto(options, parseRequest(hashParamsSchema, request.params).sha256, reply);
  });
}

/** @throws RequestProblem `photo-unknown`, `photo-missing`, `photo-changed`. */
export async function sendPhoto(
  { photos }: KioskServerOptions,
  sha256: string,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const stored = photos?.find(sha256);
  if (photos === undefined || stored === undefined) throw new RequestProblem("photo-unknown");
  const content = await readPhoto(photos, stored);
  return reply
    .type(stored.mediaType)
    .header("cache-control", "private, max-age=86400, immutable")
    .send(Buffer.from(content));
}

async function readPhoto(
  photos: NonNullable<KioskServerOptions["photos"]>,
  { sha256 }: StoredPhoto,
): Promise<Uint8Array> {
  try {
    return await photos.read(sha256);
  } catch (error) {
    // Gone or changed on the disk: `doctor` says which; the record with its hash stands.
    if (isFault(error) && (error.code === "photo-missing" || error.code === "photo-changed"))
      throw new RequestProblem(error.code);
    throw error;
  }
}

export function demoGoodsShown({ demo }: Pick<KioskServerOptions, "demo">): DemoGoodsShown | null {
  const goods = demo?.goods;
  return goods === undefined ? null : { ...goods.scale(), codes: goods.codes() };
}

/** Goods for a pan that stands nowhere; outside the demo there is nothing here. */
export function demoGoodsRoutes(
  server: FastifyInstance,
  options: KioskServerOptions,
  onChanged: () => void,
): void {
  const goods = (): NonNullable<NonNullable<KioskServerOptions["demo"]>["goods"]> => {
    if (options.demo?.goods === undefined) throw new RequestProblem("not-in-demo");
    return options.demo.goods;
  };

  server.post("/api/demo/scale", async (request) => {
    const controls = goods();
    const { grams, isShaken, isPlugged } = parseRequest(demoScaleBodySchema, request.body);
    if (grams !== undefined) controls.put(grams);
    if (isShaken !== undefined) controls.shake(isShaken);
    if (isPlugged !== undefined) await controls.plug(isPlugged);
    onChanged();
    return { kind: "done" };
  });

  server.post("/api/demo/scan", async (request) => {
    const controls = goods();
    controls.scan(parseRequest(demoScanBodySchema, request.body).text);
    return { kind: "done" };
  });
}
