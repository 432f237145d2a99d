import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { assert } from "../platform/assert.ts";
import type { JournalEntry, Json, JsonObject } from "./journal-port.ts";

/** `prevHash` of the first entry, and the head's hash while the journal is empty. */
export const GENESIS_HASH = "0".repeat(64);
export const ENTRY_BODY_BYTES_MAX = 64 * 1024;
const BODY_DEPTH_MAX = 16;

/** RFC 8785. @throws InvariantBroken for what JSON cannot hold exactly. */
export function canonicalJson(value: Json): string {
  assertJson(value, "$", 0);
  const text = canonicalize(value);
  assert(text !== undefined, "canonical JSON of a checked value");
  return text;
}

type HashedFields = Omit<JournalEntry, "body" | "hash">;

/** 64 hex digits: SHA-256 over the canonical JSON of all fields but the hash itself. */
export function hashOfEntry(entry: HashedFields & Pick<JournalEntry, "body">): string {
  return hashOverBody(entry, canonicalJson(entry.body));
}

/**
 * As `hashOfEntry`, from the body's canonical JSON as it is stored.
 * The keys stand in RFC 8785's order here, so the whole need not be serialised a second time.
 */
export function hashOverBody(fields: HashedFields, bodyText: string): string {
  const { seq, id, kind, atMs, timeTrust, prevHash } = fields;
  const text =
    `{"atMs":${canonicalJson(atMs)},"body":${bodyText},"id":${canonicalJson(id)},"kind":${canonicalJson(kind)},` +
    `"prevHash":${canonicalJson(prevHash)},"seq":${canonicalJson(seq)},"timeTrust":${canonicalJson(timeTrust)}}`;
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** One entry as it goes into an export or a batch to the cloud, hash included. */
export function canonicalEntry(entry: JournalEntry): string {
  const { seq, id, kind, atMs, timeTrust, body, prevHash, hash } = entry;
  return canonicalJson({ seq, id, kind, atMs, timeTrust, body, prevHash, hash });
}

/** The body of a draft as it is stored. @throws InvariantBroken when it is no plain JSON or too large. */
export function canonicalBody(body: JsonObject): string {
  assert(isPlainObject(body), "an entry's body is an object");
  const text = canonicalJson(body);
  const bytes = Buffer.byteLength(text, "utf8");
  assert(
    bytes <= ENTRY_BODY_BYTES_MAX,
    `an entry's body is at most ${ENTRY_BODY_BYTES_MAX} bytes, got ${bytes}`,
  );
  return text;
}

/**
 * The serialiser would drop `undefined` and functions silently and call `toJSON`; a hash over less than what the
 * caller meant is worse than a crash.
 */
function assertJson(value: unknown, path: string, depth: number): asserts value is Json {
  assert(depth <= BODY_DEPTH_MAX, `${path} is nested deeper than ${BODY_DEPTH_MAX}`);
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "string") {
    assert(value.isWellFormed(), `${path} holds a lone surrogate`);
    return;
  }
  if (typeof value === "number") {
    assert(Number.isFinite(value), `${path} is ${value}`);
    assert(!Number.isInteger(value) || Number.isSafeInteger(value), `${path} is no safe integer: ${value}`);
    return;
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++)
      assertJson(value[index], `${path}[${index}]`, depth + 1);
    return;
  }
  assert(isPlainObject(value), `${path} is no JSON value`);
  for (const [key, member] of Object.entries(value)) {
    assert(key.isWellFormed(), `a key of ${path} holds a lone surrogate`);
    assertJson(member, `${path}.${key}`, depth + 1);
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
