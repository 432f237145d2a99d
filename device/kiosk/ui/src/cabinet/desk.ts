import { computed, type InjectionKey, inject, type Ref, shallowRef } from "vue";
import { useI18n } from "vue-i18n";
import { LEAVE_REFUSAL_TEXTS, TAKE_REFUSAL_TEXTS } from "../../../../sample-cabinet/sample-text.ts";
import type { TakeCommand, TakingView } from "../../../../sample-cabinet/samples-port.ts";
import type {
  CabinetAnswer,
  CabinetCommand,
  CabinetShown,
  CabinetSurroundings,
  SamplesShown,
} from "../../../cabinet-protocol.ts";
import type { Problem } from "../../../protocol.ts";
import { type SignerShown, signersAnswerSchema } from "../../../receiving-protocol.ts";
import { durationText } from "../alarm/alarm-words.ts";
import { call, problemOf } from "../terminal/api.ts";
import type { CameraFeed } from "../terminal/camera-feed.ts";
import { chosen } from "../texts/i18n.ts";
import type { CabinetSocket } from "./cabinet-socket.ts";

export interface Notice {
  readonly tone: "ok" | "no";
  readonly text: string;
}

/** What every part of the cabinet's page may look at and do; provided once by CabinetPage. */
export interface CabinetDesk {
  readonly cabinets: Readonly<Ref<readonly CabinetShown[]>>;
  readonly samples: Readonly<Ref<SamplesShown | null>>;
  readonly taking: Readonly<Ref<TakingView>>;
  readonly surroundings: Readonly<Ref<CabinetSurroundings | null>>;
  readonly feed: CameraFeed;
  readonly isAsking: Readonly<Ref<boolean>>;
  readonly notice: Readonly<Ref<Notice | null>>;
  /** Does it, and shows a refusal in words. @returns null after a failure. */
  act(command: CabinetCommand): Promise<CabinetAnswer | null>;
  take(take: TakeCommand): Promise<CabinetAnswer | null>;
  tell(notice: Notice): void;
  signers(right: "keep" | "override"): Promise<readonly SignerShown[]>;
  preview(isOn: boolean): void;
}

export const CABINET_DESK: InjectionKey<CabinetDesk> = Symbol("cabinet desk");
export function useDesk(): CabinetDesk {
  const desk = inject(CABINET_DESK);
  if (desk === undefined) throw new Error("no cabinet desk above this part");
  return desk;
}

const NOTICE_MS = 6000;

export function createDesk(socket: CabinetSocket, feed: CameraFeed): CabinetDesk {
  const { t } = useI18n();
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
  const tellProblem = (problem: Problem): void =>
    tell({ tone: "no", text: `${chosen(problem.message)}：${chosen(problem.hint)}` });
  const refusal = (answer: CabinetAnswer): string | null => {
    switch (answer.kind) {
      case "take-refused": {
        const short = answer.reason === "too-light" && answer.shortG !== null;
        const more = short ? `：${t("cabinet.take.short", { grams: answer.shortG })}` : "";
        return chosen(TAKE_REFUSAL_TEXTS[answer.reason]) + more;
      }
      case "leave-refused": {
        const { hours } = answer;
        const left = hours === null ? 0 : hours.neededMs - Math.min(hours.wallMs, hours.provenMs);
        const more = left > 0 ? `：${t("cabinet.leave.hoursLeft", { time: durationText(left) })}` : "";
        return chosen(LEAVE_REFUSAL_TEXTS[answer.reason]) + more;
      }
      case "cabinet-refused":
        return t(`cabinet.refused.${answer.reason}`);
      default:
        return null;
    }
  };
  const act = async (command: CabinetCommand): Promise<CabinetAnswer | null> => {
    notice.value = null;
    asking.value += 1;
    const answer = await socket.ask(command).finally(() => {
      asking.value -= 1;
    });
    if (answer.kind === "failed") {
      tellProblem(answer.problem);
      return null;
    }
    const why = refusal(answer);
    if (why !== null) tell({ tone: "no", text: why });
    return answer;
  };
  return {
    cabinets: socket.cabinets,
    samples: socket.samples,
    taking: socket.taking,
    surroundings: socket.surroundings,
    feed,
    isAsking: computed(() => asking.value > 0),
    notice,
    act,
    take: (take) => act({ kind: "take", take }),
    tell,
    preview: socket.preview,
    async signers(right) {
      try {
        return (await call("GET", `/cabinet/signers?right=${right}`, signersAnswerSchema)).signers;
      } catch (error) {
        tellProblem(problemOf(error));
        return [];
      }
    },
  };
}

/** What became of a signature, in words; null when it was given. */
export function useSignOutcome(): (answer: CabinetAnswer | null) => string | null {
  const { t } = useI18n();
  return (answer) => {
    if (answer?.kind !== "not-signed") return null;
    const { outcome } = answer;
    switch (outcome.kind) {
      case "wrong":
        return t("sign.outcome.wrong", { count: outcome.attemptsLeft });
      case "locked":
        return t("sign.outcome.locked", { minutes: Math.ceil(outcome.waitMs / 60_000) });
      case "refused":
        return outcome.reason === "same-person"
          ? t("sign.outcome.same-person-here")
          : t("sign.outcome.no-right");
      case "not-recognised":
        return t(`sign.outcome.${outcome.reason}`);
    }
  };
}
