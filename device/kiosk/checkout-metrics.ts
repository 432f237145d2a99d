import type { Metrics } from "../platform/metrics.ts";
import type { CheckoutView, ServingLine } from "../serving-line/serving-line-port.ts";

/**
 * Counts what the diners were shown: a charge once by its id, a refusal once each time it appears.
 * @returns a function that stops counting.
 */
export function countCheckouts(
  servingLine: Pick<ServingLine, "status" | "onStatus">,
  metrics: Metrics,
): () => void {
  let previous: CheckoutView = servingLine.status().view;
  return servingLine.onStatus(({ view }) => {
    if (view.kind === "paid") {
      const isSame = previous.kind === "paid" && previous.receipt.chargeId === view.receipt.chargeId;
      if (!isSame) metrics.chargeMade(view.receipt.method);
    } else if (view.kind === "refused") {
      // A status may repeat for another reason (an order line, the meal): only the step into the view counts.
      if (previous.kind !== "refused") metrics.chargeRefused(view.reason);
    } else if (view.kind === "not-me" && view.outcome === "voided") {
      if (previous.kind !== "not-me") metrics.chargeVoided();
    }
    previous = view;
  });
}
