import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { openSnapshot } from "../../journal/verify.ts";
import { databaseFile } from "../../terminal-database.ts";
import { type Check, failed, ok } from "./check.ts";

/** No terminal of ours is older; a clock before this has lost its battery. */
const YEAR_MIN = 2025;
const YEAR_MAX = 2100;
/** A record may be a little ahead after a step back of the clock; a day is more than that. */
const BEHIND_MS_MAX = 86_400_000;

export const clockCheck: Check = {
  id: "clock",
  title: { zh: "时钟", en: "clock" },
  async run({ config, clock }) {
    const nowMs = clock.now();
    const now = new Date(nowMs);
    const { zone } = config.servingLine.mealPlan;
    const local = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      dateStyle: "short",
      timeStyle: "medium",
    }).format(now);
    const hint = {
      zh: "设置时间（timedatectl set-time）并启用网络校时（timedatectl set-ntp true）",
      en: "Set the time (timedatectl set-time) and switch network time on (timedatectl set-ntp true).",
    };
    const year = now.getUTCFullYear();
    if (year < YEAR_MIN || year > YEAR_MAX) {
      return failed({ zh: `时间不可信：${local}`, en: `cannot be right: ${local}` }, hint);
    }
    const newestMs = newestEntryMs(databaseFile(config.dataFolder));
    if (newestMs !== null && newestMs - nowMs > BEHIND_MS_MAX) {
      const newest = new Date(newestMs).toISOString();
      return failed({ zh: `早于最后一条记录（${newest}）`, en: `behind the newest entry (${newest})` }, hint);
    }
    const synced = await networkTime();
    return ok(`${local} ${zone}，${synced.zh}`, `${local} ${zone}, ${synced.en}`);
  },
};

/** null when there is no entry, or no database that can be read: the database's own check says so. */
function newestEntryMs(file: string): number | null {
  if (!existsSync(file)) return null;
  try {
    const db = openSnapshot(file);
    try {
      const row = db
        .prepare<[], { at_ms: number }>("SELECT at_ms FROM journal ORDER BY seq DESC LIMIT 1")
        .get();
      return row?.at_ms ?? null;
    } finally {
      db.close();
    }
  } catch {
    return null;
  }
}

/** What systemd knows; not every system has it, and a terminal without network has no network time. */
function networkTime(): Promise<{ readonly zh: string; readonly en: string }> {
  return new Promise((resolve) => {
    execFile(
      "timedatectl",
      ["show", "--property=NTPSynchronized", "--value"],
      { timeout: 3000 },
      (error, stdout) => {
        const answer = error === null ? stdout.trim() : "";
        if (answer === "yes") resolve({ zh: "网络校时正常", en: "network time in step" });
        else if (answer === "no") resolve({ zh: "网络校时未同步", en: "network time not in step" });
        else resolve({ zh: "网络校时状态未知", en: "network time unknown" });
      },
    );
  });
}
