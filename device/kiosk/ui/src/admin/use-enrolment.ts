import { computed, onScopeDispose, ref, shallowRef } from "vue";
import {
  doneAnswerSchema,
  type EnrolmentProgressShown,
  enrolmentProgressSchema,
  enrolmentResultSchema,
  type PersonDetail,
  personAnswerSchema,
} from "../../../api-schema.ts";
import type { ConsentGiven } from "./ConsentForm.vue";
import type { Api } from "./use-api.ts";

/** Where the next shot comes from: a picture of ours, the terminal's camera, or nothing yet. */
export type ShotSource = () => Promise<Blob | "terminal-camera" | undefined>;

/** Between two shots the person has time to change the pose: alike pictures teach the engine nothing. */
const SHOT_PERIOD_MS = 900;

/** One enrolment from its begin to its end; whatever ends the dialog cancels what is not completed. */
export function useEnrolment(api: Api, personId: string) {
  const progress = shallowRef<EnrolmentProgressShown | null>(null);
  const duplicate = shallowRef<PersonDetail["person"] | null>(null);
  const refusal = ref<string | null>(null);
  const isRunning = ref(false);
  /** A picture is being looked at. */
  const isBusy = ref(false);
  const isSaving = ref(false);
  let underWay: Promise<void> = Promise.resolve();
  let timer = 0;

  const begin = async (): Promise<void> => {
    const begun = await api.ask("POST", "/enrolments", enrolmentProgressSchema, { personId });
    if (begun !== undefined) progress.value = begun;
  };

  const isEnough = computed(() => {
    const now = progress.value;
    return now !== null && now.acceptedCount >= now.shotCountMin;
  });
  const isFull = computed(() => {
    const now = progress.value;
    return now !== null && now.acceptedCount >= now.shotCountMax;
  });

  /** One shot at a time: a second one asked for meanwhile is not taken. */
  const shoot = async (source: ShotSource): Promise<void> => {
    const sessionId = progress.value?.sessionId;
    if (sessionId === undefined || isBusy.value || isSaving.value || isFull.value) return;
    isBusy.value = true;
    underWay = take(source, sessionId).finally(() => {
      isBusy.value = false;
    });
    await underWay;
  };

  const take = async (source: ShotSource, sessionId: string): Promise<void> => {
    const shot = await source();
    if (shot === undefined) return;
    const isTerminal = shot === "terminal-camera";
    const path = `/enrolments/${encodeURIComponent(sessionId)}/${isTerminal ? "shots-from-camera" : "shots"}`;
    const next = await api.ask("POST", path, enrolmentProgressSchema, isTerminal ? {} : shot);
    if (next !== undefined) progress.value = next;
    else stop();
    await lookUpDuplicate();
  };

  const lookUpDuplicate = async (): Promise<void> => {
    const other = progress.value?.duplicateOf?.personId;
    if (other === undefined || other === duplicate.value?.personId) return;
    const found = await api.ask("GET", `/people/${encodeURIComponent(other)}`, personAnswerSchema);
    duplicate.value = found?.person ?? null;
  };

  const run = async (source: ShotSource): Promise<void> => {
    isRunning.value = true;
    await shoot(source);
    if (!isRunning.value) return;
    if (isFull.value) stop();
    else timer = window.setTimeout(() => void run(source), SHOT_PERIOD_MS);
  };
  const stop = (): void => {
    isRunning.value = false;
    window.clearTimeout(timer);
  };

  /** Pressed while a picture is being looked at, it waits for that one. @returns true when the templates are stored. */
  const complete = async (consent: ConsentGiven | null, isDuplicateChecked: boolean): Promise<boolean> => {
    const sessionId = progress.value?.sessionId;
    if (sessionId === undefined || isSaving.value) return false;
    stop();
    isSaving.value = true;
    refusal.value = null;
    const checkedId = progress.value?.duplicateOf?.personId;
    await Promise.allSettled([underWay]);
    // That last picture may look like somebody who was not on the screen when it was pressed.
    const duplicateConfirmed = isDuplicateChecked && progress.value?.duplicateOf?.personId === checkedId;
    const body = { consent, duplicateConfirmed };
    const path = `/enrolments/${encodeURIComponent(sessionId)}/complete`;
    const result = await api.ask("POST", path, enrolmentResultSchema, body);
    isSaving.value = false;
    if (result?.kind === "refused") refusal.value = result.reason;
    if (result?.kind !== "enrolled") return false;
    progress.value = null;
    return true;
  };

  onScopeDispose(() => {
    stop();
    const sessionId = progress.value?.sessionId;
    if (sessionId !== undefined) {
      void api.ask("DELETE", `/enrolments/${encodeURIComponent(sessionId)}`, doneAnswerSchema);
    }
  });

  return {
    progress,
    duplicate,
    refusal,
    isRunning,
    isBusy,
    isSaving,
    isEnough,
    isFull,
    begin,
    shoot,
    run,
    stop,
    complete,
  };
}
