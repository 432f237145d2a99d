import { configuredTemperatureBudget } from "../../terminal-cabinets.ts";
import { type Check, ok, skipped } from "./check.ts";

/** Whether two years of temperatures fit into their bytes; a person may have given less on purpose, so it is no failure. */
export const temperaturesCheck: Check = {
  id: "temperatures",
  title: { zh: "温度记录", en: "temperatures" },
  async run({ config }) {
    const probeCount = config.cabinets.reduce((sum, { probes }) => sum + probes.length, 0);
    if (probeCount === 0) return skipped("未配置留样柜", "no cabinet is configured");
    const { minuteDays, bytesNeeded, isEnough } = configuredTemperatureBudget(config);
    const found = ok(
      `${probeCount} 个探头，空间可存 ${minuteDays} 天的分钟汇总`,
      `${probeCount} probes; there is room for ${minuteDays} days of minutes`,
    );
    if (isEnough) return found;
    const megabytes = Math.ceil(bytesNeeded / 1e6);
    return {
      ...found,
      hint: {
        zh: `要存满两年，请把 storage.temperatureBytesMax 设为 ${megabytes} MB 以上`,
        en: `For two years set storage.temperatureBytesMax to ${megabytes} MB or more.`,
      },
    };
  },
};
