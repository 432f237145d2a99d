import type { Fen } from "../platform/units.ts";

export type PersonKind = "student" | "staff" | "guest";
export type ConsentScope = "face" | "share-template";

export interface Person {
  readonly personId: string;
  /** What the person keys in on the touch pad (学号 / 工号). */
  readonly number: string;
  readonly displayName: string;
  readonly groupName: string;
  readonly kind: PersonKind;
  readonly active: boolean;
  /** Allergen ids as the meal plan's menu names them. */
  readonly allergens: readonly string[];
  readonly limits: PersonLimits;
}

/** Limits that the guardian or the school set; `null` means the configured default holds. */
export interface PersonLimits {
  readonly perChargeFenMax: Fen | null;
  readonly perDayFenMax: Fen | null;
  readonly overdraftFenMax: Fen | null;
  /** Meal periods in which the guardian allows no charge at all. */
  readonly blockedPeriodIds: readonly string[];
}

/** The cloud's balance, which already contains this device's journal up to `throughSeq`. */
export interface AccountBase {
  readonly balanceFen: Fen;
  readonly throughSeq: number;
}

export interface Consent {
  readonly scope: ConsentScope;
  readonly grantedBy: "self" | "guardian";
  readonly grantedAtMs: number;
  readonly withdrawnAtMs: number | null;
}

/** Read side that the serving line and the kiosk use. All calls are synchronous reads of the local database. */
export interface Roster {
  person(personId: string): Person | undefined;
  personByNumber(number: string): Person | undefined;
  /** @param cardToken what the reader types: card number, QR content. */
  personByCard(cardToken: string): Person | undefined;
  /** People whose number, name or group contains `text`, at most `countMax`, by number. */
  find(text: string, countMax: number): Person[];
  account(personId: string): AccountBase | undefined;
  consents(personId: string): readonly Consent[];
  hasConsent(personId: string, scope: ConsentScope): boolean;
  /** The version of the cloud's roster that is applied here; 0 before the first. */
  version(): number;
  counts(): { readonly people: number; readonly withTemplate: number };
}

/** Outcome of number + PIN. A wrong number and a wrong PIN look alike from outside. */
export type PinCheck =
  | { readonly kind: "ok"; readonly personId: string }
  | { readonly kind: "wrong"; readonly attemptsLeft: number }
  | { readonly kind: "locked"; readonly untilMs: number };

export interface PinVerifier {
  /** Person number + PIN; the attempt is counted durably before the (slow) hash is compared. */
  check(number: string, pin: string): Promise<PinCheck>;
}

/** One shot of an enrolment, after the engine measured it. */
export interface TemplateDraft {
  readonly modelId: string;
  readonly embedding: Float32Array;
  readonly quality: number;
}

export interface StoredTemplate {
  readonly templateId: string;
  readonly personId: string;
  readonly modelId: string;
  readonly embedding: Float32Array;
}

/** Templates at rest: AES-256-GCM under a key per person, itself wrapped by the device key. */
export interface TemplateStore {
  /**
   * Replaces the person's templates of that model and appends `person.enrolled` in the same transaction.
   * The same `entryId` again changes nothing.
   * @throws CanteenError `consent-missing` when no face consent is recorded; `person-unknown`.
   */
  enrol(request: {
    readonly entryId: string;
    readonly personId: string;
    /** All of one model. */
    readonly templates: readonly TemplateDraft[];
    readonly operatorId: string;
    /** Recorded first, in the same transaction. */
    readonly consent?: { readonly scopes: readonly ConsentScope[]; readonly grantedBy: "self" | "guardian" };
  }): StoredTemplate[];
  /** @throws CanteenError `person-unknown`. */
  recordConsent(request: {
    readonly personId: string;
    readonly scopes: readonly ConsentScope[];
    readonly grantedBy: "self" | "guardian";
    readonly operatorId: string;
  }): void;
  /** Destroys the person's key and ciphertexts and appends `person.withdrawn`. Works offline. */
  withdraw(request: {
    readonly entryId: string;
    readonly personId: string;
    readonly operatorId: string | null;
    readonly reason: string;
  }): void;
  /** Decrypts all that can be; the rest is named in `damaged`, never guessed. */
  loadAll(modelId: string): {
    readonly templates: StoredTemplate[];
    readonly damaged: readonly { readonly templateId: string; readonly code: string }[];
  };
  /**
   * As `loadAll`, some people at a time as the parts are taken: twenty thousand open templates at once are
   * memory that the process would never give back. Others may write between two parts.
   * @returns with the number of people who have templates of this model.
   */
  loadInParts(modelId: string): {
    readonly peopleCount: number;
    readonly parts: Iterable<ReturnType<TemplateStore["loadAll"]>>;
  };
  /** Called when templates come, change or go, also through the downlink; must not throw. */
  onChanged(
    listener: (change: { readonly personId: string; readonly templates: readonly StoredTemplate[] }) => void,
  ): () => void;
}
