import { describe, expect, it } from "vitest";
import { seededEntropy } from "../platform/entropy.ts";
import { createPinHasher, type PinHasher } from "../security/pin-hash.ts";
import { openPinVerifier } from "./pin-verifier.ts";
import { delta, rosterFixture, rosterPerson } from "./roster-fixture.ts";

const limits = { attemptsMax: 3, lockMs: 60_000 };
const hasher = createPinHasher({ entropy: seededEntropy(1), cost: { n: 16, r: 1, p: 1 } });

async function verifier(other?: PinHasher) {
  const fixture = rosterFixture();
  const withPin = rosterPerson("p-1", { pinHash: await hasher.hash("482913") });
  fixture.roster.apply(delta(0, 1, [withPin, rosterPerson("p-2")]));
  return { ...fixture, pins: openPinVerifier({ ...fixture, hasher: other ?? hasher, limits }) };
}

describe("number and PIN", () => {
  it("name the person", async () => {
    const { pins } = await verifier();
    expect(await pins.check("n-p-1", "482913")).toEqual({ kind: "ok", personId: "p-1" });
  });

  it("are told apart in nothing when they are wrong: PIN, number, or no PIN at all", async () => {
    const { pins, clock } = await verifier();
    for (const number of ["n-p-1", "n-p-2", "n-nobody", "", "x".repeat(1000)]) {
      expect(await pins.check(number, "000000")).toEqual({ kind: "wrong", attemptsLeft: 2 });
      expect(await pins.check(number, "")).toEqual({ kind: "wrong", attemptsLeft: 1 });
      const locked = { kind: "locked", untilMs: clock.now() + 60_000 };
      expect(await pins.check(number, "0".repeat(5000))).toEqual(locked);
      expect(await pins.check(number, "482913")).toEqual(locked);
    }
  });

  it("open again after the lock, and a right PIN clears the count", async () => {
    const { pins, clock } = await verifier();
    for (let count = 0; count < 3; count++) await pins.check("n-p-1", "000000");
    await clock.advance(60_000);
    expect(await pins.check("n-p-1", "000000")).toEqual({ kind: "wrong", attemptsLeft: 2 });
    expect(await pins.check("n-p-1", "482913")).toEqual({ kind: "ok", personId: "p-1" });
    expect(await pins.check("n-p-1", "000000")).toEqual({ kind: "wrong", attemptsLeft: 2 });
  });

  it("count an attempt on the disk before they compare it", async () => {
    const stuck = await verifier({ hash: hasher.hash, verify: () => new Promise(() => {}) });
    void stuck.pins.check("n-p-1", "000000");
    void stuck.pins.check("n-p-1", "000000");
    const fixture = stuck.restart();
    const pins = openPinVerifier({ ...fixture, hasher, limits });
    expect(await pins.check("n-p-1", "000000")).toMatchObject({ kind: "locked" });
  });

  it("do not count where the hasher had no time", async () => {
    const busy = Object.assign(new Error("busy"), { code: "pin-check-busy" });
    const { pins, restart } = await verifier({ hash: hasher.hash, verify: () => Promise.reject(busy) });
    for (let count = 0; count < 5; count++) await expect(pins.check("n-p-1", "1")).rejects.toBe(busy);
    const again = openPinVerifier({ ...restart(), hasher, limits });
    expect(await again.check("n-p-1", "1")).toEqual({ kind: "wrong", attemptsLeft: 2 });
  });

  it("lock every number when one PIN is tried on number after number, and open again after a while", async () => {
    const { pins, clock } = await verifier();
    for (let no = 0; no < 29; no++) {
      expect(await pins.check(`n-${no}`, "123456")).toMatchObject({ kind: "wrong" });
    }
    // One's own right PIN in between wins no further tries.
    expect(await pins.check("n-p-1", "482913")).toMatchObject({ kind: "ok" });
    expect(await pins.check("n-29", "123456")).toMatchObject({ kind: "wrong" });
    const locked = { kind: "locked", untilMs: clock.now() + limits.lockMs };
    expect(await pins.check("n-30", "123456")).toEqual(locked);
    expect(await pins.check("n-p-1", "482913")).toEqual(locked);
    await clock.advance(limits.lockMs);
    expect(await pins.check("n-p-1", "482913")).toMatchObject({ kind: "ok" });
    expect(await pins.check("n-31", "123456")).toMatchObject({ kind: "wrong" });
    expect(await pins.check("n-p-1", "482913")).toMatchObject({ kind: "ok" });
  });

  it("do not lock everybody for what a queue mistypes over a morning", async () => {
    const { pins, clock } = await verifier();
    for (let no = 0; no < 60; no++) {
      expect(await pins.check(`n-${no}`, "123456")).toMatchObject({ kind: "wrong" });
      await clock.advance(30_000);
    }
  });
});
