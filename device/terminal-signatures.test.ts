import { describe, expect, it } from "vitest";
import type { FrameObservation } from "../models/face-engine-port.ts";
import { journalFixture } from "./journal/journal-fixture.ts";
import { seededEntropy } from "./platform/entropy.ts";
import { openOperators } from "./security/operators.ts";
import { createPinHasher } from "./security/pin-hash.ts";
import { securityMigrations } from "./security/security-tables.ts";
import {
  diskFault,
  face,
  kindsOf,
  lineFixture,
  person,
  picture,
  settings,
  TestFrames,
  view,
} from "./serving-line/serving-line-fixture.ts";
import type { SigningHint, SignOutcome } from "./signatures/signature-port.ts";
import { createTerminalSignatures } from "./terminal-signatures.ts";

const PIN = { keeper: "246813", manager: "975310", cashier: "135790" } as const;
const anybody = { right: "keep", notOperatorIds: [] } as const;

/** A keeper who is p-1, a manager who is p-2, a cashier who is p-3; p-4 runs nothing. Presence mode unless said otherwise. */
async function desk(options: Parameters<typeof lineFixture>[0] = { activation: "presence" }) {
  const line = lineFixture(options);
  line.roster.add(person("p-4"));
  const security = journalFixture({ migrations: [securityMigrations] });
  const entropy = seededEntropy(3);
  const operators = openOperators({
    ...security,
    entropy,
    hasher: createPinHasher({ entropy, cost: { n: 16, r: 1, p: 1 } }),
    limits: { attemptsMax: 3, lockMs: 60_000, sessionIdleMsMax: 600_000 },
  });
  for (const [index, role] of (["keeper", "manager", "cashier"] as const).entries()) {
    await operators.add({ operatorId: role, displayName: `name of ${role}`, role, pin: PIN[role] });
    operators.link({ operatorId: role, personId: `p-${index + 1}` });
  }
  const frames = new TestFrames();
  const identity = options?.settings?.checkout.identity ?? settings().checkout.identity;
  const signatures = createTerminalSignatures({
    operators,
    servingLine: line.line,
    frames,
    bounds: line.bounds,
    identity,
    templateCount: (personId) => (personId === "p-2" ? 3 : 0),
    clock: line.clock,
  });
  const look = async (observation: FrameObservation, count = 3): Promise<void> => {
    for (let shown = 0; shown < count; shown++) {
      await line.clock.advance(100);
      frames.show(observation, line.clock.mono());
      line.frames.show(observation, line.clock.mono());
    }
  };
  const stopped = new AbortController();
  const byFace = (change: Partial<Parameters<typeof signatures.byFace>[0]> = {}): Promise<SignOutcome> =>
    signatures.byFace({ ...anybody, waitMsMax: 10_000, signal: stopped.signal, ...change });
  return { ...line, fixture: line, security, operators, frames, signatures, look, byFace, stopped };
}

const seen = (personId: string): FrameObservation => picture(face({ person: personId }));

describe("a signature by PIN", () => {
  it("is the operator's, where their role has the right and they are not the first person", async () => {
    const { signatures, security } = await desk();
    const { seq } = security.journal.head();
    const keeper = { operatorId: "keeper", pin: PIN.keeper };
    expect(await signatures.byPin({ ...anybody, ...keeper })).toEqual({
      kind: "signed",
      signature: { operatorId: "keeper", displayName: "name of keeper", by: "pin" },
    });
    expect(await signatures.byPin({ ...anybody, ...keeper, notOperatorIds: ["keeper"] })).toEqual({
      kind: "refused",
      reason: "same-person",
    });
    expect(await signatures.byPin({ ...anybody, ...keeper, right: "override" })).toEqual({
      kind: "refused",
      reason: "no-right",
    });
    expect(security.journal.head().seq).toBe(seq);
  });

  it.each([
    ["keeper", "keep", "signed"],
    ["keeper", "override", "refused"],
    ["manager", "keep", "signed"],
    ["manager", "override", "signed"],
    ["cashier", "keep", "refused"],
    ["cashier", "override", "refused"],
  ] as const)("of a %s for %s is %s", async (operatorId, right, kind) => {
    const { signatures } = await desk();
    const outcome = await signatures.byPin({ right, notOperatorIds: [], operatorId, pin: PIN[operatorId] });
    expect(outcome.kind).toBe(kind);
  });

  it("says nothing of rights before the PIN is right, and locks after too many wrong ones", async () => {
    const { signatures } = await desk();
    const wrong = { ...anybody, operatorId: "cashier", pin: "000000" };
    expect(await signatures.byPin(wrong)).toEqual({ kind: "wrong", attemptsLeft: 2 });
    await signatures.byPin(wrong);
    expect(await signatures.byPin(wrong)).toMatchObject({ kind: "locked" });
    expect(await signatures.byPin({ ...wrong, pin: PIN.cashier })).toMatchObject({ kind: "locked" });
  });
});

describe("who could sign", () => {
  it("are those with the right who did not sign before, and whom a camera knows is said", async () => {
    const { signatures } = await desk();
    expect(signatures.signers(anybody)).toEqual([
      { operatorId: "keeper", displayName: "name of keeper", faceKnown: false },
      { operatorId: "manager", displayName: "name of manager", faceKnown: true },
    ]);
    expect(signatures.signers({ right: "override", notOperatorIds: ["manager"] })).toEqual([]);
  });
});

describe("a signature by face", () => {
  it("is the operator's who is as sure as a charge must be, and charges them nothing", async () => {
    const one = await desk();
    const outcome = one.byFace();
    await one.look(seen("p-1"), 1);
    expect(view(one.fixture)).toEqual({ kind: "closed", reason: "camera-in-use" });
    await one.look(seen("p-1"), 1);
    expect(await outcome).toEqual({
      kind: "signed",
      signature: { operatorId: "keeper", displayName: "name of keeper", by: "face" },
    });
    expect(one.frames.wanted).toBe(false);
    await one.look(seen("p-1"), 30);
    expect(kindsOf(one.fixture)).toEqual([]);
    await one.look(seen("p-4"), 3);
    expect(view(one.fixture)).toMatchObject({ kind: "paid", receipt: { personId: "p-4" } });
  });

  it.each([
    ["the first person", "p-2", { notOperatorIds: ["manager"] }, "same-person"],
    ["a keeper who would override", "p-1", { right: "override" }, "no-right"],
    ["a cashier", "p-3", {}, "no-right"],
    ["a diner", "p-4", {}, "no-right"],
  ] as const)("of %s is refused", async (_who, personId, change, reason) => {
    const one = await desk();
    const outcome = one.byFace(change);
    await one.look(seen(personId));
    expect(await outcome).toEqual({ kind: "refused", reason });
    await one.look(seen(personId), 20);
    expect(kindsOf(one.fixture)).toEqual([]);
  });

  it("is busy while the till looks at somebody, and while another one is looked at", async () => {
    const one = await desk({ activation: "touch" });
    await one.line.command({ kind: "activate" });
    expect(await one.byFace()).toEqual({ kind: "not-recognised", reason: "busy" });
    expect(one.frames.wanted).toBe(false);
    await one.look(seen("p-1"));
    expect(view(one.fixture).kind).toBe("paid");
    await one.clock.advance(2500);
    const first = one.byFace();
    expect(await one.byFace()).toEqual({ kind: "not-recognised", reason: "busy" });
    await one.look(seen("p-2"));
    expect(await first).toMatchObject({ kind: "signed" });
  });

  it("waits for no longer than asked, then says whether anybody was there to be unsure of", async () => {
    const one = await desk();
    const nobody = one.byFace({ waitMsMax: 1000 });
    await one.look(picture(), 11);
    expect(await nobody).toEqual({ kind: "not-recognised", reason: "nobody" });
    const unsure = one.byFace({ waitMsMax: 1000 });
    await one.look(picture(face({ person: "p-1", similarity: 0.6, second: 0.58 })), 11);
    expect(await unsure).toEqual({ kind: "not-recognised", reason: "unsure" });
    expect(view(one.fixture).kind).toBe("idle");
    await one.look(seen("p-1"), 30);
    expect(kindsOf(one.fixture)).toEqual([]);
  });

  it("is never one of two who look alike", async () => {
    const one = await desk();
    one.bounds.twins.push(["p-1", "p-4"]);
    const outcome = one.byFace();
    await one.look(seen("p-1"));
    expect(await outcome).toEqual({ kind: "not-recognised", reason: "unsure" });
  });

  it("ends when it is cancelled, before or while looking, and the till opens again", async () => {
    const one = await desk();
    const outcome = one.byFace();
    await one.look(seen("p-1"), 1);
    one.stopped.abort();
    expect(await outcome).toEqual({ kind: "not-recognised", reason: "cancelled" });
    expect(view(one.fixture).kind).toBe("idle");
    expect(await one.byFace()).toEqual({ kind: "not-recognised", reason: "cancelled" });
  });

  it("is cancelled when the terminal closes", async () => {
    const one = await desk();
    const outcome = one.byFace();
    one.signatures.close();
    expect(await outcome).toEqual({ kind: "not-recognised", reason: "cancelled" });
  });

  it("asks for what a live face can do, where the till would, and says it once", async () => {
    const one = await desk({ settings: settings("presence", { liveness: "assist" }) });
    const hints: (SigningHint | null)[] = [];
    const outcome = one.byFace({ onHint: (hint) => hints.push(hint), waitMsMax: 3000 });
    await one.look(picture(face({ person: "p-1", liveness: 0.2 })), 30);
    expect(await outcome).toEqual({ kind: "not-recognised", reason: "unsure" });
    expect(hints).toHaveLength(1);
    expect(["blink", "turn-left", "turn-right"]).toContain(hints[0]);
  });

  it("gives the camera back when the disk fails under it", async () => {
    const one = await desk();
    const outcome = one.byFace();
    one.bounds.barOf = () => {
      throw diskFault("disk-failed");
    };
    const failed = expect(outcome).rejects.toMatchObject({ code: "disk-failed" });
    await one.look(seen("p-1"), 1);
    await failed;
    expect(one.frames.wanted).toBe(false);
    expect(one.line.hold("signature")).not.toBeNull();
  });
});
