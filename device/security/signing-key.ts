import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { Entropy } from "../platform/entropy.ts";
import { createPrivateFile, KEY_BYTES, readPrivateFileOrNone } from "./key-file.ts";
import { open, SEAL_OVERHEAD_BYTES, type SealContext, seal } from "./sealing.ts";

/** The device's own signature: it says "this terminal wrote this", and nothing about who stood before it. */
export interface SigningKey {
  /** 32 bytes in base64url. */
  readonly publicKey: string;
  /** Ed25519 (RFC 8032), 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

const CONTEXT: SealContext = ["device-signing-key"];
/** An Ed25519 seed as PKCS #8 (RFC 8410): this prefix, then the 32 bytes. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * The Ed25519 key of this terminal, made at the first start and kept sealed under the device key, in a file of its
 * own: it must outlive a damaged database, since the cloud knows this terminal by it.
 * @throws CanteenError `key-file-exposed`, `key-file-unreadable`, `key-file-unwritable`, `sealed-data-damaged`.
 */
export function loadOrCreateSigningKey(file: string, deviceKey: KeyObject, entropy: Entropy): SigningKey {
  const stored = readPrivateFileOrNone(file, KEY_BYTES + SEAL_OVERHEAD_BYTES);
  if (stored !== undefined) return signingKey(Buffer.from(open(deviceKey, stored, CONTEXT)));
  const seed = Buffer.from(entropy.bytes(KEY_BYTES));
  createPrivateFile(file, seal(deviceKey, seed, CONTEXT, entropy));
  return signingKey(seed);
}

/** @param seed overwritten with zeros. */
function signingKey(seed: Buffer): SigningKey {
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  try {
    const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    return {
      publicKey: spki.subarray(spki.length - KEY_BYTES).toString("base64url"),
      sign: (bytes) => sign(null, bytes, key),
    };
  } finally {
    der.fill(0);
    seed.fill(0);
  }
}
