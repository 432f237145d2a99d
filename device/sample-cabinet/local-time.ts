const formatters = new Map<string, Intl.DateTimeFormat>();

/** `2026-09-07 11:05` in the school's zone. */
export function localMinute(atMs: number, zone: string): string {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    // Swedish writes dates as ISO 8601 does; h23 so that midnight is 00.
    formatter = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    if (formatters.size >= 8) formatters.clear();
    formatters.set(zone, formatter);
  }
  return formatter.format(atMs);
}

/** How long, in words of hours and minutes: `49 h 05 min`. */
export function hoursAndMinutes(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  const rest = String(minutes % 60).padStart(2, "0");
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${rest} min`;
}
