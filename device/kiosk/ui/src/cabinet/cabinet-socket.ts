import { type Ref, shallowRef } from "vue";
import type { TakingView } from "../../../../sample-cabinet/samples-port.ts";
import {
  type CabinetAnswer,
  type CabinetCommand,
  type CabinetServerMessage,
  type CabinetShown,
  type CabinetSurroundings,
  cabinetServerMessage,
  type SamplesShown,
} from "../../../cabinet-protocol.ts";
import { type PageSocket, useAskingLink } from "../terminal/page-link.ts";

export interface CabinetSocket extends PageSocket<CabinetCommand, CabinetAnswer> {
  readonly surroundings: Readonly<Ref<CabinetSurroundings | null>>;
  readonly cabinets: Readonly<Ref<readonly CabinetShown[]>>;
  readonly samples: Readonly<Ref<SamplesShown | null>>;
  /** Changes with the scale: only what shows the taking may look at it. */
  readonly taking: Readonly<Ref<TakingView>>;
}

/** The one connection of the cabinet's page; `absent` where the terminal has no cabinet. */
export function useCabinetSocket(): CabinetSocket {
  const surroundings = shallowRef<CabinetSurroundings | null>(null);
  const cabinets = shallowRef<readonly CabinetShown[]>([]);
  const samples = shallowRef<SamplesShown | null>(null);
  const taking = shallowRef<TakingView>({ step: "idle" });
  const link = useAskingLink<"cabinet", CabinetCommand, CabinetAnswer>({
    path: "/ws/cabinet",
    page: "cabinet",
    onText: (json) => onMessage(cabinetServerMessage(json)),
  });

  const onMessage = (message: CabinetServerMessage): void => {
    switch (message.type) {
      case "surroundings":
        link.opened();
        surroundings.value = message;
        break;
      case "cabinet": {
        const { view, names } = message;
        const others = cabinets.value;
        const isKnown = others.some((each) => each.view.cabinetId === view.cabinetId);
        cabinets.value = isKnown
          ? others.map((each) => (each.view.cabinetId === view.cabinetId ? { view, names } : each))
          : [...others, { view, names }];
        break;
      }
      case "samples":
        samples.value = message.samples;
        break;
      case "taking":
        taking.value = message.taking;
        break;
      default:
        link.hear(message);
    }
  };
  return { ...link, surroundings, cabinets, samples, taking };
}
