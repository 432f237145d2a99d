import { isIP } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { RequestProblem } from "./problems.ts";

/**
 * The kiosk listens on loopback, but any site that the kiosk's browser (or an engineer's) opens can send requests
 * there. Three checks keep them out: the Host must be an address, not a name (DNS rebinding needs a name of the
 * attacker's); the Origin, where a browser sends one, must be ours; and a browser's own word about the request
 * (Sec-Fetch-Site) must not say "cross-site". No CORS header is ever sent.
 */
export function guardRequests(server: FastifyInstance): void {
  server.addHook("onRequest", async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    // What the terminal says changes from one moment to the next, and part of it is personal.
    reply.header("cache-control", "no-store");
    if (!isOwnHost(request)) throw new RequestProblem("host-refused");
    if (!isOwnOrigin(request)) throw new RequestProblem("origin-refused");
  });
}

const SECURITY_HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "font-src 'self'",
    "connect-src 'self'",
    // A sample's label is printed from a frame.
    "frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=()",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** `localhost` and IP addresses only: those cannot be re-pointed by somebody else's DNS. */
function isOwnHost(request: FastifyRequest): boolean {
  const host = request.headers.host;
  if (host === undefined) return false;
  const name = host.replace(/:\d{1,5}$/, "");
  const address = name.replace(/^\[(.*)\]$/, "$1");
  if (name === "localhost") return true;
  if (isIP(address) === 0) return false;
  return isLoopback(address) || address === plainAddress(request.socket.localAddress);
}

function isOwnOrigin(request: FastifyRequest): boolean {
  const { origin, upgrade, "sec-fetch-site": site, "sec-fetch-mode": mode } = request.headers;
  const isUpgrade = upgrade !== undefined;
  // Following a link from elsewhere (the cloud's page, say) shows our page to the person and nothing to the site.
  const isLink = request.method === "GET" && mode === "navigate" && !isUpgrade;
  if (isLink) return true;
  if (site !== undefined && site !== "same-origin" && site !== "none") return false;
  // A program without a browser sends no Origin; a browser always does for a WebSocket and for what changes something.
  return origin === undefined ? !isUpgrade : origin === `http://${request.headers.host}`;
}

/** `::ffff:127.0.0.1` is 127.0.0.1. */
function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/, "");
}

export function isLoopback(address: string | undefined): boolean {
  const plain = plainAddress(address);
  return plain === "::1" || plain.startsWith("127.");
}
