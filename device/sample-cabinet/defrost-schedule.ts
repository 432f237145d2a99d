/** Local times of one day; `toMinute` before `fromMinute` runs over midnight. */
export interface DefrostTime {
  readonly fromMinute: number;
  readonly toMinute: number;
}

const MINUTES_PER_DAY = 1440;

/** @returns how long the defrost of this minute still lasts; null outside of the schedule. Pure. */
export function defrostLeftMs(schedule: readonly DefrostTime[], minuteOfDay: number): number | null {
  for (const { fromMinute, toMinute } of schedule) {
    const length = (toMinute - fromMinute + MINUTES_PER_DAY) % MINUTES_PER_DAY;
    const into = (minuteOfDay - fromMinute + MINUTES_PER_DAY) % MINUTES_PER_DAY;
    if (into < length) return (length - into) * 60_000;
  }
  return null;
}

/** Minute of the day at a place, for schedules of its people. */
export function minuteOfDayIn(zone: string): (atMs: number) => number {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  return (atMs) => {
    const [hours = 0, minutes = 0] = format.format(atMs).split(":").map(Number);
    return hours * 60 + minutes;
  };
}
