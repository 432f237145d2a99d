import type { Config } from "../../config/schema.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Entropy } from "../../platform/entropy.ts";
import { type Hint, isFault } from "../../platform/errors.ts";

/** What one check looked at found. `skipped`: there is nothing to check, which is no failure. */
export interface Finding {
  readonly status: "ok" | "failed" | "skipped";
  readonly detail: Hint;
  readonly hint?: Hint;
}

/** What the checks look at. */
export interface Subject {
  readonly config: Config;
  /** The demo's values because there is no file: what only runs inside the demo may be absent. */
  readonly demo: boolean;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export interface Check {
  readonly id: string;
  readonly title: Hint;
  run(subject: Subject, signal: AbortSignal): Promise<Finding>;
}

export interface CheckResult extends Finding {
  readonly id: string;
  readonly title: Hint;
}

const CHECK_MS_MAX = 15_000;

export const ok = (zh: string, en: string): Finding => ({ status: "ok", detail: { zh, en } });
export const skipped = (zh: string, en: string): Finding => ({ status: "skipped", detail: { zh, en } });
export const failed = (detail: Hint, hint: Hint): Finding => ({ status: "failed", detail, hint });

/** Runs a check; a fault is a finding, and so is a check that does not end. A bug goes on. */
export async function runCheck(check: Check, subject: Subject): Promise<CheckResult> {
  const abort = new AbortController();
  const timer = subject.clock.after(CHECK_MS_MAX, () => abort.abort());
  try {
    const tooLong = new Promise<Finding>((resolve) => {
      abort.signal.addEventListener("abort", () => resolve(noAnswer()), { once: true });
    });
    const finding = await Promise.race([check.run(subject, abort.signal), tooLong]);
    return { id: check.id, title: check.title, ...finding };
  } catch (error) {
    if (!isFault(error)) throw error;
    const detail = { zh: error.message, en: error.message };
    return { id: check.id, title: check.title, ...failed(detail, error.hint) };
  } finally {
    timer.cancel();
  }
}

function noAnswer(): Finding {
  const seconds = CHECK_MS_MAX / 1000;
  return failed(
    { zh: `${seconds} 秒内没有结果`, en: `no result within ${seconds} s` },
    { zh: "设备或磁盘可能没有响应", en: "The device or the disk may not be answering." },
  );
}

const MARKS = { ok: "✓", failed: "✗", skipped: "–" } as const;

/** "✓ 模型 / weights: …", with the hint on a line of its own. */
export function resultLines({ status, title, detail, hint }: CheckResult): string[] {
  const same = detail.zh === detail.en;
  const line = `${MARKS[status]} ${title.zh} / ${title.en}: ${same ? detail.zh : `${detail.zh} / ${detail.en}`}`;
  return hint === undefined ? [line] : [line, `    → ${hint.zh} / ${hint.en}`];
}
