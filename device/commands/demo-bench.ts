import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { PanScale } from "../../firmware-bridge/simulators/pan-scale.ts";
import type { DeviceBay } from "../../firmware-bridge/simulators/socket.ts";
import { tcpBay } from "../../firmware-bridge/simulators/tcp-bay.ts";
import type { DemoBenchConfig } from "../config/demo-config.ts";
import type { DemoGoods } from "../kiosk/kiosk-ports.ts";
import type { Clock } from "../platform/clock.ts";
import type { Teardown } from "../platform/teardown.ts";
import type { OrderBook } from "../receiving/order-port.ts";

/** A scale, a scanner and a probe that stand nowhere, each behind a TCP port that speaks its bytes. */
export interface DemoBench {
  readonly config: DemoBenchConfig;
  /** @param orders what is due, for the codes that the scanner could read. */
  goods(orders: () => DemoOrders | null): DemoGoods;
}

export interface DemoOrders {
  readonly day: string;
  readonly book: Pick<OrderBook, "dueOn">;
}

const GRAMS_MAX = 60_000;
/** Fine enough for a food sample: its Min, 20 divisions, lies below 125 g. */
const DIVISION_G = 5;
const PROBE_PERIOD_MS = 1000;
/** Cool enough for pork, too warm for chicken: so one sees both. */
const PROBE_TEXT = "4.6\xb0C\r\n";

/** @param folder where pictures of invented goods are written, for the camera over the scale. */
export async function startDemoBench(folder: string, clock: Clock, teardown: Teardown): Promise<DemoBench> {
  const [scaleBay, scannerBay, probeBay] = await Promise.all([bay(teardown), bay(teardown), bay(teardown)]);
  const scale = new PanScale({ socket: scaleBay.socket, clock, gramsMax: GRAMS_MAX, divisionG: DIVISION_G });
  teardown.add("demo scale", () => scale.stop());
  const talking = clock.every(PROBE_PERIOD_MS, () => probeBay.socket.send(Buffer.from(PROBE_TEXT, "latin1")));
  teardown.add("demo probe", () => talking.cancel());
  await drawGoods(folder);
  let isPlugged = true;
  return {
    config: {
      scalePort: scaleBay.address,
      scannerPort: scannerBay.address,
      probePort: probeBay.address,
      gramsMax: GRAMS_MAX,
      divisionG: DIVISION_G,
      goodsFolder: folder,
    },
    goods: (orders) => ({
      scale: () => ({ grams: scale.grams, gramsMax: GRAMS_MAX, isShaken: scale.isShaken, isPlugged }),
      put: (grams) => scale.put(grams),
      shake: (isShaken) => scale.shake(isShaken),
      async plug(wanted) {
        if (wanted === isPlugged) return;
        isPlugged = wanted;
        await (wanted ? scaleBay.plug() : scaleBay.unplug());
      },
      codes: () => codesOf(orders()),
      scan: (text) => scannerBay.socket.send(Buffer.from(`${text}\r\n`, "latin1")),
    }),
  };
}

async function bay(teardown: Teardown): Promise<DeviceBay> {
  const made = await tcpBay();
  await made.plug();
  teardown.add("demo device", () => made.close());
  return made;
}

/** Delivery notes, the goods that have a GTIN, and one code that was printed badly. */
function codesOf(orders: DemoOrders | null): { label: string; text: string }[] {
  if (orders === null) return [];
  const due = orders.book.dueOn(orders.day);
  const notes = due.map(({ orderId, supplier }) => ({ label: `${supplier.name} · QR`, text: orderId }));
  const goods = due.flatMap(({ lines }) =>
    lines.flatMap(({ product, gtins }) =>
      gtins
        .slice(0, 1)
        .map((gtin) => ({ label: `${product.name} · GS1`, text: goodsCode(gtin, orders.day) })),
    ),
  );
  return [...notes, ...goods, { label: "校验位错 · bad check digit", text: "6901234567893" }];
}

/** A GS1-128 label: GTIN, net weight, best before in ten days, lot. */
function goodsCode(gtin: string, day: string): string {
  const expiry = new Date(Date.parse(`${day}T00:00:00Z`) + 10 * 86_400_000).toISOString();
  const yymmdd = expiry.slice(2, 10).replaceAll("-", "");
  return `]C101${gtin.padStart(14, "0")}3103012500${`15${yymmdd}`}10L${yymmdd}`;
}

const PICTURES: readonly (readonly [name: string, goods: string, crate: string, rows: number])[] = [
  ["1-potatoes", "#c9a25a", "#2f5d8a", 5],
  ["2-cabbages", "#9dc183", "#7a5230", 3],
];

/** Pictures of goods that nobody photographed: round things in a crate. */
async function drawGoods(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, goods, crate, rows] of PICTURES) {
    const step = 560 / rows;
    const rounds = Array.from({ length: rows * (rows + 2) }, (_, index) => {
      const x =
        90 + (index % (rows + 2)) * ((1100 / (rows + 2)) | 0) + (Math.floor(index / (rows + 2)) % 2) * 30;
      const y = 110 + Math.floor(index / (rows + 2)) * step;
      return `<ellipse cx="${x}" cy="${y}" rx="${step * 0.62}" ry="${step * 0.48}" fill="${goods}" stroke="#00000055" stroke-width="4"/>`;
    });
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1280" height="720"><rect width="1280" height="720" fill="#59606a"/><rect x="40" y="30" width="1200" height="660" rx="26" fill="${crate}"/>${rounds.join("")}</svg>`;
    await writeFile(
      join(folder, `${name}.jpg`),
      await sharp(Buffer.from(svg)).jpeg({ quality: 82 }).toBuffer(),
    );
  }
}
