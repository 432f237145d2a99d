import type { Bilingual, CabinetAlarmType } from "./cabinet-port.ts";

/** What happened, without figures; the figures are the alarm's facts. */
export const CABINET_ALARM_TEXTS: Readonly<Record<CabinetAlarmType, Bilingual>> = {
  high: { zh: "温度过高", en: "too warm" },
  low: { zh: "温度过低", en: "too cold" },
  "rising-fast": { zh: "温度快速上升", en: "warming up fast" },
  "door-open": { zh: "柜门未关", en: "the door is open" },
  "probe-fault": { zh: "温度探头故障", en: "a probe has no value" },
  "probe-stuck": { zh: "温度读数长时间不变", en: "a probe has said the same for hours" },
  "line-lost": { zh: "温度探头通信中断", en: "the probes' line is away" },
  cumulative: { zh: "累计超温时间过长", en: "above the limit for too long in all" },
  "power-back": {
    zh: "断电或停机后恢复，期间温度未知",
    en: "back after a loss of power: the time between is unknown",
  },
};
