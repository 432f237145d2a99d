import { onMounted, shallowRef } from "vue";
import type { StockRow } from "../../../../receiving/receiving-port.ts";
import { stockAnswerSchema } from "../../../receiving-protocol.ts";
import { useApi } from "../admin/use-api.ts";
import { useDesk } from "./desk.ts";

/** The balances, asked for when whoever shows them opens. */
export function useStock() {
  const desk = useDesk();
  const { problem, ask } = useApi(desk.expired);
  const stock = shallowRef<readonly StockRow[] | null>(null);
  onMounted(async () => {
    stock.value = (await ask("GET", "/receiving/stock", stockAnswerSchema))?.stock ?? null;
  });
  return { stock, problem };
}
