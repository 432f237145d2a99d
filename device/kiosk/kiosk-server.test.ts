// Over 400 lines because one suite walks every route of one server, with one world set up for all.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { SystemClock } from "../platform/system-clock.ts";
import {
  chargesAnswerSchema,
  enrolmentProgressSchema,
  healthAnswerSchema,
  peopleAnswerSchema,
  personAnswerSchema,
  terminalAnswerSchema,
} from "./api-schema.ts";
import { fakeReceipt } from "./fake-checkout.ts";
import { createFakeWorld, type FakeWorld } from "./fake-world.ts";
import type { KioskServer } from "./kiosk-ports.ts";
import { createKioskServer } from "./kiosk-server.ts";
import { problemSchema } from "./protocol.ts";

let uiFolder = "";
let world: FakeWorld;
let server: KioskServer;
let url = "";

beforeAll(async () => {
  uiFolder = await mkdtemp(join(tmpdir(), "canteen-ui-"));
  await writeFile(join(uiFolder, "index.html"), "<!doctype html><title>kiosk</title>");
});
afterAll(() => rm(uiFolder, { recursive: true, force: true }));

beforeEach(async () => {
  world = createFakeWorld({ clock: new SystemClock(), isDemo: true });
  server = createKioskServer(world.serverOptions(uiFolder));
  url = (await server.start()).url;
});
afterEach(async () => {
  await server.close();
  world.metrics.close();
});

const MANAGER = { authorization: "Bearer token-m1" };
const JPEG = Uint8Array.from([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]);

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = MANAGER) {
  const isBytes = body instanceof Uint8Array;
  const type = isBytes ? "image/jpeg" : "application/json";
  const response = await fetch(`${url}${path}`, {
    method,
    headers: body === undefined ? headers : { "content-type": type, ...headers },
    ...(body === undefined ? {} : { body: isBytes ? Buffer.from(body) : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, json: (): unknown => JSON.parse(text), headers: response.headers };
}

/** The code of a problem whose form is checked on the way. */
const codeOf = (answer: { json: () => unknown }): string => problemSchema.parse(answer.json()).code;

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
    const { port } = new URL(url);
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
    const { port } = new URL(url);
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
    const options = world.serverOptions(uiFolder);
    const second = createKioskServer({ ...options, settings: { ...options.settings, port } });
    await expect(second.start()).rejects.toMatchObject({
      code: "port-in-use",
      hint: { zh: expect.stringContaining("端口") },
    });
    await second.close();
    blocker.close();
  });

  it("says that the page is not built", async () => {
    const second = createKioskServer(world.serverOptions(tmpdir()));
    await expect(second.start()).rejects.toMatchObject({ code: "ui-not-built" });
    await second.close();
  });
});

describe("kiosk server: operators", () => {
  it("signs in with a cookie that scripts cannot read and other sites cannot send, and out again", async () => {
    const answer = await ask("POST", "/api/operators/sign-in", { operatorId: "m1", pin: "135790" }, {});
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain("token-m1");
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^canteen-session=token-m1; Path=\/api; HttpOnly; SameSite=Strict$/);
    const headers = { cookie: cookie.split(";")[0] ?? "" };
    expect((await ask("GET", "/api/people?text=", undefined, headers)).status).toBe(200);
    await ask("POST", "/api/operators/sign-out", {}, headers);
    expect((await ask("GET", "/api/people?text=", undefined, headers)).status).toBe(401);
  });

  it("says how many attempts are left, and how long a lock lasts", async () => {
    const wrong = await ask("POST", "/api/operators/sign-in", { operatorId: "m1", pin: "1" }, {});
    expect(wrong.status).toBe(401);
    expect(problemSchema.parse(wrong.json())).toMatchObject({ code: "sign-in-wrong", attemptsLeft: 4 });
    const locked = await ask("POST", "/api/operators/sign-in", { operatorId: "locked", pin: "1" }, {});
    expect(locked.status).toBe(429);
    expect(problemSchema.parse(locked.json())).toMatchObject({ code: "sign-in-locked", waitMs: 120_000 });
  });

  it("asks for an operator on every route that reads or changes personal data", async () => {
    for (const [method, path] of OPERATOR_ROUTES) {
      const answer = await ask(method, path, method === "POST" ? {} : undefined, {});
      expect([path, answer.status, codeOf(answer)]).toEqual([path, 401, "sign-in-needed"]);
    }
  });

  it("lets a keeper see the terminal but neither people nor charges", async () => {
    const keeper = { authorization: "Bearer token-k1" };
    expect((await ask("GET", "/api/terminal", undefined, keeper)).status).toBe(200);
    for (const path of ["/api/people?text=", "/api/charges"]) {
      expect(codeOf(await ask("GET", path, undefined, keeper))).toBe("role-refused");
    }
  });
});

const OPERATOR_ROUTES: readonly (readonly [string, string])[] = [
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
  ["POST", "/api/camera"],
  ["GET", "/api/camera/picture.jpg"],
];
const OPEN_ROUTES: readonly (readonly [string, string])[] = [
  ["POST", "/api/operators/sign-in"],
  ["POST", "/api/operators/sign-out"],
  ["POST", "/api/demo/network"],
  ["POST", "/api/demo/next-person"],
  ["POST", "/api/demo/empty-camera"],
  ["POST", "/api/demo/camera"],
];

describe("kiosk server: people and enrolment", () => {
  it("finds people and shows one with account and consent", async () => {
    const found = peopleAnswerSchema.parse((await ask("GET", "/api/people?text=2026")).json());
    expect(found.people.map(({ personId }) => personId)).toEqual(["p1", "p2"]);
    const detail = personAnswerSchema.parse((await ask("GET", "/api/people/p1")).json());
    expect(detail).toMatchObject({ person: { hasFaceConsent: false }, account: { balanceFen: 9540 } });
    expect(codeOf(await ask("GET", "/api/people/nobody"))).toBe("person-unknown");
  });

  it("enrols from photos: shots, a consent, templates", async () => {
    const begun = enrolmentProgressSchema.parse(
      (await ask("POST", "/api/enrolments", { personId: "p1" })).json(),
    );
    world.enrolment.problems.push("blurred");
    const shots = [];
    for (let shot = 0; shot < 4; shot++) {
      const answer = await ask("POST", `/api/enrolments/${begun.sessionId}/shots`, JPEG);
      shots.push(enrolmentProgressSchema.parse(answer.json()).lastShot?.problem);
    }
    expect(shots).toEqual(["blurred", null, null, null]);
    expect(world.enrolment.shotBytes).toEqual([7, 7, 7, 7]);
    const done = await ask("POST", `/api/enrolments/${begun.sessionId}/complete`, {
      consent: { scopes: ["face"], grantedBy: "guardian" },
    });
    expect(done.json()).toEqual({ kind: "enrolled", personId: "p1", templateCount: 3, seq: 50 });
  });

  it("takes a shot from the terminal's own camera, and says when it gives no picture", async () => {
    await ask("POST", "/api/enrolments", { personId: "p1" });
    expect(codeOf(await ask("POST", "/api/enrolments/s-p1/shots-from-camera", {}))).toBe("camera-no-picture");
    world.camera.give(JPEG.slice());
    const shot = await ask("POST", "/api/enrolments/s-p1/shots-from-camera", {});
    expect(enrolmentProgressSchema.parse(shot.json()).acceptedCount).toBe(1);
    const picture = await ask("GET", "/api/camera/picture.jpg");
    expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
    expect(picture.headers.get("cache-control")).toBe("no-store");
  });

  it("refuses a shot that is too large or no photo, and one for an enrolment that is over", async () => {
    const large = await ask("POST", "/api/enrolments/s-p1/shots", new Uint8Array(12 * 1024 * 1024 + 1));
    expect([large.status, codeOf(large)]).toEqual([413, "body-too-large"]);
    expect(codeOf(await ask("POST", "/api/enrolments/s-p1/shots", { a: 1 }))).toBe("media-type-unknown");
    expect(codeOf(await ask("POST", "/api/enrolments/gone/shots", JPEG))).toBe("enrolment-unknown");
  });

  it("records a consent, and withdraws it under the operator's name with an id of its own", async () => {
    await ask("POST", "/api/people/p1/consents", {
      scopes: ["face", "share-template"],
      grantedBy: "guardian",
    });
    expect(world.roster.hasConsent("p1", "share-template")).toBe(true);
    const answer = await ask("POST", "/api/people/p1/withdraw", { reason: "家长要求" });
    expect(answer.json()).toEqual({ kind: "done" });
    expect(world.templateStore.withdrawn).toEqual([
      { entryId: "id-1", personId: "p1", operatorId: "m1", reason: "家长要求" },
    ]);
    expect(world.roster.hasConsent("p1", "face")).toBe(false);
  });
});

describe("kiosk server: charges", () => {
  it("lists charges, voids one once, and charges again", async () => {
    world.servingLine.charges = [{ ...fakeReceipt({ chargeId: "c1" }), voided: false }];
    const listed = chargesAnswerSchema.parse((await ask("GET", "/api/charges?countMax=5")).json());
    expect(listed.charges).toHaveLength(1);
    const first = await ask("POST", "/api/charges/c1/void", { reason: "打错了" });
    expect(first.json()).toMatchObject({ kind: "voided" });
    const second = await ask("POST", "/api/charges/c1/void", { reason: "打错了" });
    expect(second.json()).toEqual({ kind: "refused", reason: "already-voided" });
    const chargeId = "0198c0de-0000-7000-8000-0000000000aa";
    await ask("POST", "/api/people/p1/charge-again", { reason: "第二份", chargeId });
    expect(world.servingLine.chargedAgain).toEqual([
      { chargeId, personId: "p1", operatorId: "m1", reason: "第二份" },
    ]);
  });

  it("needs a reason to void", async () => {
    const answer = await ask("POST", "/api/charges/c1/void", { reason: "  " });
    expect(problemSchema.parse(answer.json())).toMatchObject({
      code: "request-invalid",
      issues: [{ path: "reason" }],
    });
    expect(world.servingLine.voids).toEqual([]);
  });
});

describe("kiosk server: state", () => {
  it("shows thresholds, versions, camera, roster and sync to the operator", async () => {
    const shown = terminalAnswerSchema.parse((await ask("GET", "/api/terminal")).json());
    expect(shown).toMatchObject({ engine: { similarityMin: 0.52 }, roster: { version: 7, people: 3 } });
  });

  it("changes the camera, and refuses one the terminal has not", async () => {
    expect((await ask("POST", "/api/camera", { kind: "folder" })).json()).toEqual({ kind: "done" });
    expect(world.camera.kind()).toBe("folder");
    expect(codeOf(await ask("POST", "/api/camera", { kind: "http" }))).toBe("camera-unknown");
  });

  it("is healthy offline, and fails with the reason when journal, engine, disk or camera fail", async () => {
    world.sync.set({ connection: "offline", reason: "broker-unreachable" });
    const offline = await ask("GET", "/healthz", undefined, {});
    expect(offline.status).toBe(200);
    expect(healthAnswerSchema.parse(offline.json())).toMatchObject({
      status: "degraded",
      parts: { sync: { status: "degraded", reason: "broker-unreachable" } },
    });
    world.health.disk = { ok: false, reason: "disk-almost-full" };
    world.camera.become({ kind: "lost", code: "camera-silent", hint: { zh: "无画面", en: "no picture" } });
    const failed = await ask("GET", "/healthz", undefined, {});
    expect(failed.status).toBe(503);
    expect(healthAnswerSchema.parse(failed.json())).toMatchObject({
      status: "failed",
      parts: { disk: { reason: "disk-almost-full" }, camera: { reason: "camera-silent" } },
    });
  });

  it("counts a charge once however often its screen is told, and each refusal by its reason", async () => {
    const paid = { kind: "paid", receipt: fakeReceipt() } as const;
    world.servingLine.show(paid);
    world.servingLine.set({ servedCount: 1 });
    world.servingLine.show({ kind: "idle" });
    world.servingLine.show({
      kind: "refused",
      reason: "meal-already-charged",
      displayName: "甲同学",
      amountFen: null,
      balanceFen: null,
      earlier: fakeReceipt(),
    });
    world.sync.set({ waitingCount: 12 });
    const { text } = await ask("GET", "/metrics", undefined, {});
    expect(text).toContain('canteen_charges_total{method="face"} 1');
    expect(text).toContain('canteen_refusals_total{reason="meal-already-charged"} 1');
    expect(text).toContain("canteen_journal_waiting 12");
    expect(text).toMatch(/canteen_event_loop_delay_seconds\{quantile="0.99"\} [\d.e-]+/);
    expect(text).toMatch(/canteen_resident_memory_bytes \d+/);
    expect(text).not.toContain("甲");
  });

  it("lets the presenter of the demo cut the network and call the next person, and nobody outside a demo", async () => {
    await ask("POST", "/api/demo/network", { online: false }, {});
    expect(world.demo.online).toBe(false);
    await ask("POST", "/api/demo/next-person", {}, {});
    expect(world.demo.next).toBe(1);
    await ask("POST", "/api/demo/empty-camera", { empty: true }, {});
    expect(world.demo.empty).toBe(true);
    await ask("POST", "/api/demo/camera", { kind: "folder" }, {});
    expect(world.camera.kind()).toBe("folder");

    const { demo: _, ...withoutDemo } = world.serverOptions(uiFolder);
    const plain = createKioskServer(withoutDemo);
    const { url: plainUrl } = await plain.start();
    const answer = await fetch(`${plainUrl}/api/demo/network`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"online":false}',
    });
    expect(answer.status).toBe(404);
    await plain.close();
  });
});

describe("kiosk server: bad input", () => {
  it("answers malformed JSON on every route with a problem", async () => {
    for (const [method, path] of [...OPERATOR_ROUTES, ...OPEN_ROUTES]) {
      if (method !== "POST") continue;
      const response = await fetch(`${url}${path}`, {
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
      const response = await fetch(`${url}/api/demo/network`, {
        method: "POST",
        headers: { "content-type": type },
        body: '{"online":false}',
      });
      expect(response.status).toBe(415);
    }
    expect(world.demo.online).toBe(true);
  });

  it("answers any JSON on any route with an answer or a problem, never a crash and never an echo", async () => {
    const routes = [...OPERATOR_ROUTES, ...OPEN_ROUTES].filter(([method]) => method === "POST");
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), fc.json(), async ([method, path], body) => {
        const response = await fetch(`${url}${path}`, {
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
    world.servingLine.recentCharges = () => {
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
