import { existsSync } from "node:fs";
import { databaseFault } from "../../journal/database-fault.ts";
import { openSnapshot } from "../../journal/verify.ts";
import { auditPhotos } from "../../photos/photo-audit.ts";
import { systemCode } from "../../platform/errors.ts";
import { databaseFile, photoFolder } from "../../terminal-database.ts";
import { type Check, failed, ok, skipped } from "./check.ts";

/** Every photo on record is there and is what its hash says. Reads only, so that it may run beside the terminal. */
export const photosCheck: Check = {
  id: "photos",
  title: { zh: "照片", en: "photos" },
  async run({ config }, signal) {
    const file = databaseFile(config.dataFolder);
    if (!existsSync(file)) return skipped("尚无照片", "no photos yet");
    const db = openSnapshot(file);
    try {
      const { count, bytes, problems } = await auditPhotos(db, photoFolder(config.dataFolder), signal);
      const megabytes = Math.ceil(bytes / 1_000_000);
      if (problems.length === 0)
        return ok(`${count} 张，${megabytes} MB，均与记录一致`, `${count}, ${megabytes} MB, all as recorded`);
      const names = problems.slice(0, 3).map(({ sha256, code }) => `${sha256.slice(0, 12)}… ${code}`);
      const list = names.join(", ");
      return failed(
        {
          zh: `${count} 张中有 ${problems.length} 张缺失或被改动：${list}`,
          en: `${problems.length} of ${count} are missing or changed: ${list}`,
        },
        {
          zh: "请勿删除数据文件夹；记录仍在，云端若已有照片可在云端查看。请检查磁盘。",
          en: "Delete nothing: the records stand, and the cloud may have the photos. Check the disk.",
        },
      );
    } catch (error) {
      // A database of an earlier release, before its first start under this one.
      if (systemCode(error) === "SQLITE_ERROR") return skipped("尚无照片", "no photos yet");
      throw databaseFault(error) ?? error;
    } finally {
      db.close();
    }
  },
};
