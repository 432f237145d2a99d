import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { SystemClock } from "../platform/system-clock.ts";
import { createFakeWorld, type FakeWorld } from "./fake-world.ts";
import { createKioskServer } from "./kiosk-server.ts";
import { problemSchema } from "./protocol.ts";

/** A running kiosk on stand-ins and a client that talks to it over HTTP; for the tests of the server. */
export interface RunningKiosk {
  readonly world: FakeWorld;
  readonly url: string;
  /** Holds an index.html and nothing else. */
  readonly uiFolder: string;
  /** One request, by the signed-in manager unless `headers` say otherwise; bytes are sent as a JPEG. */
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  json(): unknown;
}

export const MANAGER = { authorization: "Bearer token-m1" };
export const TINY_JPEG = Uint8Array.from([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]);

export async function startKiosk(): Promise<RunningKiosk> {
  const uiFolder = await mkdtemp(join(tmpdir(), "canteen-ui-"));
  await writeFile(join(uiFolder, "index.html"), "<!doctype html><title>kiosk</title>");
  const world = createFakeWorld({ clock: new SystemClock(), isDemo: true });
  const server = createKioskServer(world.serverOptions(uiFolder));
  const { url } = await server.start();
  return {
    world,
    url,
    uiFolder,
    async ask(method, path, body, headers = MANAGER) {
      const isBytes = body instanceof Uint8Array;
      const type = isBytes ? "image/jpeg" : "application/json";
      const response = await fetch(`${url}${path}`, {
        method,
        headers: body === undefined ? headers : { "content-type": type, ...headers },
        ...(body === undefined ? {} : { body: isBytes ? Buffer.from(body) : JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        text,
        json: (): unknown => JSON.parse(text),
        headers: response.headers,
      };
    },
    async close() {
      await server.close();
      world.metrics.close();
      await rm(uiFolder, { recursive: true, force: true });
    },
  };
}

type Told = { readonly type: string; readonly askId?: number };

/** An open socket of a page: what it was told, and waits for a message that fits. */
export class TestPage<Message extends Told> {
  readonly socket: WebSocket;
  /** The code that the socket is closed with. */
  readonly closed: Promise<number>;
  readonly #parse: (json: string) => Message;
  readonly #told: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(socket: WebSocket, parse: (json: string) => Message) {
    this.socket = socket;
    this.#parse = parse;
    this.closed = new Promise((resolve) => socket.once("close", (code) => resolve(code)));
    socket.on("message", (data) => {
      this.#told.push(String(data));
      for (const look of this.#waiting) look();
    });
  }

  /** @param headers beside the Origin of the terminal's own page; a session's cookie, for one. */
  static async open<Message extends Told>(
    { url }: Pick<RunningKiosk, "url">,
    path: string,
    parse: (json: string) => Message,
    headers: Record<string, string> = {},
  ): Promise<TestPage<Message>> {
    const socket = new WebSocket(url.replace("http", "ws") + path, { origin: url, headers });
    const page = new TestPage(socket, parse);
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return page;
  }

  say(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  /** What was told so far. */
  told(): readonly Message[] {
    return this.#told.map((json) => this.#parse(json));
  }

  /** The first message, old or new, that `find` makes something of. */
  until<T>(find: (message: Message) => T | null): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.told()
          .map(find)
          .find((each) => each !== null);
        if (found === undefined || found === null) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  answer(askId: number): Promise<Message> {
    return this.until((message) =>
      (message.type === "answer" || message.type === "failed") && message.askId === askId ? message : null,
    );
  }

  first<Type extends Message["type"]>(type: Type): Promise<Extract<Message, { type: Type }>> {
    return this.until((message) =>
      message.type === type ? (message as Extract<Message, { type: Type }>) : null,
    );
  }

  /** All that was said before is handled when it resolves: messages keep their order. */
  async handled(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.socket.once("pong", () => resolve());
      this.socket.ping();
    });
  }
}

/** The code of a problem whose form is checked on the way. */
export const codeOf = (answer: Answer): string => problemSchema.parse(answer.json()).code;

/** What needs an operator. */
export const OPERATOR_ROUTES: readonly (readonly [string, string])[] = [
  ["GET", "/api/recognition"],
  ["GET", "/api/people"],
  ["GET", "/api/people/p1"],
  ["POST", "/api/people/p1/consents"],
  ["POST", "/api/people/p1/withdraw"],
  ["POST", "/api/people/p1/charge-again"],
  ["POST", "/api/enrolments"],
  ["POST", "/api/enrolments/s/shots"],
  ["POST", "/api/enrolments/s/shots-from-camera"],
  ["POST", "/api/enrolments/s/complete"],
  ["DELETE", "/api/enrolments/s"],
  ["GET", "/api/charges"],
  ["POST", "/api/charges/c/void"],
  ["GET", "/api/terminal"],
  ["POST", "/api/clock/confirm"],
  ["POST", "/api/camera"],
  ["GET", "/api/camera/picture.jpg"],
  ["GET", "/api/receiving/signers"],
  ["GET", "/api/cabinet/rates"],
  ["GET", "/api/receiving/stock"],
  ["GET", `/api/photos/${"0".repeat(64)}`],
];
/** What anybody at the terminal may ask. */
export const OPEN_ROUTES: readonly (readonly [string, string])[] = [
  ["POST", "/api/operators/sign-in"],
  ["POST", "/api/operators/sign-out"],
  ["GET", "/api/operators"],
  ["POST", "/api/demo/network"],
  ["POST", "/api/demo/next-person"],
  ["POST", "/api/demo/empty-camera"],
  ["POST", "/api/demo/camera"],
  ["POST", "/api/demo/scale"],
  ["POST", "/api/demo/scan"],
  ["POST", "/api/demo/cabinet"],
  ["GET", "/api/cabinet/curve"],
  ["GET", "/api/cabinet/records"],
  ["GET", "/api/cabinet/history"],
  ["GET", "/api/cabinet/signers"],
  ["GET", "/api/cabinet/labels/s"],
  ["GET", `/api/cabinet/photos/${"0".repeat(64)}`],
];
