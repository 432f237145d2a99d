import { createSecretKey } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededEntropy, systemEntropy } from "../platform/entropy.ts";
import { createWrappedKey, open, SEAL_OVERHEAD_BYTES, type SealContext, seal, unwrapKey } from "./sealing.ts";
import { SiteSealing } from "./site-key.ts";

const key = createSecretKey(Buffer.alloc(32, 7));
const otherKey = createSecretKey(Buffer.alloc(32, 8));
const damaged = expect.objectContaining({ code: "sealed-data-damaged" });

describe("seal and open", () => {
  it("give back what was sealed, whatever it was", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.string(), (plain, part) => {
        const sealed = seal(key, plain, ["template", part], systemEntropy);
        expect(sealed).toHaveLength(plain.length + SEAL_OVERHEAD_BYTES);
        expect(open(key, sealed, ["template", part])).toEqual(Uint8Array.from(plain));
      }),
    );
  });

  it("refuse every single changed bit and every cut", () => {
    const plain = Uint8Array.from({ length: 24 }, (_, index) => index);
    const sealed = seal(key, plain, ["template", "p-1"], seededEntropy(1));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => open(key, changed, ["template", "p-1"])).toThrow(damaged);
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => open(key, sealed.subarray(0, length), ["template", "p-1"])).toThrow(damaged);
    }
  });

  it.each<[string, SealContext]>([
    ["another person", ["template", "p-2"]],
    ["another purpose", ["person-key", "p-1"]],
    ["the same letters cut elsewhere", ["templatep-1"]],
    ["one part more", ["template", "p-1", ""]],
  ])("refuse the context of %s", (_, context) => {
    const sealed = seal(key, Uint8Array.of(1, 2, 3), ["template", "p-1"], seededEntropy(1));
    expect(() => open(key, sealed, context)).toThrow(damaged);
    expect(() => open(otherKey, sealed, ["template", "p-1"])).toThrow(damaged);
  });

  it("never use a nonce twice, and say nothing of the content in the error", () => {
    const plain = Buffer.from("SECRET-EMBEDDING");
    const entropy = seededEntropy(1);
    const first = seal(key, plain, ["template"], entropy);
    const second = seal(key, plain, ["template"], entropy);
    expect(first).not.toEqual(second);
    const error = (() => {
      try {
        return open(otherKey, first, ["template", "p-1"]);
      } catch (thrown) {
        return String(thrown);
      }
    })();
    expect(error).toBe("CanteenError: sealed template does not open");
  });
});

describe("a wrapped key", () => {
  it("opens with the wrapping key and its own context only", () => {
    const { key: fresh, wrapped } = createWrappedKey(key, ["person-key", "p-1"], seededEntropy(3));
    expect(unwrapKey(key, wrapped, ["person-key", "p-1"]).equals(fresh)).toBe(true);
    expect(() => unwrapKey(otherKey, wrapped, ["person-key", "p-1"])).toThrow(damaged);
    expect(() => unwrapKey(key, wrapped, ["person-key", "p-2"])).toThrow(damaged);
    const short = seal(key, Uint8Array.of(1), ["person-key", "p-1"], seededEntropy(3));
    expect(() => unwrapKey(key, short, ["person-key", "p-1"])).toThrow(damaged);
  });
});

describe("SiteSealing", () => {
  it("opens in the same site under the same name only", () => {
    const name = { personId: "p-1", modelId: "m", shareId: "s" };
    const here = new SiteSealing("north", key, seededEntropy(1));
    const sealed = here.seal(name, Uint8Array.of(1, 2, 3));
    expect(new SiteSealing("north", key, seededEntropy(2)).open(name, sealed)).toEqual(
      Uint8Array.of(1, 2, 3),
    );
    expect(() => new SiteSealing("south", key, seededEntropy(1)).open(name, sealed)).toThrow(damaged);
    for (const part of ["personId", "modelId", "shareId"] as const) {
      expect(() => here.open({ ...name, [part]: "other" }, sealed)).toThrow(damaged);
    }
  });
});
