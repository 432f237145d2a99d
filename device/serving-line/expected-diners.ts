import type { Roster } from "../roster/roster-port.ts";
import type { ExpectedDiners, MealPeriod } from "./serving-line-port.ts";

/** Says who eats at the meal that is on, once for each meal, plan and roster. */
export type DinerNotice = (period: MealPeriod | null, planVersion: string) => void;

export function createDinerNotice(
  roster: Pick<Roster, "version">,
  expectDiners: (expected: ExpectedDiners | null) => void,
): DinerNotice {
  let toldKey = "";
  return (period, planVersion) => {
    // A group has other members after the next roster.
    const key = JSON.stringify([period?.id ?? null, planVersion, roster.version()]);
    if (key === toldKey) return;
    expectDiners(period?.expected ?? null);
    toldKey = key;
  };
}

/** For the screen, which says who eats to nobody. */
export function withoutDiners({ expected: _expected, ...period }: MealPeriod): MealPeriod {
  return period;
}
