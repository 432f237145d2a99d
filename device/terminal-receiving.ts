import type { Config } from "./config/schema.ts";
import type { PhotoStudio } from "./photos/studio-port.ts";
import type { Clock } from "./platform/clock.ts";
import type { Logger } from "./platform/logger.ts";
import { createReceiving } from "./receiving/receiving.ts";
import type { Receiving } from "./receiving/receiving-port.ts";
import type { BenchScale } from "./receiving/scale-bench.ts";
import type { SignatureDesk } from "./signatures/signature-port.ts";
import type { TerminalDevices } from "./terminal-devices.ts";
import { readGoodsCode } from "./terminal-goods-code.ts";
import type { TerminalStore } from "./terminal-store.ts";

export interface TerminalReceivingOptions {
  readonly config: Config;
  readonly store: Pick<TerminalStore, "journal" | "ids" | "orders" | "photos" | "goods" | "operators">;
  readonly devices: Pick<TerminalDevices, "scales" | "thermometers" | "scanners">;
  readonly studio: PhotoStudio | null;
  readonly desk: SignatureDesk;
  /** Who is signed in at the receiving page. */
  readonly operatorAtPage: () => string | null;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Receiving with the terminal's own devices and settings. */
export function startTerminalReceiving(options: TerminalReceivingOptions): Receiving {
  const { config, store, devices, studio, desk, operatorAtPage, clock, logger } = options;
  const { receiving, servingLine } = config;
  const localTime = localTimeIn(servingLine.mealPlan.zone);
  return createReceiving({
    scales: benchScales(config, devices),
    thermometers: devices.thermometers,
    scanners: [...devices.scanners.values()].flatMap(({ scanner, use }) =>
      use === "receiving" ? [scanner] : [],
    ),
    readCode: (scanned) => readGoodsCode(scanned, Number(localTime(clock.now()).day.slice(0, 4))),
    orders: store.orders,
    journal: store.journal,
    ledger: store.goods,
    photos: store.photos,
    studio,
    desk,
    operatorAtPage,
    operatorName: (operatorId) =>
      store.operators.list().find((operator) => operator.operatorId === operatorId)?.displayName ?? null,
    lists: receiving,
    priceFree: receiving.priceFree,
    localTime,
    clock,
    ids: store.ids,
    logger,
  });
}

/** The scales that have a plate in the configuration; others are somebody else's. */
function benchScales(
  { receiving, devices: configs }: Config,
  { scales }: Pick<TerminalDevices, "scales">,
): ReadonlyMap<string, BenchScale> {
  return new Map(
    receiving.scales.flatMap(({ id, label, unit, minG, maxG, divisionG, serialNumber, verifiedOn }) => {
      const scale = scales.get(id);
      const device = configs.find((config) => config.kind === "scale" && config.id === id);
      if (scale === undefined || device?.kind !== "scale") return [];
      const identity = {
        scaleId: id,
        label: label ?? id,
        serialNumber: serialNumber ?? null,
        verifiedOn: verifiedOn ?? null,
        minG,
        maxG,
        divisionG,
        protocol: device.protocol,
        protocolOptions: device.options,
      };
      return [[id, { scale, limits: { unit, minG, maxG, divisionG }, identity }] as const];
    }),
  );
}

/** Day and time of the school's zone: YYYY-MM-DD and HH:MM:SS. */
export function localTimeIn(zone: string): (atMs: number) => { readonly day: string; readonly time: string } {
  // Swedish writes ISO dates and 24 hours in every ICU version.
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone,
    dateStyle: "short",
    timeStyle: "medium",
  });
  return (atMs) => {
    const [day = "", time = ""] = format.format(atMs).split(" ");
    return { day, time };
  };
}
