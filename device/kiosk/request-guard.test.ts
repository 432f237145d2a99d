import { createServer } from "node:net";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createKioskServer } from "./kiosk-server.ts";
import {
  codeOf,
  MANAGER,
  OPEN_ROUTES,
  OPERATOR_ROUTES,
  type RunningKiosk,
  startKiosk,
} from "./kiosk-test-client.ts";
import { problemSchema } from "./protocol.ts";

let kiosk: RunningKiosk;
beforeEach(async () => {
  kiosk = await startKiosk();
});
afterEach(() => kiosk.close());
const ask: RunningKiosk["ask"] = (...request) => kiosk.ask(...request);

describe("kiosk server: the way in", () => {
  it("serves the one page at /, /pay and /admin with a policy that lets in no foreign script or frame", async () => {
    for (const path of ["/", "/pay", "/admin"]) {
      const answer = await ask("GET", path, undefined, {});
      expect(answer.status).toBe(200);
      expect(answer.text).toContain("kiosk");
      expect(answer.headers.get("content-security-policy")).toContain("script-src 'self'");
      expect(answer.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("answers an unknown address with a problem in two languages", async () => {
    const answer = await ask("GET", "/api/nothing");
    expect(answer.status).toBe(404);
    expect(problemSchema.parse(answer.json())).toMatchObject({
      code: "route-unknown",
      message: { zh: "没有这个地址" },
    });
  });

  it("refuses a host name that somebody else's DNS could point here", async () => {
    const { port } = new URL(kiosk.url);
    for (const host of [`evil.example:${port}`, `127.0.0.1.evil.example:${port}`, "8.8.8.8"]) {
      expect(await rawStatus(port, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n`)).toBe(403);
    }
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, "[::1]"]) {
      expect(await rawStatus(port, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n`)).toBe(200);
    }
  });

  it("refuses what another site asks, and lets a person follow its link", async () => {
    const origin = await ask("POST", "/api/operators/sign-out", {}, { origin: "http://evil.example" });
    expect([origin.status, codeOf(origin)]).toEqual([403, "origin-refused"]);
    const { port } = new URL(kiosk.url);
    const get = `GET /pay HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nSec-Fetch-Site: cross-site\r\n`;
    expect(await rawStatus(port, `${get}Sec-Fetch-Mode: no-cors\r\n`)).toBe(403);
    expect(await rawStatus(port, `${get}Sec-Fetch-Mode: navigate\r\n`)).toBe(200);
  });

  it("says that the port is in use, with a hint", async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) =>
      blocker.listen(0, "127.0.0.1", () => {
        const address = blocker.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      }),
    );
    const options = kiosk.world.serverOptions(kiosk.uiFolder);
    const second = createKioskServer({ ...options, settings: { ...options.settings, port } });
    await expect(second.start()).rejects.toMatchObject({
      code: "port-in-use",
      hint: { zh: expect.stringContaining("端口") },
    });
    await second.close();
    blocker.close();
  });

  it("says that the page is not built", async () => {
    const second = createKioskServer(kiosk.world.serverOptions(tmpdir()));
    await expect(second.start()).rejects.toMatchObject({ code: "ui-not-built" });
    await second.close();
  });
});

describe("kiosk server: bad input", () => {
  it("answers malformed JSON on every route with a problem", async () => {
    for (const [method, path] of [...OPERATOR_ROUTES, ...OPEN_ROUTES]) {
      if (method !== "POST") continue;
      const response = await fetch(`${kiosk.url}${path}`, {
        method,
        headers: { ...MANAGER, "content-type": "application/json" },
        body: '{"online": tru',
      });
      expect([path, response.status]).toEqual([path, 400]);
      expect(problemSchema.parse(await response.json()).code).toBe("json-malformed");
    }
  });

  it("takes no forms and no plain text", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      const response = await fetch(`${kiosk.url}/api/demo/network`, {
        method: "POST",
        headers: { "content-type": type },
        body: '{"online":false}',
      });
      expect(response.status).toBe(415);
    }
    expect(kiosk.world.demo.online).toBe(true);
  });

  it("answers any JSON on any route with an answer or a problem, never a crash and never an echo", async () => {
    const routes = [...OPERATOR_ROUTES, ...OPEN_ROUTES].filter(([method]) => method === "POST");
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), fc.json(), async ([method, path], body) => {
        const response = await fetch(`${kiosk.url}${path}`, {
          method,
          headers: { ...MANAGER, "content-type": "application/json" },
          body,
        });
        const answer: unknown = await response.json();
        expect(response.status).toBeLessThan(500);
        if (!response.ok) expect(problemSchema.parse(answer).code).toMatch(/^[a-z-]+$/);
      }),
      { numRuns: 150 },
    );
    expect((await ask("GET", "/healthz")).status).toBe(200);
  });

  it("does not repeat a wrong PIN or name in the answer", async () => {
    const answer = await ask("POST", "/api/operators/sign-in", { operatorId: "m1", pin: 424_242 }, {});
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain("424242");
  });

  it("tells the page a fault's code and hint, not its message", async () => {
    const { CanteenError } = await import("../platform/errors.ts");
    kiosk.world.servingLine.recentCharges = () => {
      throw new CanteenError("SQLITE_FULL at /var/secret", {
        code: "disk-full",
        retry: "after-operator",
        hint: { zh: "磁盘满了", en: "The disk is full" },
      });
    };
    const answer = await ask("GET", "/api/charges");
    expect([answer.status, codeOf(answer)]).toEqual([503, "disk-full"]);
    expect(answer.text).not.toContain("secret");
  });

  it("refuses an absurd cookie, header and query without a crash", async () => {
    expect((await ask("GET", "/api/people", undefined, { cookie: "canteen-session=%E0%A4%A" })).status).toBe(
      401,
    );
    expect(
      (await ask("GET", "/api/people", undefined, { authorization: `Bearer ${"x".repeat(4000)}` })).status,
    ).toBe(401);
    expect((await ask("GET", "/api/people?countMax=1e9")).status).toBe(400);
    expect((await ask("GET", "/api/people?text=a&text=b")).status).toBe(400);
    expect((await ask("GET", `/api/people/${"x".repeat(500)}`)).status).toBe(404);
    expect(codeOf(await ask("GET", "/%E0%A4%A"))).toBe("request-invalid");
    expect((await ask("GET", "/../../etc/passwd")).status).toBe(404);
  });
});

/** One request written by hand: fetch does not let a test choose its Host. */
async function rawStatus(port: string, head: string): Promise<number> {
  const { connect } = await import("node:net");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(`${head}Connection: close\r\n\r\n`));
    socket.once("data", (bytes) => {
      resolve(Number(bytes.toString("latin1").slice(9, 12)));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}
