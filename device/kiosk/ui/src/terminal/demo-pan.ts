import { type Ref, ref, watch } from "vue";
import { doneAnswerSchema } from "../../../api-schema.ts";
import { call } from "./api.ts";

/**
 * The slider over the demo's pan. One request at a time, and the last position always arrives.
 * @param shown what lies on the pan as the terminal says; undefined where there is none.
 */
export function useDemoPan(shown: () => number | undefined): { readonly grams: Ref<number>; put(): void } {
  const grams = ref(shown() ?? 0);
  let isPutting = false;
  watch(shown, (now) => {
    if (!isPutting && now !== undefined) grams.value = now;
  });
  const put = async (): Promise<void> => {
    if (isPutting) return;
    isPutting = true;
    for (let sent = -1; sent !== grams.value; ) {
      sent = grams.value;
      // A failed demo request shows in the scale itself, which simply does not change.
      await call("POST", "/demo/scale", doneAnswerSchema, { grams: sent }).catch(() => {});
    }
    isPutting = false;
  };
  return { grams, put: () => void put() };
}
