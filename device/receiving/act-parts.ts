import { type CaptionContent, contentCode } from "./caption-content.ts";
import { lineOfTarget, lineRecord, workableOrder } from "./delivery-facts.ts";
import { recordedWeight } from "./entry-bodies.ts";
import type { OrderLine, PurchaseOrder } from "./order-port.ts";
import type { ReceivingCommand } from "./receiving-port.ts";
import type {
  Act,
  CommandEvent,
  Doing,
  Facts,
  FrozenWeight,
  PlaceOf,
  ReceivingState,
  Step,
} from "./receiving-types.ts";
import { deliveryOf, refuse } from "./step-parts.ts";

/** How every act begins: the line that goods are matched against, and the photo. */

export type WeighingPlace = PlaceOf<"weighing">;

/** The order and line of a weighing place, or the refusal. */
export type Matched =
  | { readonly kind: "line"; readonly order: PurchaseOrder; readonly line: OrderLine | null }
  | { readonly kind: "refused"; readonly step: Step };

export function matched(state: ReceivingState, place: WeighingPlace, facts: Facts, token: number): Matched {
  const found = workableOrder(facts, place.delivery);
  if (found.kind === "refused") return { kind: "refused", step: refuse(state, token, found.reason) };
  const line = lineOfTarget(found.order, place.target);
  if (line === undefined) return { kind: "refused", step: refuse(state, token, "line-unknown") };
  if (line !== null && lineRecord(facts, place.delivery, line.lineId).decision !== null)
    return { kind: "refused", step: refuse(state, token, "line-finished") };
  return { kind: "line", order: found.order, line };
}

/** What the photo shows: goods, or (without a product) a whole delivery by its supplier's name. */
export interface Shown {
  readonly name: string;
  readonly productId: string | null;
}

/** Freezes the act and asks for its photo: of the weight's moment, or of now. */
export function photograph(
  state: ReceivingState,
  { token, id, operatorId }: Pick<CommandEvent, "token" | "id" | "operatorId">,
  act: Act,
  weight: FrozenWeight | null,
  { name, productId }: Shown,
): Step {
  const doing: Doing = { act, id, operatorId, weight };
  const delivery = deliveryOf(state.place);
  const content: CaptionContent = {
    id,
    order: delivery === null ? null : { orderId: delivery.orderId, version: delivery.orderVersion },
    productId,
    weight: weight === null ? null : recordedWeight(weight),
  };
  return {
    state: { ...state, shown: null, pending: { kind: "photographing", token, doing } },
    effects: [
      {
        kind: "photo",
        token,
        atMono: weight?.weight.atMono ?? null,
        caption: {
          id,
          what: name,
          contentCode: contentCode(content),
          netG: weight?.weight.netG ?? null,
          scaleLabel: weight?.scale.label ?? null,
        },
      },
    ],
  };
}

export type CommandOf<Kind extends ReceivingCommand["kind"]> = Extract<
  ReceivingCommand,
  { readonly kind: Kind }
>;
