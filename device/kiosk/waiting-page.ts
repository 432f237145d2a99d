import { once } from "node:events";
import { createServer } from "node:http";
import type { Hint } from "../platform/errors.ts";
import { listenFault } from "./listen-fault.ts";

/** What the screen shows while the terminal cannot yet start: why, in two languages. */
export interface WaitingPage {
  /** @param reason for `/healthz`. */
  show(text: Hint, reason?: string): void;
  close(): Promise<void>;
}

/**
 * On the kiosk's own address, so that its browser finds the real page there as soon as there is one.
 * @throws CanteenError `port-in-use`, `port-not-allowed`, `address-unavailable`.
 */
export async function openWaitingPage({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): Promise<WaitingPage & { readonly port: number }> {
  let shown: Hint = { zh: "正在启动", en: "Starting" };
  let journalReason = "journal-recovering";
  const server = createServer((request, response) => {
    const isProbe = request.url === "/healthz";
    response.writeHead(503, {
      "content-type": isProbe ? "application/json" : "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    });
    response.end(isProbe ? healthOf(journalReason) : pageOf(shown));
  });
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw listenFault(cause, { host, port });
  }
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : port,
    show: (text, reason = "journal-recovering") => {
      shown = text;
      journalReason = reason;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const healthOf = (reason: string): string =>
  JSON.stringify({ status: "failed", parts: { journal: { status: "failed", reason } } });

/** The texts are ours: nothing in them comes from outside. */
function pageOf({ zh, en }: Hint): string {
  return `<!doctype html><html lang="zh"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<title>canteen-edge</title>
<body style="font: 28px sans-serif; padding: 12vh 8vw; background: #fff7e6; color: #3a2a00">
<p style="font-weight: 700">${zh}</p><p style="font-size: 20px" lang="en">${en}</p>`;
}
