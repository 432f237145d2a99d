import { type Fen, formatYuan } from "../../../../platform/units.ts";

/** "¥12.00": the sign and the number never part. */
export const money = (amount: Fen): string =>
  amount < 0 ? `-¥${formatYuan(amount).slice(1)}` : `¥${formatYuan(amount)}`;

/** "12:05" in the school's zone. */
export const timeOfDay = (atMs: number, zone: string): string =>
  new Intl.DateTimeFormat("zh-CN", {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  }).format(atMs);

/** "2026-09-01 12:05" in the school's zone. */
export const dayAndTime = (atMs: number, zone: string): string => {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" }).format(atMs);
  return `${day} ${timeOfDay(atMs, zone)}`;
};

/** 690 is "11:30". */
export const minuteText = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/** 0.001 is "0.1 %": two digits that matter, and no less than one in a million. */
export const share = (rate: number): string => {
  const percent = Math.max(0, rate) * 100;
  if (percent === 0) return "0 %";
  return percent < 0.0001 ? "< 0.0001 %" : `${Number(percent.toPrecision(2))} %`;
};
