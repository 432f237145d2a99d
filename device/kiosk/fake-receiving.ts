import { epochMs } from "../platform/units.ts";
import type { OrderLine } from "../receiving/order-port.ts";
import type {
  DeliveryView,
  GoodsView,
  LineView,
  LiveReceiving,
  LiveScale,
  Receiving,
  ReceivingAnswer,
  ReceivingCommand,
  ReceivingView,
  StockRow,
  WeighInView,
} from "../receiving/receiving-port.ts";
import { Listeners } from "./fake-listeners.ts";

/** A stand-in of receiving: shows what the test says and remembers what it was asked. It decides nothing. */

export const FAKE_THUMBNAIL = "a".repeat(64);
export const FAKE_PHOTO = "b".repeat(64);

export const fakeWeighIn = (change: Partial<WeighInView> = {}): WeighInView => ({
  weighInId: "w1",
  seq: 412,
  hash: "5e0c1a94".repeat(8),
  kind: "accepted",
  atMs: epochMs(Date.UTC(2026, 8, 1, 0, 12)),
  timeTrust: "synced",
  operatorId: "k1",
  netG: 25_040,
  packCount: null,
  quantity: "25.04",
  scaleId: "floor-scale",
  lot: null,
  expiry: null,
  temperatureMilliC: null,
  photo: {
    kind: "taken",
    photo: {
      photoSha256: FAKE_PHOTO,
      thumbnailSha256: FAKE_THUMBNAIL,
      offMs: 40,
      cameraLabel: "browser",
      facesBlurred: 0,
    },
    isOff: false,
  },
  mismatches: [],
  overriddenBy: null,
  isStruck: false,
  ...change,
});

export const fakeLine = (lineId: string, name: string, change: Partial<LineView> = {}): LineView => ({
  lineId,
  product: { productId: lineId, name },
  unit: "kg",
  orderedQuantity: "50",
  receivedQuantity: "0",
  rejectedQuantity: "0",
  receivedG: 0,
  verdict: "missing",
  decision: null,
  lotRequired: false,
  shelfDaysMin: null,
  temperatureMilliCMax: null,
  packTareG: null,
  priceFen: 280,
  amountFen: 0,
  weighIns: [],
  ...change,
});

export const fakeDelivery = (change: Partial<DeliveryView> = {}): DeliveryView => ({
  deliveryId: "d1",
  orderId: "veg",
  orderVersion: 1,
  supplier: { supplierId: "green", name: "绿源蔬菜" },
  dueDate: "2026-09-01",
  lines: [
    fakeLine("potato", "土豆"),
    fakeLine("cabbage", "大白菜", { unit: "jin", orderedQuantity: "80", priceFen: 120 }),
    fakeLine("egg", "鸡蛋", { unit: "piece", orderedQuantity: "12", packTareG: 800, priceFen: 2600 }),
  ],
  orderChange: null,
  photosWaivedBy: null,
  weighedBy: ["k1"],
  ...change,
});

export const fakeGoods = (change: Partial<GoodsView> = {}): GoodsView => ({
  scaleId: null,
  lot: null,
  expiry: null,
  gtin: null,
  labelNetG: null,
  temperature: null,
  tare: { kind: "none" },
  packCount: null,
  ...change,
});

export const fakeOrderLine = (lineId: string, name: string, quantity: string): OrderLine => ({
  lineId,
  product: { productId: lineId, name },
  unit: "kg",
  quantity,
  packTareG: null,
  tolerance: { underBp: 500, overBp: 500 },
  priceFen: null,
  gtins: [],
  temperatureMilliCMax: null,
  lotRequired: false,
  shelfDaysMin: null,
});

const named = (id: string, zh: string, en: string) => ({ id, name: { zh, en } });

export const fakeReceivingView = (change: Partial<ReceivingView> = {}): ReceivingView => ({
  day: "2026-09-01",
  priceFree: false,
  deliveries: [
    {
      orderId: "veg",
      supplier: { supplierId: "green", name: "绿源蔬菜" },
      dueDate: "2026-09-01",
      lineCount: 3,
      finishedLineCount: 0,
      state: "due",
      deliveryId: null,
    },
    {
      orderId: "meat",
      supplier: { supplierId: "cold", name: "冷链肉品" },
      dueDate: "2026-09-01",
      lineCount: 2,
      finishedLineCount: 1,
      state: "open",
      deliveryId: "d2",
    },
    {
      orderId: "dry",
      supplier: { supplierId: "grain", name: "粮油批发" },
      dueDate: "2026-08-31",
      lineCount: 2,
      finishedLineCount: 2,
      state: "accepted",
      deliveryId: "d3",
    },
  ],
  step: { kind: "choosing" },
  activity: { kind: "none" },
  lastScan: null,
  containers: [
    { ...named("crate", "蓝色周转筐", "Blue crate"), tareG: 1850 },
    { ...named("trolley", "平板车", "Trolley"), tareG: 12_400 },
  ],
  overrideReasons: [
    named("needed-today", "今天必须用", "needed today"),
    named("agreed", "已和供应商说好", "agreed with the supplier"),
  ],
  rejectReasons: [
    named("rotten", "腐烂变质", "rotten"),
    named("damaged", "包装破损", "damaged"),
    named("short", "数量不足", "short"),
  ],
  strikeReasons: [named("wrong-line", "称错了行", "wrong line"), named("slipped", "秤没放稳", "it slipped")],
  binReasons: [named("spoiled", "变质", "spoiled")],
  ...change,
});

export const fakeScale = (change: Partial<LiveScale> = {}): LiveScale => ({
  scaleId: "floor-scale",
  label: "MT-SICS",
  connection: "live",
  code: null,
  text: "0.000",
  unit: "kg",
  grams: 0,
  netG: 0,
  stable: true,
  overload: false,
  underload: false,
  zero: true,
  tared: false,
  gate: { kind: "waiting", reason: "below-min" },
  minG: 200,
  maxG: 60_000,
  divisionG: 10,
  verifiedOn: "2026-03-10",
  ...change,
});

/** Goods that lie still on the pan: `grams` may be taken. */
export const fakeReady = (grams: number): LiveScale => {
  const text = `${Math.trunc(grams / 1000)}.${String(grams % 1000).padStart(3, "0")}`;
  return fakeScale({ text, grams, netG: grams, zero: false, gate: { kind: "ready" } });
};

export class FakeReceiving implements Receiving {
  readonly commands: { readonly operatorId: string; readonly command: ReceivingCommand }[] = [];
  /** Answers in turn; then "done". */
  readonly answers: ReceivingAnswer[] = [];
  readonly stockRows: StockRow[] = [];
  fault: Error | null = null;
  /** What happens while a command runs. */
  onCommand: () => void = () => {};
  readonly #views = new Listeners<ReceivingView>();
  readonly #lives = new Listeners<LiveReceiving>();
  #view = fakeReceivingView();
  #live: LiveReceiving = {
    scales: [fakeScale()],
    temperatures: [{ thermometerId: "probe-1", probe: "core", milliC: 4200, fault: null }],
    camera: { kind: "ready" },
  };

  view = (): ReceivingView => this.#view;
  live = (): LiveReceiving => this.#live;
  onView = (listener: (view: ReceivingView) => void): (() => void) => this.#views.add(listener);
  onLive = (listener: (live: LiveReceiving) => void): (() => void) => this.#lives.add(listener);

  show(change: Partial<ReceivingView>): void {
    this.#view = { ...this.#view, ...change };
    this.#views.tell(this.#view);
  }

  weigh(...scales: readonly LiveScale[]): void {
    this.set({ scales });
  }

  set(change: Partial<LiveReceiving>): void {
    this.#live = { ...this.#live, ...change };
    this.#lives.tell(this.#live);
  }

  async command(operatorId: string, command: ReceivingCommand): Promise<ReceivingAnswer> {
    this.commands.push({ operatorId, command });
    this.onCommand();
    if (this.fault !== null) throw this.fault;
    return this.answers.shift() ?? { kind: "done" };
  }

  signers = () => [
    { operatorId: "m1", displayName: "王主管", faceKnown: true },
    { operatorId: "k2", displayName: "李师傅", faceKnown: false },
  ];
  stock = (): readonly StockRow[] => this.stockRows;
  isAtGoods = (): boolean => this.#view.step.kind !== "choosing";
  async close(): Promise<void> {}
}
