import { onMounted, type Ref, ref } from "vue";
import { doneAnswerSchema, type OperatorShown, sessionAnswerSchema } from "../../../api-schema.ts";
import { startLanguage } from "../texts/i18n.ts";
import { ApiProblem, call } from "./api.ts";
import { schoolZone } from "./school-zone.ts";

export interface OperatorSession {
  /** Null while nobody is signed in. */
  readonly operator: Ref<OperatorShown | null>;
  /** Whether the terminal was asked who is. */
  readonly isReady: Readonly<Ref<boolean>>;
  signOut(): Promise<void>;
}

/** Who is signed in at this browser; asked once, when the page opens. */
export function useOperatorSession(): OperatorSession {
  const operator = ref<OperatorShown | null>(null);
  const isReady = ref(false);
  onMounted(async () => {
    try {
      const session = await call("GET", "/operators/session", sessionAnswerSchema);
      startLanguage(session.terminal.language);
      schoolZone.value = session.terminal.zone;
      operator.value = session.operator;
    } catch (error) {
      // Without the terminal there is nobody to sign in to; the form says so at the first try.
      if (!(error instanceof ApiProblem)) throw error;
    }
    isReady.value = true;
  });
  return {
    operator,
    isReady,
    async signOut() {
      operator.value = null;
      await call("POST", "/operators/sign-out", doneAnswerSchema, {}).catch(() => {});
    },
  };
}
