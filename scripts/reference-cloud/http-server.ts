import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import Fastify, { type FastifyInstance } from "fastify";
import { z } from "zod";
import type { Clock, Timer } from "../../device/platform/clock.ts";
import type { IdSource } from "../../device/platform/entropy.ts";
import { type MealPlanMessage, mealPlanSchema } from "../../device/sync/messages.ts";
import type { LinkState } from "../../device/sync/mqtt-link.ts";
import { purchaseOrderSchema } from "../../device/sync/order-messages.ts";
import type { TerminalAddress } from "../../device/sync/topics.ts";
import type { AlarmBoard } from "./alarm-board.ts";
import type { CheckpointBook } from "./checkpoint-book.ts";
import type { CloudViews } from "./cloud-views.ts";
import type { OrderDesk, PurchaseOrder, WrittenOrder } from "./order-desk.ts";
import type { PeopleLedger } from "./people-ledger.ts";
import type { PhotoIntake } from "./photo-intake.ts";
import type { PhotoQuotes } from "./photo-quotes.ts";

export interface HttpOptions {
  readonly views: CloudViews;
  readonly ledger: PeopleLedger;
  readonly photos: PhotoIntake;
  readonly alarms: AlarmBoard;
  readonly orders: Pick<OrderDesk, "dueOn" | "lost">;
  readonly quotes: Pick<PhotoQuotes, "lost">;
  readonly putOrder: (order: WrittenOrder) => PurchaseOrder;
  readonly journals: {
    exportLines(address: TerminalAddress): Iterable<string>;
    readonly checkpoints: Pick<CheckpointBook, "keys" | "checkpoints" | "register">;
  };
  readonly broker: () => LinkState;
  readonly setMealPlan: (plan: MealPlanMessage) => void;
  readonly sendCommand: (command: CommandRequest & { readonly id: string }) => void;
  readonly clock: Clock;
  readonly ids: IdSource;
}

const FILES = {
  "page.html": "text/html",
  "page.css": "text/css",
  "page.js": "text/javascript",
  "page-dom.js": "text/javascript",
  "page-samples.js": "text/javascript",
  "page-deliveries.js": "text/javascript",
} as const;
const WATCHERS_MAX = 64;
const CHECKPOINTS_SHOWN = 100;
const ENTRIES_MAX = 1000;
const LOST_SHOWN = 200;
/** Changes closer together than this reach the page as one. */
const TELL_WAIT_MS = 150;

const entriesQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(ENTRIES_MAX).default(200),
});
const chargesQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(60) });
const ordersQuery = z.strictObject({ due: z.iso.date() });
const orderBody = purchaseOrderSchema.omit({ version: true });
const keyBody = z.strictObject({ publicKey: z.string().regex(/^[\w-]{43}$/) });
const topUpBody = z.strictObject({ amountFen: z.int().min(1).max(1000_00) });
const commandBody = z.strictObject({
  site: z.string(),
  device: z.string(),
  name: z.string().regex(/^[a-z0-9-]{1,64}$/),
  args: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).default({}),
});
export type CommandRequest = z.infer<typeof commandBody>;

/** The page and its API. Tells the page of changes over server-sent events. */
export class CloudHttp {
  readonly #options: HttpOptions;
  readonly #server: FastifyInstance;
  readonly #watchers = new Set<ServerResponse>();
  #telling: Timer | null = null;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#server = Fastify({ bodyLimit: 256 * 1024, forceCloseConnections: true });
    this.#guard();
    this.#servePage();
    this.#serveReads();
    this.#serveActions();
  }

  /** @returns the port. */
  async listen(host: string, port: number): Promise<number> {
    await this.#server.listen({ host, port });
    const address = this.#server.server.address();
    return address !== null && typeof address === "object" ? address.port : port;
  }

  /** Something that the page shows has changed. */
  changed(): void {
    this.#telling ??= this.#options.clock.after(TELL_WAIT_MS, () => {
      this.#telling = null;
      for (const watcher of this.#watchers) watcher.write("event: changed\ndata: {}\n\n");
    });
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
    await this.#server.close();
    this.#telling?.cancel();
  }

  /** Another site's page must not act here through the browser: its requests name another origin than ours. */
  #guard(): void {
    this.#server.removeContentTypeParser("text/plain");
    this.#server.addHook("onRequest", async (request, reply) => {
      const { origin, host } = request.headers;
      if (request.method === "GET" || origin === undefined || origin === `http://${host}`) return;
      await reply.code(403).send({ error: "other-origin" });
    });
    this.#server.addHook("onSend", async (_request, reply) => {
      reply.header("content-security-policy", "default-src 'self'");
      reply.header("cache-control", "no-store");
    });
    this.#server.setErrorHandler((error, _request, reply) => {
      if (error instanceof z.ZodError) return reply.code(400).send({ error: "request-not-valid" });
      const status = statusOf(error);
      return reply.code(status).send({ error: status < 500 ? "request-not-valid" : "internal" });
    });
  }

  #servePage(): void {
    for (const [name, type] of Object.entries(FILES)) {
      const content = readFileSync(new URL(name, import.meta.url), "utf8");
      this.#server.get(name === "page.html" ? "/" : `/${name}`, (_request, reply) =>
        reply.type(`${type}; charset=utf-8`).send(content),
      );
    }
    this.#server.get("/favicon.ico", (_request, reply) => reply.code(204).send());
    this.#server.get("/events", (_request, reply) => {
      if (this.#watchers.size >= WATCHERS_MAX) return reply.code(503).send({ error: "too-many-watchers" });
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      raw.write("retry: 1000\n\n");
      this.#watchers.add(raw);
      raw.on("close", () => this.#watchers.delete(raw));
      return reply;
    });
  }

  #serveReads(): void {
    const { views, ledger, photos, quotes, orders, alarms, broker, clock } = this.#options;
    this.#server.get("/healthz", () => ({ ok: true, broker: broker() }));
    this.#server.get("/api/devices", () => ({ devices: views.devices() }));
    this.#server.get("/api/cabinets", () => ({ cabinets: alarms.all() }));
    this.#server.get("/api/entries", (request) => {
      const { after, limit } = entriesQuery.parse(request.query);
      const entries = views.entries(after, limit);
      return { entries, next: entries.at(-1)?.arrival ?? after };
    });
    this.#server.get("/api/charges", (request) => ({
      charges: views.charges(chargesQuery.parse(request.query).limit),
    }));
    this.#server.get("/api/deliveries", () => ({
      ...views.deliveries(),
      lostOrders: orders.lost(LOST_SHOWN),
      lostPhotos: quotes.lost(LOST_SHOWN),
    }));
    this.#server.get("/api/samples", () => views.samples(clock.now()));
    this.#server.get("/api/orders", (request) => ({
      orders: orders.dueOn(ordersQuery.parse(request.query).due),
    }));
    this.#server.get<{ Params: { sha256: string } }>("/photos/:sha256", (request, reply) => {
      const content = photos.content(request.params.sha256);
      if (content === undefined) return reply.code(404).send({ error: "photo-unknown" });
      return reply.type(content[0] === 0xff ? "image/jpeg" : "image/webp").send(content);
    });
    const { exportLines, checkpoints } = this.#options.journals;
    this.#server.get<{ Params: TerminalAddress }>("/api/journal/:site/:device/export", (request, reply) =>
      reply.type("application/x-ndjson").send(Readable.from(exportLines(request.params))),
    );
    this.#server.get<{ Params: TerminalAddress }>("/api/journal/:site/:device/checkpoints", (request) => ({
      keys: checkpoints.keys(request.params),
      checkpoints: checkpoints.checkpoints(request.params, CHECKPOINTS_SHOWN),
    }));
    this.#server.get("/api/people", () => ({
      version: ledger.version(),
      people: ledger.all().map(({ pinHash: _pinHash, ...person }) => person),
    }));
  }

  #serveActions(): void {
    const { ledger, ids, setMealPlan, putOrder, sendCommand } = this.#options;
    this.#server.post<{ Params: { personId: string } }>("/api/people/:personId/top-up", (request, reply) => {
      const { amountFen } = topUpBody.parse(request.body);
      const found = ledger.topUp(ids.next(), request.params.personId, amountFen);
      return found ? { ok: true } : reply.code(404).send({ error: "person-unknown" });
    });
    this.#server.post<{ Params: { personId: string } }>(
      "/api/people/:personId/withdraw-consent",
      (request, reply) => {
        const withdrawn = ledger.withdrawFace(request.params.personId);
        return withdrawn ? { ok: true } : reply.code(409).send({ error: "no-consent-to-withdraw" });
      },
    );
    this.#server.post<{ Params: TerminalAddress }>("/api/journal/:site/:device/key", (request, reply) => {
      const { publicKey } = keyBody.parse(request.body);
      const done = this.#options.journals.checkpoints.register(request.params, publicKey);
      return done ? { ok: true } : reply.code(404).send({ error: "key-unknown" });
    });
    this.#server.post("/api/meal-plan", (request) => {
      setMealPlan(mealPlanSchema.parse(request.body));
      return { ok: true };
    });
    this.#server.post("/api/orders", (request) => ({ order: putOrder(orderBody.parse(request.body)) }));
    this.#server.post("/api/commands", (request) => {
      const id = ids.next();
      sendCommand({ ...commandBody.parse(request.body), id });
      return { id };
    });
  }
}

function statusOf(error: unknown): number {
  if (typeof error !== "object" || error === null || !("statusCode" in error)) return 500;
  return typeof error.statusCode === "number" ? error.statusCode : 500;
}
