import type { AlarmView } from "../../../../sample-cabinet/cabinet-port.ts";
import { i18n } from "../texts/i18n.ts";

/** 8230 is "8.2": a tenth is what the probes can tell. */
export const celsius = (milliC: number): string => {
  const tenths = Math.round(milliC / 100);
  return `${tenths < 0 ? "−" : ""}${Math.floor(Math.abs(tenths) / 10)}.${Math.abs(tenths) % 10}`;
};

const WHOLE_HOURS_MINUTES = 720;

/** "3 分钟", "2 小时 5 分": short enough for a row. */
export function durationText(ms: number): string {
  const { t } = i18n.global;
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 1) return t("cabinet.time.seconds", { count: Math.max(0, Math.round(ms / 1000)) });
  if (minutes < 60) return t("cabinet.time.minutes", { count: minutes });
  // Of half a day and more nobody needs the minutes.
  if (minutes >= WHOLE_HOURS_MINUTES || minutes % 60 === 0)
    return t("cabinet.time.wholeHours", { hours: Math.round(minutes / 60) });
  return t("cabinet.time.hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** The figures of an alarm in words: the value and its limit, the fault, how long nobody knew. */
export function factsText({ facts }: Pick<AlarmView, "facts">): string {
  const { t, te } = i18n.global;
  const parts: string[] = [];
  const { valueMilliC, limitMilliC, fault, gapMs, isInferred } = facts as Readonly<Record<string, unknown>>;
  if (typeof valueMilliC === "number") parts.push(`${celsius(valueMilliC)} °C`);
  if (typeof limitMilliC === "number") parts.push(t("cabinet.alarm.limit", { limit: celsius(limitMilliC) }));
  if (typeof fault === "string" && te(`cabinet.fault.${fault}`)) parts.push(t(`cabinet.fault.${fault}`));
  if (typeof gapMs === "number") parts.push(t("cabinet.alarm.gap", { time: durationText(gapMs) }));
  if (isInferred === true) parts.push(t("cabinet.alarm.inferred"));
  return parts.join(" · ");
}
