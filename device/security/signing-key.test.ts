import { createPublicKey, createSecretKey, verify } from "node:crypto";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../journal/journal-fixture.ts";
import { seededEntropy } from "../platform/entropy.ts";
import { loadOrCreateSigningKey } from "./signing-key.ts";

const deviceKey = createSecretKey(Buffer.alloc(32, 7));
const message = Buffer.from("what was written");

describe("the device's signing key", () => {
  it("is made once, kept for its owner alone, and the same after a restart", () => {
    const file = join(temporaryFolder(), "signing.key");
    const first = loadOrCreateSigningKey(file, deviceKey, seededEntropy(1));
    const again = loadOrCreateSigningKey(file, deviceKey, seededEntropy(2));
    expect(again.publicKey).toBe(first.publicKey);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: first.publicKey }, format: "jwk" });
    expect(verify(null, message, key, again.sign(message))).toBe(true);
    expect(verify(null, Buffer.from("something else"), key, again.sign(message))).toBe(false);
  });

  it("lies sealed: neither its bytes nor another device key give it away", () => {
    const file = join(temporaryFolder(), "signing.key");
    loadOrCreateSigningKey(file, deviceKey, seededEntropy(1));
    const other = createSecretKey(Buffer.alloc(32, 8));
    expect(() => loadOrCreateSigningKey(file, other, seededEntropy(1))).toThrow(
      expect.objectContaining({ code: "sealed-data-damaged" }),
    );
    expect(readFileSync(file).length).toBe(61);
  });

  it("is refused when others may read it", () => {
    const file = join(temporaryFolder(), "signing.key");
    loadOrCreateSigningKey(file, deviceKey, seededEntropy(1));
    chmodSync(file, 0o644);
    expect(() => loadOrCreateSigningKey(file, deviceKey, seededEntropy(1))).toThrow(
      expect.objectContaining({ code: "key-file-exposed" }),
    );
  });
});
