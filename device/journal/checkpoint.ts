import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { z } from "zod";
import type { JsonObject } from "./journal-port.ts";
import type { JournalRow } from "./journal-tables.ts";

/**
 * A checkpoint: the device's signature over the hash of one entry, and so over everything before it.
 *
 * The chain's head is the root. A Merkle tree would prove one entry without the others; but whoever checks has the
 * device's file or the cloud's copy anyway, and walking it takes seconds. What a head alone cannot say is *which*
 * entry was changed, once somebody has computed the whole chain anew behind the change. For that a checkpoint signs
 * a short digest of each entry since the one before, and a comparison of both lists names the entry.
 */
export interface CheckpointStatement {
  readonly site: string;
  readonly device: string;
  /** The entry that is signed; the checkpoint itself is the entry after it. */
  readonly seq: number;
  readonly hash: string;
  readonly atMs: number;
  /** The digests begin with this entry and end with `seq`. */
  readonly digestsFrom: number;
  readonly digestsSha256: string;
}

export interface Checkpoint extends CheckpointStatement {
  /** Raw Ed25519 key, 32 bytes in base64url. */
  readonly publicKey: string;
  readonly signature: string;
  /** Base64 of 8 bytes for each entry; null where only the short code is at hand. */
  readonly digests: string | null;
}

/** Who signs: the device's own key, which never leaves `security`. */
export interface CheckpointSigner {
  readonly publicKey: string;
  sign(bytes: Uint8Array): Uint8Array;
}

export const CHECKPOINT_KIND = "journal.checkpoint";
/** Keeps the entry's body far below its limit: 8 bytes each, in base64. */
export const DIGESTS_MAX = 2000;
export const DIGEST_BYTES = 8;

const HEX_HASH = /^[0-9a-f]{64}$/;
const IDENTIFIER = /^[a-z0-9][a-z0-9-]{0,62}$/;
const RAW_KEY = /^[A-Za-z0-9_-]{43}$/;
const SIGNATURE = /^[A-Za-z0-9_-]{86}$/;
const count = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** Body of a `journal.checkpoint` entry. */
export const checkpointBodySchema = z.strictObject({
  site: z.string().regex(IDENTIFIER),
  device: z.string().regex(IDENTIFIER),
  seq: count,
  hash: z.string().regex(HEX_HASH),
  atMs: z.int(),
  digestsFrom: count,
  digests: z.base64().max(Math.ceil((DIGESTS_MAX * DIGEST_BYTES) / 3) * 4),
  publicKey: z.string().regex(RAW_KEY),
  signature: z.string().regex(SIGNATURE),
});

/** What is left of an entry when its place in the chain is taken away: its digest is the same wherever it stands. */
export function digestOfRow({ id, kind, at_ms, time_trust, body }: JournalRow): Buffer {
  return createHash("sha256")
    .update(JSON.stringify([id, kind, at_ms, time_trust, body]))
    .digest()
    .subarray(0, DIGEST_BYTES);
}

/** @param digests one after the other, `DIGEST_BYTES` each. */
export function signCheckpoint(
  fields: Omit<CheckpointStatement, "digestsSha256">,
  digests: Uint8Array,
  signer: CheckpointSigner,
): JsonObject {
  const statement = { ...fields, digestsSha256: sha256(digests) };
  return {
    ...fields,
    digests: Buffer.from(digests).toString("base64"),
    publicKey: signer.publicKey,
    signature: Buffer.from(signer.sign(signedBytes(statement))).toString("base64url"),
  };
}

/** The checkpoint in an entry's body; undefined where it is none. Its signature is not looked at. */
export function checkpointOfBody(body: unknown): Checkpoint | undefined {
  const parsed = checkpointBodySchema.safeParse(body);
  if (!parsed.success) return undefined;
  return { ...parsed.data, digestsSha256: sha256(Buffer.from(parsed.data.digests, "base64")) };
}

/** Whether the named key made the signature. Who holds that key is not known here. */
export function isSigned(checkpoint: Checkpoint): boolean {
  try {
    const signature = Buffer.from(checkpoint.signature, "base64url");
    return verify(null, signedBytes(checkpoint), publicKeyOf(checkpoint.publicKey), signature);
  } catch {
    return false; // Not a point of the curve.
  }
}

const CODE_PREFIX = "CE1";

/** One line for paper and QR code: everything but the digests. No character of it needs escaping anywhere. */
export function codeOf(checkpoint: Checkpoint): string {
  const { site, device, seq, hash, atMs, digestsFrom, digestsSha256, publicKey, signature } = checkpoint;
  return [
    ...[CODE_PREFIX, site, device, seq, atMs, digestsFrom],
    ...[short(hash), short(digestsSha256), publicKey, signature],
  ].join(":");
}

const CODE =
  /^CE1:([a-z0-9-]{1,63}):([a-z0-9-]{1,63}):(\d{1,16}):(-?\d{1,16}):(\d{1,16}):([\w-]{43}):([\w-]{43}):([\w-]{43}):([\w-]{86})$/;

/** Reads a code, or the JSON of a checkpoint's entry or of its body. @returns undefined where it is none of them. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const trimmed = text.trim();
  if (trimmed.startsWith("{")) return fromJson(trimmed);
  const [, site, device, seq, atMs, digestsFrom, hash, digestsSha256, publicKey, signature] =
    CODE.exec(trimmed) ?? [];
  if (site === undefined || device === undefined || hash === undefined || digestsSha256 === undefined)
    return undefined;
  if (publicKey === undefined || signature === undefined) return undefined;
  return {
    site,
    device,
    seq: Number(seq),
    hash: long(hash),
    atMs: Number(atMs),
    digestsFrom: Number(digestsFrom),
    digestsSha256: long(digestsSha256),
    publicKey,
    signature,
    digests: null,
  };
}

function fromJson(text: string): Checkpoint | undefined {
  try {
    const json: unknown = JSON.parse(text);
    const isEntry = typeof json === "object" && json !== null && "body" in json;
    return checkpointOfBody(isEntry ? json.body : json);
  } catch {
    return undefined;
  }
}

/** An array, so that no two statements give the same bytes; the first text keeps the key from signing other things. */
function signedBytes(statement: CheckpointStatement): Buffer {
  const { site, device, seq, hash, atMs, digestsFrom, digestsSha256 } = statement;
  return Buffer.from(
    JSON.stringify([
      "canteen-edge journal checkpoint 1",
      site,
      device,
      seq,
      hash,
      atMs,
      digestsFrom,
      digestsSha256,
    ]),
  );
}

/** Ed25519 keys are 32 bytes; node wants them in SubjectPublicKeyInfo (RFC 8410), which is this prefix before them. */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

function publicKeyOf(raw: string): KeyObject {
  const der = Buffer.concat([SPKI_PREFIX, Buffer.from(raw, "base64url")]);
  return createPublicKey({ key: der, format: "der", type: "spki" });
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const short = (hex: string): string => Buffer.from(hex, "hex").toString("base64url");
const long = (base64url: string): string => Buffer.from(base64url, "base64url").toString("hex");
