import { createSecretKey, type KeyObject } from "node:crypto";
import { onTestFinished } from "vitest";
import { type JournalFixture, journalFixture } from "../journal/journal-fixture.ts";
import type { JournalEntry } from "../journal/journal-port.ts";
import { type Entropy, seededEntropy } from "../platform/entropy.ts";
import { securityMigrations } from "../security/security-tables.ts";
import { SiteSealing } from "../security/site-key.ts";
import type { RosterMessage, RosterPerson } from "./roster-delta.ts";
import { openRosterStore, type RosterStore } from "./roster-store.ts";
import { rosterMigrations } from "./roster-tables.ts";
import { openTemplateSharing, type TemplateSharing } from "./template-sharing.ts";
import { openTemplateStore, type SqliteTemplateStore } from "./template-store.ts";

export const MODEL = "test-model";
export const EMBEDDING_LENGTH = 8;

export interface RosterFixture extends JournalFixture {
  readonly entropy: Entropy;
  readonly roster: RosterStore;
  readonly templates: SqliteTemplateStore;
  readonly sharing: TemplateSharing;
  restart(change?: RosterFixtureOptions): RosterFixture;
}

export interface RosterFixtureOptions {
  readonly seed?: number;
  readonly deviceKey?: KeyObject;
  readonly site?: string;
  readonly siteKey?: KeyObject;
  readonly sharingOn?: boolean;
}

/** Roster, templates and sharing on a real database. For tests only. */
export function rosterFixture(options: RosterFixtureOptions = {}, reopened?: JournalFixture): RosterFixture {
  const fixture = reopened ?? journalFixture({ migrations: [securityMigrations, rosterMigrations] });
  const entropy = seededEntropy(options.seed ?? 11);
  const templates = openTemplateStore({
    ...fixture,
    entropy,
    deviceKey: options.deviceKey ?? createSecretKey(Buffer.alloc(32, 1)),
    embeddingLengths: new Map([[MODEL, EMBEDDING_LENGTH]]),
    sharing: options.sharingOn ?? true,
  });
  onTestFinished(() => templates.close());
  const siteKey = options.siteKey ?? createSecretKey(Buffer.alloc(32, 2));
  const sealing = new SiteSealing(options.site ?? "north", siteKey, entropy);
  return {
    ...fixture,
    entropy,
    templates,
    roster: openRosterStore({ ...fixture, templates }),
    sharing: openTemplateSharing({ ...fixture, store: templates, sealing }),
    restart: (change = {}) => rosterFixture({ ...options, ...change }, fixture.reopen()),
  };
}

/** An invented person; numbers and cards follow from the id. */
export function rosterPerson(personId: string, change: Partial<RosterPerson> = {}): RosterPerson {
  return {
    personId,
    number: `n-${personId}`,
    displayName: `Name ${personId}`,
    groupName: "Class 1",
    kind: "student",
    active: true,
    allergens: [],
    limits: { perChargeFenMax: null, perDayFenMax: null, overdraftFenMax: null, blockedPeriodIds: [] },
    account: { balanceFen: 5000, throughSeq: 0 },
    cards: [`card-${personId}`],
    pinHash: null,
    consents: [],
    ...change,
  };
}

export function delta(
  from: number,
  to: number,
  people: readonly RosterPerson[],
  removed: readonly string[] = [],
): RosterMessage {
  return { v: 1, kind: "delta", from, to, people: [...people], removed: [...removed] };
}

export function snapshot(to: number, people: readonly RosterPerson[], part = 1, parts = 1): RosterMessage {
  return { v: 1, kind: "snapshot", to, part, parts, people: [...people] };
}

/** A normalised vector that differs by seed. */
export function embedding(seed: number): Float32Array {
  const entropy = seededEntropy(seed);
  const values = Float32Array.from({ length: EMBEDDING_LENGTH }, () => entropy.uniform() - 0.5);
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

export function drafts(...seeds: readonly number[]) {
  return seeds.map((seed) => ({ modelId: MODEL, embedding: embedding(seed), quality: 0.9 }));
}

export function entriesOf({ journal }: Pick<JournalFixture, "journal">, kind?: string): JournalEntry[] {
  return journal
    .readAfter(0, { countMax: 1000, bytesMax: 1e7 })
    .filter((entry) => kind === undefined || entry.kind === kind);
}
