import { expect } from "vitest";
import type { ServerMessage } from "../../device/kiosk/protocol.ts";
import type { Terminal } from "../../device/main.ts";
import type { CheckoutView, ServingLineCommand } from "../../device/serving-line/serving-line-port.ts";
import { until } from "./school.ts";

/** The operator at the counter: what the admin page asks of the terminal, over the same HTTP. */
export class Counter {
  readonly #url: string;
  readonly #token: string;

  private constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Adds a manager to the terminal and signs in as one. */
  static async open(terminal: Terminal): Promise<Counter> {
    const operatorId = "li";
    const pin = "628451";
    await terminal.store.operators.add({ operatorId, pin, displayName: "李老师", role: "manager" });
    const url = urlOf(terminal);
    const response = await fetch(`${url}/api/operators/sign-in`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ operatorId, pin }),
    });
    expect(response.status).toBe(200);
    const cookie = response.headers.get("set-cookie") ?? "";
    const token = decodeURIComponent(/^canteen-session=([^;]+)/.exec(cookie)?.[1] ?? "");
    return new Counter(url, token);
  }

  async ask(method: string, path: string, body?: object | Uint8Array<ArrayBuffer>): Promise<unknown> {
    const isPhoto = body instanceof Uint8Array;
    const response = await fetch(`${this.#url}/api${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { "content-type": isPhoto ? "image/jpeg" : "application/json" }),
      },
      ...(body === undefined ? {} : { body: isPhoto ? body : JSON.stringify(body) }),
    });
    return response.json();
  }
}

/** The diner's page without a browser: gives commands, sees every view, and shows `picture` to the webcam. */
export class PayPage {
  readonly views: CheckoutView[] = [];
  readonly problemCodes: string[] = [];
  picture: Uint8Array<ArrayBuffer> | null = null;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      // Binary messages are pictures of the terminal's own camera.
      if (typeof data === "string") this.#see(JSON.parse(data) as ServerMessage);
    });
  }

  static async open(terminal: Terminal): Promise<PayPage> {
    const { host } = new URL(urlOf(terminal));
    const socket = new WebSocket(`ws://${host}/ws`, { headers: { origin: `http://${host}` } });
    const page = new PayPage(socket);
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    socket.send(JSON.stringify({ type: "hello", page: "pay" }));
    await until("the first view", () => page.views[0]);
    return page;
  }

  command(command: ServingLineCommand): void {
    this.#socket.send(JSON.stringify({ type: "command", command }));
  }

  /** The next view that satisfies; what was shown before does not count. */
  async next<K extends CheckoutView["kind"]>(
    kind: K,
    fits: (view: Extract<CheckoutView, { kind: K }>) => boolean = () => true,
  ): Promise<Extract<CheckoutView, { kind: K }>> {
    const from = this.views.length;
    const isIt = (view: CheckoutView): view is Extract<CheckoutView, { kind: K }> =>
      view.kind === kind && fits(view as Extract<CheckoutView, { kind: K }>);
    return until(`a view ${kind}`, () => this.views.slice(from).find(isIt));
  }

  /**
   * Presses to pay by face, and again whenever the terminal has given up, until `look` finds something: how many
   * frames a machine measures before that is not what is tested.
   */
  async pressing<T>(what: string, look: () => T | null | undefined): Promise<T> {
    return until(what, () => {
      const seen = look();
      if (seen === null || seen === undefined) {
        if (this.views.at(-1)?.kind !== "looking") this.command({ kind: "activate" });
      }
      return seen;
    });
  }

  /** What the screen said of the payment, as soon as it said so. */
  paid(): Extract<CheckoutView, { kind: "paid" }> | undefined {
    return this.views.flatMap((view) => (view.kind === "paid" ? [view] : [])).at(-1);
  }

  #see(message: ServerMessage): void {
    if (message.type === "status") this.views.push(message.line.view as CheckoutView);
    else if (message.type === "problem") this.problemCodes.push(message.problem.code);
    else if (message.type === "next-frame" && this.picture !== null) this.#socket.send(this.picture);
  }
}

function urlOf(terminal: Terminal): string {
  return terminal.urls[0]?.url ?? "";
}
