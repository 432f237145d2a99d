/** Dates as the report has them: YYYY-MM-DD of the school's zone, without a time. */

export interface Span {
  readonly fromDate: string;
  readonly toDate: string;
}

const DAY_MS = 86_400_000;
const at = (date: string): number => Date.parse(`${date}T00:00Z`);
const dateAt = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export const addDays = (date: string, days: number): string => dateAt(at(date) + days * DAY_MS);

/** The days of a month, YYYY-MM, each with its column: 1 is Monday. */
export function monthOf(month: string): readonly { readonly date: string; readonly column: number }[] {
  const dates: { date: string; column: number }[] = [];
  for (let date = `${month}-01`; date.startsWith(month); date = addDays(date, 1))
    dates.push({ date, column: ((new Date(at(date)).getUTCDay() + 6) % 7) + 1 });
  return dates;
}

/** Whole days that hold the last `days` times 24 hours: 48 hours reach into three dates. */
export const lastDays = (today: string, days: number): Span => ({
  fromDate: addDays(today, -days),
  toDate: today,
});
