import type { PinHasher } from "../../device/security/pin-hash.ts";
import type { PeopleLedger, PersonRecord } from "./people-ledger.ts";

/** Everybody's PIN in the demo. */
export const DEMO_PIN = "1234";

interface DemoPerson {
  readonly number: string;
  readonly displayName: string;
  readonly groupName: string;
  readonly kind: PersonRecord["kind"];
  readonly openingFen: number;
  readonly allergens?: readonly string[];
  readonly active?: boolean;
  readonly consent?: "guardian" | "self" | "none";
}

/** Invented people. What is special about some shows the rules of the serving line. */
const DEMO_PEOPLE: readonly DemoPerson[] = [
  { number: "1001", displayName: "陈一诺", groupName: "三年级1班", kind: "student", openingFen: 150_00 },
  { number: "1002", displayName: "王子涵", groupName: "三年级1班", kind: "student", openingFen: 98_50 },
  { number: "1003", displayName: "李思远", groupName: "三年级2班", kind: "student", openingFen: 203_00 },
  {
    number: "1004",
    displayName: "张雨桐",
    groupName: "三年级2班",
    kind: "student",
    openingFen: 120_00,
    allergens: ["milk"],
  },
  { number: "1005", displayName: "刘浩然", groupName: "四年级1班", kind: "student", openingFen: 3_00 },
  {
    number: "1006",
    displayName: "赵欣怡",
    groupName: "四年级1班",
    kind: "student",
    openingFen: 60_00,
    active: false,
  },
  { number: "1007", displayName: "黄梓轩", groupName: "四年级2班", kind: "student", openingFen: 88_00 },
  {
    number: "1008",
    displayName: "周若溪",
    groupName: "四年级2班",
    kind: "student",
    openingFen: 175_00,
    consent: "none",
  },
  { number: "1009", displayName: "吴嘉宁", groupName: "五年级1班", kind: "student", openingFen: 140_00 },
  { number: "1010", displayName: "孙沐阳", groupName: "五年级1班", kind: "student", openingFen: 132_00 },
  {
    number: "2001",
    displayName: "林静老师",
    groupName: "教职工",
    kind: "staff",
    openingFen: 300_00,
    consent: "self",
  },
  {
    number: "2002",
    displayName: "何志强老师",
    groupName: "教职工",
    kind: "staff",
    openingFen: 260_00,
    consent: "self",
  },
];

/** Fills an empty ledger; one that has people is left alone. */
export async function seedDemoRoster(ledger: PeopleLedger, hasher: PinHasher, nowMs: number): Promise<void> {
  if (ledger.count() > 0) return;
  const pinHash = await hasher.hash(DEMO_PIN);
  for (const person of DEMO_PEOPLE) {
    const { number, displayName, groupName, kind, openingFen, consent = "guardian" } = person;
    ledger.put(
      {
        personId: `p-${number}`,
        number,
        displayName,
        groupName,
        kind,
        active: person.active ?? true,
        allergens: [...(person.allergens ?? [])],
        limits: {
          perChargeFenMax: null,
          perDayFenMax: null,
          overdraftFenMax: null,
          blockedPeriodIds: [],
        },
        cards: [`C${number}`],
        pinHash,
        consents:
          consent === "none"
            ? []
            : [{ scope: "face", grantedBy: consent, grantedAtMs: nowMs, withdrawnAtMs: null }],
      },
      openingFen,
    );
  }
}
