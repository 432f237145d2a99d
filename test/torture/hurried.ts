import { registerHooks } from "node:module";

/**
 * Loaded into a terminal's process before its own code (`node --import`), by the torture alone: the same code with
 * shorter periods, so that a life of seconds has its hourly backups and prunes what half a year would. The product
 * has no setting for it. A constant that is no longer there ends the process: then this list has to follow.
 */
const HURRIED: Readonly<Record<string, readonly (readonly [from: string, to: string])[]>> = {
  "device/backup/backups.ts": [
    ["const PERIOD_MS = 3_600_000;", "const PERIOD_MS = 400;"],
    ["const LOOK_PERIOD_MS = 60_000;", "const LOOK_PERIOD_MS = 100;"],
  ],
  "device/journal/checkpoint-writer.ts": [
    ["const PERIOD_MS = 3_600_000;", "const PERIOD_MS = 400;"],
    ["const LOOK_PERIOD_MS = 60_000;", "const LOOK_PERIOD_MS = 100;"],
  ],
  "device/journal/pruning.ts": [
    ["const LOOK_PERIOD_MS = 3_600_000;", "const LOOK_PERIOD_MS = 200;"],
    ["const STEP_WAIT_MS = 25;", "const STEP_WAIT_MS = 2;"],
    ["const STEP_ENTRIES = 100;", "const STEP_ENTRIES = 5;"],
    ["const PRUNED_COUNT_MIN = 5000;", "const PRUNED_COUNT_MIN = 8;"],
  ],
  // `storage.journalDaysMin` of 7 are 1.4 s.
  "device/terminal-store.ts": [["const MS_PER_DAY = 86_400_000;", "const MS_PER_DAY = 200;"]],
};

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const changes = Object.entries(HURRIED).find(([suffix]) => url.endsWith(suffix))?.[1];
    if (changes === undefined) return loaded;
    let source = String(loaded.source);
    for (const [from, to] of changes) {
      if (!source.includes(from)) throw new Error(`${url} has no "${from}"`);
      source = source.replace(from, to);
    }
    return { ...loaded, source };
  },
});
