import { computed, onScopeDispose, type Ref, shallowRef } from "vue";
import { useI18n } from "vue-i18n";
import type { SigningHint, SignOutcome } from "../../../../signatures/signature-port.ts";
import { type SignerShown, signersAnswerSchema } from "../../../page-protocol.ts";
import type { Problem } from "../../../protocol.ts";
import { chosen } from "../texts/i18n.ts";
import { call, problemOf } from "./api.ts";
import type { NotAnswered, PageSocket } from "./page-link.ts";

/** One line above whatever is open, for some seconds. */
export interface Notice {
  readonly tone: "ok" | "no";
  readonly text: string;
}

/** What the parts of a page that does something at the terminal share; provided once by the page. */
export interface PageDesk<Command, Answer> {
  /** A command is on its way. */
  readonly isAsking: Readonly<Ref<boolean>>;
  readonly notice: Readonly<Ref<Notice | null>>;
  tell(notice: Notice): void;
  /** Does it, and shows a refusal in words. @returns null after a failure. */
  act(command: Command): Promise<Answer | null>;
  preview(isOn: boolean): void;
  /** What whoever signs by face now may do to be recognised. */
  readonly signingHint: Readonly<Ref<SigningHint | null>>;
}

const NOTICE_MS = 6000;

/**
 * @param page.refusalOf   what to say of an answer; null for one that needs no words.
 * @param page.signersPath where the list of those who may sign is, without the query.
 * @param page.onExpired   takes the place of words where the session has ended.
 */
export function usePageDesk<Command, Answer>(
  socket: PageSocket<Command, Answer>,
  page: {
    readonly refusalOf: (answer: Answer) => string | null;
    readonly signersPath: string;
    readonly onExpired?: () => void;
  },
): PageDesk<Command, Answer> & {
  tellProblem(problem: Problem): void;
  signersFor(query: string): Promise<readonly SignerShown[]>;
} {
  const asking = shallowRef(0);
  const notice = shallowRef<Notice | null>(null);
  let timer = 0;
  const tell = (shown: Notice): void => {
    notice.value = shown;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      notice.value = null;
    }, NOTICE_MS);
  };
  onScopeDispose(() => window.clearTimeout(timer));
  const tellProblem = (problem: Problem): void => {
    if (problem.code === "sign-in-needed" && page.onExpired !== undefined) page.onExpired();
    else tell({ tone: "no", text: `${chosen(problem.message)}：${chosen(problem.hint)}` });
  };
  return {
    isAsking: computed(() => asking.value > 0),
    notice,
    tell,
    tellProblem,
    preview: socket.preview,
    signingHint: socket.signingHint,
    async act(command) {
      notice.value = null;
      asking.value += 1;
      const answer = await socket.ask(command).finally(() => {
        asking.value -= 1;
      });
      if (isNotAnswered(answer)) {
        tellProblem(answer.problem);
        return null;
      }
      const why = page.refusalOf(answer);
      if (why !== null) tell({ tone: "no", text: why });
      return answer;
    },
    async signersFor(query) {
      try {
        return (await call("GET", `${page.signersPath}?${query}`, signersAnswerSchema)).signers;
      } catch (error) {
        tellProblem(problemOf(error));
        return [];
      }
    },
  };
}

function isNotAnswered<Answer>(answer: Answer | NotAnswered): answer is NotAnswered {
  return typeof answer === "object" && answer !== null && "kind" in answer && answer.kind === "failed";
}

type NotSigned = Exclude<SignOutcome, { readonly kind: "signed" }>;

/**
 * Why a signature was not given, in words.
 * @param samePersonKey the text for somebody who has already signed or weighed.
 */
export function useSignWords(samePersonKey: string): (outcome: NotSigned) => string {
  const { t } = useI18n();
  return (outcome) => {
    switch (outcome.kind) {
      case "wrong":
        return t("sign.outcome.wrong", { count: outcome.attemptsLeft });
      case "locked":
        return t("sign.outcome.locked", { minutes: Math.ceil(outcome.waitMs / 60_000) });
      case "refused":
        return t(outcome.reason === "same-person" ? samePersonKey : "sign.outcome.no-right");
      case "not-recognised":
        return t(`sign.outcome.${outcome.reason}`);
    }
  };
}
