import { scryptSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { seededEntropy } from "../platform/entropy.ts";
import { createPinHasher, isPinHash, PIN_COST, PIN_HASH_PATTERN } from "./pin-hash.ts";

const cheap = { n: 16, r: 1, p: 1 };

describe("a PIN hash", () => {
  it("describes itself and checks with plain scrypt", async () => {
    const encoded = await createPinHasher({ entropy: seededEntropy(1) }).hash("246813");
    expect(encoded).toMatch(PIN_HASH_PATTERN);
    expect(encoded).not.toContain("246813");
    const [, n, r, p, salt = "", hash] = encoded.split("$");
    expect([n, r, p].map(Number)).toEqual([PIN_COST.n, PIN_COST.r, PIN_COST.p]);
    const options = { N: PIN_COST.n, r: PIN_COST.r, p: PIN_COST.p, maxmem: 2 ** 26 };
    expect(scryptSync("246813", Buffer.from(salt, "base64url"), 32, options).toString("base64url")).toBe(
      hash,
    );
  });

  it("says yes to its PIN and no to another, to nobody and to full-width look-alikes of another", async () => {
    const hasher = createPinHasher({ entropy: seededEntropy(1), cost: cheap });
    const encoded = await hasher.hash("246813");
    expect(await hasher.verify("246813", encoded)).toBe(true);
    expect(await hasher.verify("２４６８１３", encoded)).toBe(true);
    expect(await hasher.verify("246814", encoded)).toBe(false);
    expect(await hasher.verify("", encoded)).toBe(false);
    expect(await hasher.verify("246813", undefined)).toBe(false);
    expect(await hasher.hash("246813")).not.toBe(encoded);
  });

  it.each([
    ["garbage", "hello"],
    ["another scheme", "bcrypt$16$1$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA"],
    ["N that is no power of two", "scrypt$17$1$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA"],
    ["a gigabyte of memory", "scrypt$1048576$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA"],
    ["too many passes", "scrypt$16384$8$64$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA"],
    ["no salt", "scrypt$16$1$1$$AAAAAAAAAAAAAAAAAAAAAAAA"],
    ["N of one", "scrypt$1$1$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA"],
  ])("is refused when it is %s", async (_, encoded) => {
    expect(isPinHash(encoded)).toBe(false);
    const hasher = createPinHasher({ entropy: seededEntropy(1), cost: cheap });
    await expect(hasher.verify("246813", encoded)).rejects.toMatchObject({ code: "pin-hash-invalid" });
    expect(await hasher.verify("246813", await hasher.hash("246813"))).toBe(true);
  });

  it("is computed one at a time, a few wait, and the newest beyond is told to come again", async () => {
    const hasher = createPinHasher({ entropy: seededEntropy(1), cost: cheap });
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => hasher.verify("1", undefined)));
    const refused = results.map((result) => (result.status === "rejected" ? result.reason.code : "done"));
    expect(refused).toEqual([...Array(9).fill("done"), ...Array(3).fill("pin-check-busy")]);
    expect(await hasher.verify("1", undefined)).toBe(false);
  });
});
