/**
 * A process of its own that makes one report and ends. What it needs of memory is gone with it, it runs at the lowest
 * priority, and whatever goes wrong in it leaves the terminal alone.
 */

import { writeFileSync } from "node:fs";
import { renderSVG } from "uqr";
import { withDatabaseFaults } from "../journal/database-fault.ts";
import { openSnapshot } from "../journal/verify.ts";
import { CanteenError, isFault } from "../platform/errors.ts";
import { makeReport } from "./report.ts";
import { reportCode } from "./report-file.ts";
import type { ReportMessage, ReportOrder } from "./report-message.ts";
import { operatorNames } from "./snapshot-reads.ts";

process.once("message", (order) => {
  // Its parent sends nothing else.
  const { journalFile, outFile, wish } = order as ReportOrder;
  try {
    tell(withDatabaseFaults(() => make(journalFile, outFile, wish)));
  } catch (error) {
    // A bug ends the process with its stack on standard error; the parent says that the report failed.
    if (!isFault(error)) throw error;
    tell({ kind: "failed", code: error.code, hint: { zh: error.hint.zh, en: error.hint.en } });
  }
  process.disconnect();
});

/** Without a callback, a word to a terminal that was killed meanwhile would end in a stack on standard error. */
function tell(message: ReportMessage): void {
  process.send?.(message, undefined, undefined, () => {});
}

function make(journalFile: string, outFile: string, wish: ReportOrder["wish"]): ReportMessage {
  const db = openSnapshot(journalFile);
  let told = -1;
  try {
    const made = makeReport(db, wish, operatorNames(db), (phase, share) => {
      const percent = Math.floor(share * 100);
      if (phase === "reading" && percent === told) return;
      told = percent;
      tell({ kind: "going", phase, percent });
    });
    const code = reportCode(wish, made);
    write(outFile, made.html);
    return {
      kind: "made",
      entries: made.entries,
      closing: made.closing,
      bytes: Buffer.byteLength(made.html),
      code,
      qrSvg: renderSVG(code, { ecc: "M", border: 2, pixelSize: 4 }),
    };
  } finally {
    db.close();
  }
}

function write(file: string, html: string): void {
  try {
    writeFileSync(file, html, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    throw new CanteenError(`cannot write ${file}`, {
      code: "report-not-written",
      retry: "after-operator",
      hint: {
        zh: "报告没有写入磁盘：请检查磁盘空间后重试",
        en: "The report was not written to the disk: check its space and try again",
      },
      cause,
    });
  }
}
