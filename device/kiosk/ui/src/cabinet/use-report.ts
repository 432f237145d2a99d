import { computed, onBeforeUnmount, type Ref, shallowRef } from "vue";
import type { z } from "zod";
import type { ReportJob, ReportRequest } from "../../../../sample-cabinet/report-port.ts";
import { doneAnswerSchema } from "../../../api-schema.ts";
import type { Problem } from "../../../protocol.ts";
import { reportBegunSchema, reportsAnswerSchema } from "../../../report-schema.ts";
import { useApi } from "../admin/use-api.ts";

export interface ReportDesk {
  /** Null until the terminal has answered. */
  readonly here: Readonly<Ref<Omit<z.output<typeof reportsAnswerSchema>, "job"> | null>>;
  readonly job: Readonly<Ref<ReportJob | null>>;
  readonly problem: Readonly<Ref<Problem | null>>;
  look(): Promise<void>;
  begin(request: ReportRequest): Promise<void>;
  discard(): Promise<void>;
}

const LOOK_PERIOD_MS = 700;

/** The one report of the terminal: asked for, and looked at again while it is being made. */
export function useReport(onExpired: () => void): ReportDesk {
  const { problem, ask } = useApi(onExpired);
  const answer = shallowRef<z.output<typeof reportsAnswerSchema> | null>(null);
  let timer = 0;
  let isGone = false;
  onBeforeUnmount(() => {
    isGone = true;
    window.clearTimeout(timer);
  });
  const look = async (): Promise<void> => {
    window.clearTimeout(timer);
    const found = await ask("GET", "/cabinet/reports", reportsAnswerSchema);
    if (isGone || found === undefined) return;
    answer.value = found;
    if (found.job?.kind === "making") timer = window.setTimeout(() => void look(), LOOK_PERIOD_MS);
  };
  return {
    here: answer,
    job: computed(() => answer.value?.job ?? null),
    problem,
    look,
    async begin(request) {
      const begun = await ask("POST", "/cabinet/reports", reportBegunSchema, request);
      if (begun !== undefined) await look();
    },
    async discard() {
      const reportId = answer.value?.job?.reportId;
      if (reportId === undefined) return;
      await ask("DELETE", `/cabinet/reports/${encodeURIComponent(reportId)}`, doneAnswerSchema);
      await look();
    },
  };
}
