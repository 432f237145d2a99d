import { fen } from "../platform/units.ts";
import type { Enrolment, EnrolmentProgress, Shot } from "../roster/enrolment-port.ts";
import type { Consent, ConsentScope, Person, Roster, TemplateStore } from "../roster/roster-port.ts";
import type { Operator, OperatorRole, Operators } from "../security/operators-port.ts";

/** Stand-ins of roster, consent, enrolment and operators; see fake-world.ts. */

const NO_LIMITS = { perChargeFenMax: null, perDayFenMax: null, overdraftFenMax: null, blockedPeriodIds: [] };
export const fakePeople: readonly Person[] = [
  {
    personId: "p1",
    number: "20260101",
    displayName: "甲同学",
    groupName: "三年级（1）班",
    kind: "student",
    active: true,
    allergens: ["peanut"],
    limits: NO_LIMITS,
  },
  {
    personId: "p2",
    number: "20260102",
    displayName: "乙同学",
    groupName: "三年级（2）班",
    kind: "student",
    active: true,
    allergens: [],
    limits: NO_LIMITS,
  },
  {
    personId: "p3",
    number: "900017",
    displayName: "丙老师",
    groupName: "教务处",
    kind: "staff",
    active: true,
    allergens: [],
    limits: NO_LIMITS,
  },
];

export class FakeOperators implements Operators {
  readonly signedOut: string[] = [];
  readonly #all: Operator[] = [
    { operatorId: "m1", displayName: "管理员", role: "manager" },
    { operatorId: "k1", displayName: "仓管", role: "keeper" },
  ];

  async add(request: { operatorId: string; displayName: string; role: OperatorRole }): Promise<Operator> {
    this.#all.push(request);
    return request;
  }

  /** The PIN of everyone is 135790; the token is the operator's id. "locked" is locked. */
  async signIn({ operatorId, pin }: { operatorId: string; pin: string }) {
    if (operatorId === "locked") return { kind: "locked", waitMs: 120_000 } as const;
    const operator = this.#all.find((each) => each.operatorId === operatorId);
    if (operator === undefined || pin !== "135790") return { kind: "wrong", attemptsLeft: 4 } as const;
    return { kind: "signed-in", operator, token: `token-${operatorId}`, expiresInMs: 600_000 } as const;
  }

  signOut(token: string): void {
    this.signedOut.push(token);
  }

  session(token: string): Operator | undefined {
    if (this.signedOut.includes(token)) return undefined;
    return this.#all.find(({ operatorId }) => token === `token-${operatorId}`);
  }

  list = (): readonly Operator[] => this.#all;
}

export class FakeRoster implements Roster {
  readonly consentsOf = new Map<string, Consent[]>();
  person = (personId: string) => fakePeople.find((each) => each.personId === personId);
  personByNumber = (number: string) => fakePeople.find((each) => each.number === number);
  personByCard = () => undefined;
  find = (text: string, countMax: number) =>
    fakePeople
      .filter(({ number, displayName, groupName }) => `${number} ${displayName} ${groupName}`.includes(text))
      .slice(0, countMax);
  account = () => ({ balanceFen: fen(9540), throughSeq: 12 });
  consents = (personId: string): readonly Consent[] => this.consentsOf.get(personId) ?? [];
  hasConsent = (personId: string, scope: ConsentScope) =>
    this.consents(personId).some((each) => each.scope === scope && each.withdrawnAtMs === null);
  version = () => 7;
  counts = () => ({ people: fakePeople.length, withTemplate: 1 });
}

export class FakeTemplateStore implements Pick<TemplateStore, "recordConsent" | "withdraw"> {
  readonly withdrawn: { entryId: string; personId: string; reason: string }[] = [];
  readonly #roster: FakeRoster;

  constructor(roster: FakeRoster) {
    this.#roster = roster;
  }

  recordConsent(request: {
    personId: string;
    scopes: readonly ConsentScope[];
    grantedBy: "self" | "guardian";
  }): void {
    const granted = request.scopes.map((scope) => ({
      scope,
      grantedBy: request.grantedBy,
      grantedAtMs: Date.UTC(2026, 8, 1, 3),
      withdrawnAtMs: null,
    }));
    this.#roster.consentsOf.set(request.personId, granted);
  }

  withdraw(request: { entryId: string; personId: string; reason: string }): void {
    this.withdrawn.push(request);
    const before = this.#roster.consents(request.personId);
    const withdrawnAtMs = Date.UTC(2026, 8, 1, 5);
    this.#roster.consentsOf.set(
      request.personId,
      before.map((consent) => ({ ...consent, withdrawnAtMs })),
    );
  }
}

/** Accepts every shot unless the test queued problems; three are needed. */
export class FakeEnrolment implements Enrolment {
  readonly problems: (Shot["problem"] | "duplicate")[] = [];
  readonly shotBytes: number[] = [];
  readonly completed: Parameters<Enrolment["complete"]>[0][] = [];
  readonly cancelled: string[] = [];
  #progress: EnrolmentProgress | undefined;

  begin({ personId }: { personId: string }): EnrolmentProgress | undefined {
    if (!fakePeople.some((each) => each.personId === personId)) return undefined;
    this.#progress = {
      sessionId: `s-${personId}`,
      personId,
      acceptedCount: 0,
      shotCountMin: 3,
      shotCountMax: 5,
      lastShot: null,
      duplicateOf: null,
    };
    return this.#progress;
  }

  async addShot(sessionId: string, image: Uint8Array<ArrayBuffer>): Promise<EnrolmentProgress | undefined> {
    const before = this.#progress;
    if (before === undefined || before.sessionId !== sessionId) return undefined;
    this.shotBytes.push(image.length);
    const next = this.problems.shift() ?? null;
    const problem = next === "duplicate" ? null : next;
    const accepted = problem === null;
    const quality = {
      overall: 0.8,
      eyeDistancePx: 80,
      yawDeg: 0,
      pitchDeg: 0,
      rollDeg: 0,
      sharpness: 100,
      brightness: 120,
    };
    this.#progress = {
      ...before,
      acceptedCount: before.acceptedCount + (accepted ? 1 : 0),
      lastShot: { accepted, problem, box: [220, 120, 200, 240], widthPx: 640, heightPx: 480, quality },
      duplicateOf: next === "duplicate" ? { personId: "p2", similarity: 0.71 } : before.duplicateOf,
    };
    return this.#progress;
  }

  async complete(request: Parameters<Enrolment["complete"]>[0]) {
    this.completed.push(request);
    const progress = this.#progress;
    if (progress === undefined) return { kind: "refused", reason: "session-unknown" } as const;
    if (request.consent === null) return { kind: "refused", reason: "consent-missing" } as const;
    this.#progress = undefined;
    const { personId, acceptedCount } = progress;
    return { kind: "enrolled", personId, templateCount: acceptedCount, seq: 50 } as const;
  }

  cancel(sessionId: string): void {
    this.cancelled.push(sessionId);
    this.#progress = undefined;
  }
}
