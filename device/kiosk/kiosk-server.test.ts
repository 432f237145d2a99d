import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  chargesAnswerSchema,
  checkpointAnswerSchema,
  enrolmentProgressSchema,
  healthAnswerSchema,
  peopleAnswerSchema,
  personAnswerSchema,
  terminalAnswerSchema,
} from "./api-schema.ts";
import { fakeReceipt } from "./fake-checkout.ts";
import { createKioskServer } from "./kiosk-server.ts";
import { codeOf, OPERATOR_ROUTES, type RunningKiosk, startKiosk, TINY_JPEG } from "./kiosk-test-client.ts";
import { problemSchema } from "./protocol.ts";
import { recognitionAnswerSchema } from "./recognition-schema.ts";

let kiosk: RunningKiosk;
beforeEach(async () => {
  kiosk = await startKiosk();
});
afterEach(() => kiosk.close());
const ask: RunningKiosk["ask"] = (...request) => kiosk.ask(...request);

describe("kiosk server: operators", () => {
  it("signs in with a cookie that scripts cannot read and other sites cannot send, and out again", async () => {
    const answer = await ask("POST", "/api/operators/sign-in", { operatorId: "m1", pin: "135790" }, {});
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain("token-m1");
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^canteen-session=token-m1; Path=\/; HttpOnly; SameSite=Strict$/);
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
    kiosk.world.enrolment.problems.push("blurred");
    const shots = [];
    for (let shot = 0; shot < 4; shot++) {
      const answer = await ask("POST", `/api/enrolments/${begun.sessionId}/shots`, TINY_JPEG);
      shots.push(enrolmentProgressSchema.parse(answer.json()).lastShot?.problem);
    }
    expect(shots).toEqual(["blurred", null, null, null]);
    expect(kiosk.world.enrolment.shotBytes).toEqual([7, 7, 7, 7]);
    const done = await ask("POST", `/api/enrolments/${begun.sessionId}/complete`, {
      consent: { scopes: ["face"], grantedBy: "guardian" },
    });
    expect(done.json()).toEqual({ kind: "enrolled", personId: "p1", templateCount: 3, seq: 50 });
  });

  it("takes a shot from the terminal's own camera, and says when it gives no picture", async () => {
    await ask("POST", "/api/enrolments", { personId: "p1" });
    expect(codeOf(await ask("POST", "/api/enrolments/s-p1/shots-from-camera", {}))).toBe("camera-no-picture");
    kiosk.world.camera.give(TINY_JPEG.slice());
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
    expect(codeOf(await ask("POST", "/api/enrolments/gone/shots", TINY_JPEG))).toBe("enrolment-unknown");
  });

  it("records a consent, and withdraws it under the operator's name with an id of its own", async () => {
    await ask("POST", "/api/people/p1/consents", {
      scopes: ["face", "share-template"],
      grantedBy: "guardian",
    });
    expect(kiosk.world.roster.hasConsent("p1", "share-template")).toBe(true);
    const answer = await ask("POST", "/api/people/p1/withdraw", { reason: "家长要求" });
    expect(answer.json()).toEqual({ kind: "done" });
    expect(kiosk.world.templateStore.withdrawn).toEqual([
      { entryId: "id-1", personId: "p1", operatorId: "m1", reason: "家长要求" },
    ]);
    expect(kiosk.world.roster.hasConsent("p1", "face")).toBe(false);
  });
});

describe("kiosk server: charges", () => {
  it("lists charges, voids one once, and charges again", async () => {
    kiosk.world.servingLine.charges = [
      { ...fakeReceipt({ chargeId: "c1" }), voided: false, disputed: false },
    ];
    const listed = chargesAnswerSchema.parse((await ask("GET", "/api/charges?countMax=5")).json());
    expect(listed.charges).toHaveLength(1);
    const first = await ask("POST", "/api/charges/c1/void", { reason: "打错了" });
    expect(first.json()).toMatchObject({ kind: "voided" });
    const second = await ask("POST", "/api/charges/c1/void", { reason: "打错了" });
    expect(second.json()).toEqual({ kind: "refused", reason: "already-voided" });
    const chargeId = "0198c0de-0000-7000-8000-0000000000aa";
    await ask("POST", "/api/people/p1/charge-again", { reason: "第二份", chargeId });
    expect(kiosk.world.servingLine.chargedAgain).toEqual([
      { chargeId, personId: "p1", operatorId: "m1", reason: "第二份" },
    ]);
  });

  it("needs a reason to void", async () => {
    const answer = await ask("POST", "/api/charges/c1/void", { reason: "  " });
    expect(problemSchema.parse(answer.json())).toMatchObject({
      code: "request-invalid",
      issues: [{ path: "reason" }],
    });
    expect(kiosk.world.servingLine.voids).toEqual([]);
  });
});

describe("kiosk server: state", () => {
  it("shows how sure a match must be to every operator, and look-alikes by name to those who see people", async () => {
    const answerTo = async (token: string) => {
      const answer = await ask("GET", "/api/recognition", undefined, { authorization: `Bearer ${token}` });
      return recognitionAnswerSchema.parse(answer.json());
    };
    const toKeeper = await answerTo("token-k1");
    expect(toKeeper).toMatchObject({ similarityMin: 0.584, source: "calibrated", lookAlikeCount: 1 });
    expect(toKeeper.lookAlikes).toEqual([]);
    const [pair] = (await answerTo("token-m1")).lookAlikes;
    expect(pair?.people.map(({ displayName }) => displayName)).toEqual(["甲同学", "乙同学"]);
  });

  it("shows thresholds, versions, camera, roster and sync to the operator", async () => {
    const shown = terminalAnswerSchema.parse((await ask("GET", "/api/terminal")).json());
    expect(shown).toMatchObject({ engine: { framesToAgree: 3 }, roster: { version: 7, people: 3 } });
  });

  it("shows the code of the day and its QR code to whoever is signed in, and to nobody else", async () => {
    const shown = checkpointAnswerSchema.parse((await ask("GET", "/api/checkpoint")).json());
    expect(shown.code).toBe("CE1:s1:t1:41");
    expect(shown.svg).toContain("<svg");
    expect(codeOf(await ask("GET", "/api/checkpoint", undefined, { authorization: "" }))).toBe(
      "sign-in-needed",
    );
  });

  it("takes an operator's word for the clock, as it was read, and nobody else's", async () => {
    kiosk.world.clockTrust.trust = "unknown";
    const shown = terminalAnswerSchema.parse((await ask("GET", "/api/terminal")).json());
    expect(shown.clock.trust).toBe("unknown");
    const { nowMs } = shown.clock;
    const confirm = (shownMs: number, headers?: Record<string, string>) =>
      ask("POST", "/api/clock/confirm", { shownMs }, headers);
    expect(codeOf(await confirm(nowMs, { authorization: "Bearer token-k1" }))).toBe("role-refused");
    expect(codeOf(await confirm(nowMs - 3_600_000))).toBe("clock-moved");
    expect(codeOf(await confirm(nowMs + 3_600_000))).toBe("clock-moved");
    expect(kiosk.world.clockTrust.confirmedBy).toEqual([]);
    expect((await confirm(nowMs)).json()).toEqual({ kind: "done" });
    expect(kiosk.world.clockTrust.confirmedBy).toEqual(["m1"]);
  });

  it("changes the camera, and refuses one the terminal has not", async () => {
    expect((await ask("POST", "/api/camera", { kind: "folder" })).json()).toEqual({ kind: "done" });
    expect(kiosk.world.camera.kind()).toBe("folder");
    expect(codeOf(await ask("POST", "/api/camera", { kind: "http" }))).toBe("camera-unknown");
  });

  it("is healthy offline, and fails with the reason when journal, engine, disk or camera fail", async () => {
    kiosk.world.sync.set({ connection: "offline", reason: "broker-unreachable" });
    const offline = await ask("GET", "/healthz", undefined, {});
    expect(offline.status).toBe(200);
    expect(healthAnswerSchema.parse(offline.json())).toMatchObject({
      status: "degraded",
      parts: { sync: { status: "degraded", reason: "broker-unreachable" } },
    });
    kiosk.world.health.disk = { ok: false, reason: "disk-almost-full" };
    kiosk.world.camera.become({
      kind: "lost",
      code: "camera-silent",
      hint: { zh: "无画面", en: "no picture" },
    });
    const failed = await ask("GET", "/healthz", undefined, {});
    expect(failed.status).toBe(503);
    expect(healthAnswerSchema.parse(failed.json())).toMatchObject({
      status: "failed",
      parts: { disk: { reason: "disk-almost-full" }, camera: { reason: "camera-silent" } },
    });
  });

  it("counts a charge once however often its screen is told, and each refusal by its reason", async () => {
    const paid = { kind: "paid", receipt: fakeReceipt() } as const;
    kiosk.world.servingLine.show(paid);
    kiosk.world.servingLine.set({ servedCount: 1 });
    kiosk.world.servingLine.show({ kind: "idle" });
    kiosk.world.servingLine.show({
      kind: "refused",
      reason: "meal-already-charged",
      displayName: "甲同学",
      amountFen: null,
      balanceFen: null,
      earlier: fakeReceipt(),
    });
    kiosk.world.sync.set({ waitingCount: 12, refusedEntry: { seq: 31, code: "hash-wrong" } });
    const { text } = await ask("GET", "/metrics", undefined, {});
    expect(text).toContain('canteen_charges_total{method="face"} 1');
    expect(text).toContain('canteen_refusals_total{reason="meal-already-charged"} 1');
    expect(text).toContain("canteen_journal_waiting 12");
    expect(text).toContain("canteen_journal_refused_seq 31");
    expect(text).toMatch(/canteen_event_loop_delay_seconds\{quantile="0.99"\} [\d.e-]+/);
    expect(text).toMatch(/canteen_resident_memory_bytes \d+/);
    expect(text).not.toContain("甲");
  });

  it("lets the presenter of the demo cut the network and call the next person, and nobody outside a demo", async () => {
    await ask("POST", "/api/demo/network", { online: false }, {});
    expect(kiosk.world.demo.online).toBe(false);
    await ask("POST", "/api/demo/next-person", {}, {});
    expect(kiosk.world.demo.next).toBe(1);
    await ask("POST", "/api/demo/empty-camera", { empty: true }, {});
    expect(kiosk.world.demo.empty).toBe(true);
    await ask("POST", "/api/demo/camera", { kind: "folder" }, {});
    expect(kiosk.world.camera.kind()).toBe("folder");

    const { demo: _, ...withoutDemo } = kiosk.world.serverOptions(kiosk.uiFolder);
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
