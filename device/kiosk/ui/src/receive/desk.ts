import { computed, type InjectionKey, inject, type Ref, shallowRef } from "vue";
import { useI18n } from "vue-i18n";
import type {
  LiveReceiving,
  LiveScale,
  PhotoRecord,
  ReceivingAnswer,
  ReceivingCommand,
  ReceivingView,
} from "../../../../receiving/receiving-port.ts";
import type { Problem } from "../../../protocol.ts";
import {
  type ReceivingSurroundings,
  type SignerShown,
  signersAnswerSchema,
} from "../../../receiving-protocol.ts";
import { call, problemOf } from "../terminal/api.ts";
import type { CameraFeed } from "../terminal/camera-feed.ts";
import { chosen } from "../texts/i18n.ts";
import type { ReceivingSocket } from "./receiving-socket.ts";

/** What every part of the receiving page may look at and do; provided once by ReceivingDesk. */
export interface Desk {
  readonly view: Readonly<Ref<ReceivingView>>;
  readonly live: Readonly<Ref<LiveReceiving | null>>;
  readonly surroundings: Readonly<Ref<ReceivingSurroundings>>;
  readonly feed: CameraFeed;
  /** A command is on its way. */
  readonly isAsking: Readonly<Ref<boolean>>;
  readonly notice: Readonly<Ref<Notice | null>>;
  /** Does it, and shows a refusal in words. @returns null after a failure. */
  act(command: ReceivingCommand): Promise<ReceivingAnswer | null>;
  tell(notice: Notice): void;
  /** Who could sign that now. */
  signers(what: "override" | "delivery"): Promise<readonly SignerShown[]>;
  preview(isOn: boolean): void;
  expired(): void;
}

export interface Notice {
  readonly tone: "ok" | "no";
  readonly text: string;
}

export const DESK: InjectionKey<Desk> = Symbol("receiving desk");
export function useDesk(): Desk {
  const desk = inject(DESK);
  if (desk === undefined) throw new Error("no receiving desk above this part");
  return desk;
}

const NOTICE_MS = 6000;

export function createDesk(
  socket: ReceivingSocket,
  view: Readonly<Ref<ReceivingView>>,
  surroundings: Readonly<Ref<ReceivingSurroundings>>,
  feed: CameraFeed,
  heard: {
    readonly onExpired: () => void;
    readonly onClosed: (outcome: "accepted" | "accepted-in-part" | "refused") => void;
  },
): Desk {
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
  const tellProblem = (problem: Problem): void => {
    if (problem.code === "sign-in-needed") heard.onExpired();
    else tell({ tone: "no", text: `${chosen(problem.message)}：${chosen(problem.hint)}` });
  };
  return {
    view,
    live: socket.live,
    surroundings,
    feed,
    isAsking: computed(() => asking.value > 0),
    notice,
    tell,
    preview: socket.preview,
    expired: heard.onExpired,
    async act(command) {
      notice.value = null;
      asking.value += 1;
      const answer = await socket.ask(command).finally(() => {
        asking.value -= 1;
      });
      if (answer.kind === "failed") {
        tellProblem(answer.problem);
        return null;
      }
      if (answer.kind === "closed") heard.onClosed(answer.outcome);
      if (answer.kind === "refused") {
        const gate = answer.gate === undefined ? "" : t(`receive.gate.${answer.gate}`);
        tell({ tone: "no", text: t(`receive.refused.${answer.reason}`, { gate }) });
      }
      return answer;
    },
    async signers(what) {
      try {
        return (await call("GET", `/receiving/signers?what=${what}`, signersAnswerSchema)).signers;
      } catch (error) {
        tellProblem(problemOf(error));
        return [];
      }
    },
  };
}

/** The scale in use: the one chosen for these goods, or the first. */
export function scaleInUse(live: LiveReceiving | null, scaleId: string | null): LiveScale | null {
  const scales = live?.scales ?? [];
  return scales.find((scale) => scale.scaleId === scaleId) ?? scales[0] ?? null;
}

/** What became of a signature, in words; null when it was given. */
export function useSignOutcome(): (answer: ReceivingAnswer | null) => string | null {
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
      case "not-recognised":
        return t(`sign.outcome.${outcome.reason}`);
    }
  };
}

/** A photo's two hashes and what to say where there is none. */
export function photoParts(photo: PhotoRecord): {
  thumbnailSha256: string | null;
  photoSha256: string | null;
  missingKey: string;
} {
  return photo.kind === "taken"
    ? { ...photo.photo, missingKey: "receive.photo.none.no-frame" }
    : { thumbnailSha256: null, photoSha256: null, missingKey: `receive.photo.none.${photo.why}` };
}
