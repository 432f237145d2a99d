import { z } from "zod";
import { isPinHash, PIN_HASH_PATTERN } from "../security/pin-hash.ts";

/**
 * What comes in `down/roster`: whole people, never parts of one, so a message may be applied twice, or late, and
 * the result is the same.
 *
 * - A delta carries everyone who changed in (`from`, `to`] as they are at `to`. It fits on any version from `from`
 *   up to `to`; on an older one there is a gap, and the terminal asks for more.
 * - A snapshot carries everyone at `to`, in `parts` messages of the same `to`; whoever is not in it is removed. It
 *   takes effect when its last part is there, in any order.
 * - Versions only grow. A cloud that hears of a higher one than its own was restored from a backup: it goes on
 *   above that one, with a snapshot.
 */

const PEOPLE_MAX = 2000;
const PARTS_MAX = 500;
const SAFE_MAX = Number.MAX_SAFE_INTEGER;

const rosterId = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, "letters, digits, dots, dashes, colons; at most 64");
const version = z.int().min(0).max(SAFE_MAX);
const text = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax)
    .refine((value) => value.isWellFormed(), "no lone surrogates");
const limitFen = z.int().min(0).max(100_000_00).nullable();
const epochMs = z.int().min(0).max(8_640_000_000_000_000);

export const consentSchema = z
  .strictObject({
    scope: z.enum(["face", "share-template"]),
    grantedBy: z.enum(["self", "guardian"]),
    grantedAtMs: epochMs,
    withdrawnAtMs: epochMs.nullable(),
  })
  .describe("The newest grant of this scope. Leaving a scope out withdraws nothing: say withdrawnAtMs.");

export const rosterPersonSchema = z
  .strictObject({
    personId: rosterId,
    number: text(32)
      .min(1)
      .describe("What the person keys in on the touch pad (学号 / 工号); one person's alone."),
    displayName: text(64).min(1),
    groupName: text(64),
    kind: z.enum(["student", "staff", "guest"]),
    active: z.boolean(),
    allergens: z.array(rosterId).max(50),
    limits: z.strictObject({
      perChargeFenMax: limitFen,
      perDayFenMax: limitFen,
      overdraftFenMax: limitFen,
      blockedPeriodIds: z.array(rosterId).max(24),
    }),
    account: z
      .strictObject({
        balanceFen: z.int().min(-100_000_000_00).max(100_000_000_00),
        throughSeq: z.int().min(0).max(SAFE_MAX),
      })
      .describe("The balance with this terminal's journal up to throughSeq already in it."),
    cards: z.array(text(256).min(1)).max(8).describe("What the reader types: card number or QR content."),
    pinHash: z
      .string()
      .regex(PIN_HASH_PATTERN)
      .refine(isPinHash, "costs too much for a terminal")
      .nullable()
      .describe("scrypt$N$r$p$salt$hash, salt and hash in base64url; null where the person has no PIN."),
    consents: z.array(consentSchema).max(2),
  })
  .describe("One person, whole.");

const people = z.array(rosterPersonSchema).max(PEOPLE_MAX);

export const rosterMessageSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      v: z.literal(1),
      kind: z.literal("snapshot"),
      to: version.min(1),
      part: z.int().min(1).max(PARTS_MAX),
      parts: z.int().min(1).max(PARTS_MAX),
      people,
    }),
    z.strictObject({
      v: z.literal(1),
      kind: z.literal("delta"),
      from: version,
      to: version.min(1),
      people,
      removed: z.array(rosterId).max(PEOPLE_MAX).describe("Ids of people who are gone, with all they had."),
    }),
  ])
  .check((context) => {
    for (const { path, message } of contradictions(context.value)) {
      context.issues.push({ code: "custom", path: [...path], message, input: undefined });
    }
  })
  .describe("People, accounts, limits, cards, PINs and consent.");

export type RosterMessage = z.infer<typeof rosterMessageSchema>;
export type RosterPerson = z.infer<typeof rosterPersonSchema>;
export type RosterConsent = z.infer<typeof consentSchema>;

interface Contradiction {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What each field allows but their combination does not. No value is named: they are people's data. */
function contradictions(message: RosterMessage): Contradiction[] {
  const found: Contradiction[] = [];
  if (message.kind === "snapshot" && message.part > message.parts) {
    found.push({ path: ["part"], message: "is more than parts" });
  }
  if (message.kind === "delta" && message.from >= message.to) {
    found.push({ path: ["to"], message: "must be more than from" });
  }
  const ids = new Set<string>(message.kind === "delta" ? message.removed : []);
  const numbers = new Set<string>();
  const cards = new Set<string>();
  message.people.forEach((person, index) => {
    const path = ["people", index] as const;
    if (taken(ids, person.personId)) found.push({ path: [...path, "personId"], message: "stands twice" });
    if (taken(numbers, person.number)) found.push({ path: [...path, "number"], message: "stands twice" });
    if (person.cards.some((card) => taken(cards, card))) {
      found.push({ path: [...path, "cards"], message: "one stands twice" });
    }
    if (new Set(person.consents.map(({ scope }) => scope)).size < person.consents.length) {
      found.push({ path: [...path, "consents"], message: "a scope stands twice" });
    }
    if (person.consents.some(withdrawnBeforeGranted)) {
      found.push({ path: [...path, "consents"], message: "withdrawn before it was granted" });
    }
  });
  return found;
}

const withdrawnBeforeGranted = ({ grantedAtMs, withdrawnAtMs }: RosterConsent): boolean =>
  withdrawnAtMs !== null && withdrawnAtMs < grantedAtMs;

/** Whether `value` was there; it is afterwards. */
function taken(known: Set<string>, value: string): boolean {
  if (known.has(value)) return true;
  known.add(value);
  return false;
}
