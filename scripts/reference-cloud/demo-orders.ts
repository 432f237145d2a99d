import type { OrderDesk, PurchaseOrder, WrittenOrder } from "./order-desk.ts";

type Line = PurchaseOrder["lines"][number];

const line = (lineId: string, name: string, quantity: string, more: Partial<Line> = {}): Line => ({
  lineId,
  product: { productId: `demo-${lineId}`, name },
  unit: "kg",
  quantity,
  packTareG: null,
  tolerance: { underBp: 500, overBp: 500 },
  priceFen: null,
  gtins: [],
  temperatureMilliCMax: null,
  lotRequired: false,
  shelfDaysMin: null,
  ...more,
});

/** Invented suppliers and goods; what is special about some shows the rules of receiving. */
const DELIVERIES: readonly Pick<WrittenOrder, "orderId" | "supplier" | "lines">[] = [
  {
    orderId: "veg",
    supplier: { supplierId: "demo-green", name: "绿源蔬菜" },
    lines: [
      line("potato", "土豆", "50", { priceFen: 280 }),
      line("cabbage", "大白菜", "80", { unit: "jin", priceFen: 120 }),
      line("egg", "鸡蛋", "12", { unit: "piece", packTareG: 800, priceFen: 2600 }),
    ],
  },
  {
    orderId: "meat",
    supplier: { supplierId: "demo-cold", name: "冷链肉品" },
    lines: [
      line("pork", "猪前腿肉", "30", {
        priceFen: 2480,
        temperatureMilliCMax: 7000,
        lotRequired: true,
        shelfDaysMin: 2,
        gtins: ["06901234567892"],
      }),
      line("chicken", "鸡胸肉", "20.5", { priceFen: 1860, temperatureMilliCMax: 4000, lotRequired: true }),
    ],
  },
  {
    orderId: "dry",
    supplier: { supplierId: "demo-grain", name: "粮油批发" },
    lines: [
      line("rice", "大米", "4", { unit: "piece", packTareG: 120, priceFen: 12_800, shelfDaysMin: 60 }),
      line("oil", "菜籽油", "20", { priceFen: 1150 }),
    ],
  },
];

/** One open order of one line; for tests. */
export function demoOrder(orderId: string, date: string): WrittenOrder {
  const supplier = { supplierId: "demo-green", name: "绿源蔬菜" };
  return { orderId, supplier, dueDate: date, status: "open", lines: [line("potato", "土豆", "50")] };
}

/** Deliveries due on `date`, unless they are there. */
export function seedDemoOrders(desk: OrderDesk, date: string): void {
  for (const { orderId, supplier, lines } of DELIVERIES) {
    const written = {
      orderId: `${orderId}-${date}`,
      supplier,
      dueDate: date,
      status: "open" as const,
      lines,
    };
    if (desk.find(written.orderId) === undefined) desk.put({ ...written, lines: [...lines] });
  }
}
