import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { backupFolder, backupsIn } from "../../backup/backup-files.ts";
import { backupKeyOf, openSealedFile } from "../../backup/sealed-file.ts";
import { CanteenError } from "../../platform/errors.ts";
import { loadDeviceKey } from "../../security/key-file.ts";
import { databaseFile } from "../../terminal-database.ts";
import { type Check, failed, ok, skipped } from "./check.ts";

/** An hour's copy, and time for a terminal that was switched off in between. */
const AGE_HOURS_MAX = 48;
const MS_PER_HOUR = 3_600_000;

/** Whether the newest copy of the database opens with this device's key, and how old it is. */
export const backupsCheck: Check = {
  id: "backups",
  title: { zh: "数据库备份", en: "backups" },
  async run({ config, clock }) {
    const { dataFolder, security } = config;
    if (!existsSync(databaseFile(dataFolder))) return skipped("尚无数据库", "no database yet");
    const [newest, ...older] = backupsIn(backupFolder(dataFolder));
    if (newest === undefined) {
      const { birthtimeMs } = statSync(databaseFile(dataFolder));
      if (clock.now() - birthtimeMs < MS_PER_HOUR)
        return skipped("还没有，终端运行一分钟后自动备份", "none yet: one is made a minute after the start");
      return failed(
        { zh: "还没有备份", en: "there is none" },
        {
          zh: "终端启动一分钟后自动备份；若仍没有，请检查磁盘空间和 storage.backupBytesMax",
          en: "One is made a minute after the start; if not, look at the disk's space and storage.backupBytesMax.",
        },
      );
    }
    const key = backupKeyOf(loadDeviceKey(security.deviceKeyFile ?? join(dataFolder, "device.key")));
    try {
      await openSealedFile(key, newest.file, null);
    } catch (error) {
      if (!(error instanceof CanteenError)) throw error;
      return failed({ zh: "最新的备份已损坏", en: "the newest one is damaged" }, error.hint);
    }
    const ageHours = Math.floor((clock.now() - newest.atMs) / MS_PER_HOUR);
    const megabytes = Math.ceil((newest.bytes + older.reduce((sum, { bytes }) => sum + bytes, 0)) / 1e6);
    const detail = {
      zh: `${older.length + 1} 份，共 ${megabytes} MB；最新一份到第 ${newest.headSeq} 条，${ageHours} 小时前${asideText(dataFolder).zh}`,
      en: `${older.length + 1}, ${megabytes} MB; the newest up to entry ${newest.headSeq}, ${ageHours} h old${asideText(dataFolder).en}`,
    };
    if (ageHours <= AGE_HOURS_MAX) return { ...ok("", ""), detail };
    return failed(detail, {
      zh: "超过两天没有备份：请检查终端是否运行、磁盘空间和日志",
      en: "No backup for two days: see whether the terminal runs, the disk's space and the log.",
    });
  },
};

/** Damaged databases that were set aside stay until a person takes them away. */
function asideText(dataFolder: string): { readonly zh: string; readonly en: string } {
  const folder = join(dataFolder, "damaged");
  const count = existsSync(folder) ? readdirSync(folder).length : 0;
  return count === 0
    ? { zh: "", en: "" }
    : {
        zh: `；另有 ${count} 个损坏的数据库保存在 ${folder}`,
        en: `; ${count} damaged databases are kept in ${folder}`,
      };
}
