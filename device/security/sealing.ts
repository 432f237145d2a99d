import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import type { Entropy } from "../platform/entropy.ts";
import { CanteenError } from "../platform/errors.ts";
import { KEY_BYTES } from "./key-file.ts";

/** Layout: format byte, nonce, ciphertext, tag. */
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const SEAL_OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/**
 * What a sealed value belongs to. A value sealed for one context opens in no other, so a row copied to another
 * person, or a template replayed under another id, is found out.
 */
export type SealContext = readonly [purpose: string, ...parts: string[]];

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce: good for 2^32 values under one key, far beyond a school.
 * @returns format byte ‖ nonce ‖ ciphertext ‖ tag.
 */
export function seal(key: KeyObject, plain: Uint8Array, context: SealContext, entropy: Entropy): Uint8Array {
  const nonce = entropy.bytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(context));
  const body = cipher.update(plain);
  return Uint8Array.from(
    Buffer.concat([Uint8Array.of(FORMAT), nonce, body, cipher.final(), cipher.getAuthTag()]),
  );
}

/** @throws CanteenError `sealed-data-damaged`: another key, another context, or changed bytes. */
export function open(key: KeyObject, sealed: Uint8Array, context: SealContext): Uint8Array {
  if (sealed.length < SEAL_OVERHEAD_BYTES || sealed[0] !== FORMAT) throw damaged(context, undefined);
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(context));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const body = decipher.update(sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES));
    decipher.final();
    // A view, not a copy: a terminal opens a hundred thousand values at its start.
    return new Uint8Array(body.buffer, body.byteOffset, body.length);
  } catch (error) {
    throw damaged(context, error);
  }
}

/** A fresh key, and the same key sealed under another one for storage. */
export function createWrappedKey(
  wrapping: KeyObject,
  context: SealContext,
  entropy: Entropy,
): { readonly key: KeyObject; readonly wrapped: Uint8Array } {
  const bytes = entropy.bytes(KEY_BYTES);
  const wrapped = seal(wrapping, bytes, context, entropy);
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return { key, wrapped };
}

/** @throws CanteenError `sealed-data-damaged`. */
export function unwrapKey(wrapping: KeyObject, wrapped: Uint8Array, context: SealContext): KeyObject {
  const bytes = open(wrapping, wrapped, context);
  if (bytes.length !== KEY_BYTES) throw damaged(context, undefined);
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/** JSON keeps the parts apart whatever characters they hold. */
function associatedData(context: SealContext): Buffer {
  return Buffer.from(JSON.stringify(["canteen-edge", ...context]), "utf8");
}

function damaged([purpose]: SealContext, cause: unknown): CanteenError {
  return new CanteenError(`sealed ${purpose} does not open`, {
    code: "sealed-data-damaged",
    retry: "never",
    hint: {
      zh: "加密数据无法解开：密钥不符或数据被改动。请重新登记该人员。",
      en: "Sealed data does not open: another key, or changed data. Enrol the person again.",
    },
    cause,
  });
}
