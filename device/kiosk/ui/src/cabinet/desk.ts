import { type InjectionKey, inject, type Ref } from "vue";
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
import type { SignerShown } from "../../../page-protocol.ts";
import { durationText } from "../alarm/alarm-words.ts";
import type { CameraFeed } from "../terminal/camera-feed.ts";
import { type PageDesk, usePageDesk, useSignWords } from "../terminal/page-desk.ts";
import { chosen } from "../texts/i18n.ts";
import type { CabinetSocket } from "./cabinet-socket.ts";

/** What every part of the cabinet's page may look at and do; provided once by CabinetPage. */
export interface CabinetDesk extends PageDesk<CabinetCommand, CabinetAnswer> {
  readonly cabinets: Readonly<Ref<readonly CabinetShown[]>>;
  readonly samples: Readonly<Ref<SamplesShown | null>>;
  readonly taking: Readonly<Ref<TakingView>>;
  readonly surroundings: Readonly<Ref<CabinetSurroundings | null>>;
  readonly feed: CameraFeed;
  take(take: TakeCommand): Promise<CabinetAnswer | null>;
  signers(right: "keep" | "override"): Promise<readonly SignerShown[]>;
}

export const CABINET_DESK: InjectionKey<CabinetDesk> = Symbol("cabinet desk");
export function useDesk(): CabinetDesk {
  const desk = inject(CABINET_DESK);
  if (desk === undefined) throw new Error("no cabinet desk above this part");
  return desk;
}

export function createDesk(socket: CabinetSocket, feed: CameraFeed): CabinetDesk {
  const { t } = useI18n();
  const refusalOf = (answer: CabinetAnswer): string | null => {
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
  const desk = usePageDesk(socket, { refusalOf, signersPath: "/cabinet/signers" });
  return {
    ...desk,
    cabinets: socket.cabinets,
    samples: socket.samples,
    taking: socket.taking,
    surroundings: socket.surroundings,
    feed,
    take: (take) => desk.act({ kind: "take", take }),
    signers: (right) => desk.signersFor(`right=${right}`),
  };
}

/** What became of a signature, in words; null when it was given. */
export function useSignOutcome(): (answer: CabinetAnswer | null) => string | null {
  const words = useSignWords("sign.outcome.same-person-here");
  return (answer) => (answer?.kind === "not-signed" ? words(answer.outcome) : null);
}
