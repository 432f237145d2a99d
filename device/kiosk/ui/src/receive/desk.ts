import { type InjectionKey, inject, type Ref } from "vue";
import { useI18n } from "vue-i18n";
import type {
  LiveReceiving,
  LiveScale,
  PhotoRecord,
  ReceivingAnswer,
  ReceivingCommand,
  ReceivingView,
} from "../../../../receiving/receiving-port.ts";
import type { SignerShown } from "../../../page-protocol.ts";
import type { Problem } from "../../../protocol.ts";
import type { ReceivingSurroundings } from "../../../receiving-protocol.ts";
import type { CameraFeed } from "../terminal/camera-feed.ts";
import { type PageDesk, usePageDesk, useSignWords } from "../terminal/page-desk.ts";
import type { ReceivingSocket } from "./receiving-socket.ts";

/** What every part of the receiving page may look at and do; provided once by ReceivingDesk. */
export interface Desk extends PageDesk<ReceivingCommand, ReceivingAnswer> {
  readonly view: Readonly<Ref<ReceivingView>>;
  readonly live: Readonly<Ref<LiveReceiving | null>>;
  readonly surroundings: Readonly<Ref<ReceivingSurroundings>>;
  readonly feed: CameraFeed;
  /** Who could sign that now. */
  signers(what: "override" | "delivery"): Promise<readonly SignerShown[]>;
  expired(): void;
  tellProblem(problem: Problem): void;
}

export const DESK: InjectionKey<Desk> = Symbol("receiving desk");
export function useDesk(): Desk {
  const desk = inject(DESK);
  if (desk === undefined) throw new Error("no receiving desk above this part");
  return desk;
}

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
  const refusalOf = (answer: ReceivingAnswer): string | null => {
    if (answer.kind !== "refused") return null;
    const gate = answer.gate === undefined ? "" : t(`receive.gate.${answer.gate}`);
    return t(`receive.refused.${answer.reason}`, { gate });
  };
  const signersPath = "/receiving/signers";
  const desk = usePageDesk(socket, { refusalOf, signersPath, onExpired: heard.onExpired });
  return {
    ...desk,
    view,
    live: socket.live,
    surroundings,
    feed,
    expired: heard.onExpired,
    async act(command) {
      const answer = await desk.act(command);
      if (answer?.kind === "closed") heard.onClosed(answer.outcome);
      return answer;
    },
    signers: (what) => desk.signersFor(`what=${what}`),
  };
}

/** The scale in use: the one chosen for these goods, or the first. */
export function scaleInUse(live: LiveReceiving | null, scaleId: string | null): LiveScale | null {
  const scales = live?.scales ?? [];
  return scales.find((scale) => scale.scaleId === scaleId) ?? scales[0] ?? null;
}

/** What became of a signature, in words; null when it was given. */
export function useSignOutcome(): (answer: ReceivingAnswer | null) => string | null {
  const words = useSignWords("sign.outcome.same-person");
  return (answer) => (answer?.kind === "not-signed" ? words(answer.outcome) : null);
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
