import type { Chance } from "./chance.ts";
import type { PlantedBug } from "./planted-bug.ts";
import type { SimulatedBroker } from "./simulated-broker.ts";
import type { SimulatedTime } from "./simulated-time.ts";
import type { Trace } from "./trace.ts";

/** How often each thing goes wrong. Shares are of the places where it could; rates are for each simulated hour. */
export interface FaultShares {
  /** Of all transactions. */
  readonly cutAtWrite: number;
  /** Of all turns of the event loop while people are served. */
  readonly cutAtTurn: number;
  /** Of all transactions: fsync answers an error. */
  readonly syncFails: number;
  readonly diskFullPerHour: number;
  /** While the disk is full: the share of times in which the disk guard has not noticed yet. */
  readonly fullUnnoticed: number;
  readonly clockStepPerHour: number;
  /** The clock of a terminal that starts shows 1970. */
  readonly deadRtc: number;
  readonly driftPpmMax: number;
  readonly brokerDownPerHour: number;
  readonly networkDownPerHour: number;
  readonly cloudRestartPerHour: number;
  /** It is put back from its last backup. */
  readonly cloudRestoredPerHour: number;
  readonly cameraLostPerHour: number;
  readonly message: {
    readonly acknowledgeThenLose: number;
    readonly duplicate: number;
    readonly delay: number;
    readonly loseAcknowledgement: number;
    readonly cutConnection: number;
  };
}

/** What all parts of a run share. */
export interface World {
  readonly time: SimulatedTime;
  readonly chance: Chance;
  readonly broker: SimulatedBroker;
  readonly bug: PlantedBug;
  readonly trace: Trace;
  readonly shares: FaultShares;
  /** Whether the machines' clocks are set by NTP. */
  ntp: boolean;
  /** While false nothing new goes wrong: what was begun has to come to an end. */
  faultsOn: boolean;
  readonly counts: Map<string, number>;
}

export function count(world: Pick<World, "counts">, what: string): void {
  world.counts.set(what, (world.counts.get(what) ?? 0) + 1);
}

const QUIET: FaultShares = {
  cutAtWrite: 0,
  cutAtTurn: 0,
  syncFails: 0,
  diskFullPerHour: 0,
  fullUnnoticed: 0,
  clockStepPerHour: 0,
  deadRtc: 0,
  driftPpmMax: 0,
  brokerDownPerHour: 0,
  networkDownPerHour: 0,
  cloudRestartPerHour: 0,
  cloudRestoredPerHour: 0,
  cameraLostPerHour: 0,
  message: { acknowledgeThenLose: 0, duplicate: 0, delay: 0, loseAcknowledgement: 0, cutConnection: 0 },
};

/**
 * Each run gets some kinds of faults and not others, rare or frequent: a run in which everything goes wrong all the
 * time reaches fewer states than many that differ (Groce et al., Swarm Testing, ISSTA 2012).
 */
export function drawFaults(chance: Chance): FaultShares {
  const maybe = (least: number, most: number): number =>
    chance.happens(0.6) ? least * (most / least) ** chance.entropy.uniform() : 0;
  return {
    cutAtWrite: maybe(0.0003, 0.01),
    cutAtTurn: maybe(0.00003, 0.001),
    syncFails: maybe(0.0001, 0.002),
    diskFullPerHour: maybe(0.1, 2),
    fullUnnoticed: chance.pick([0, 0.5, 1]),
    clockStepPerHour: maybe(0.5, 6),
    deadRtc: chance.happens(0.3) ? 0.3 : 0,
    driftPpmMax: maybe(1, 50),
    brokerDownPerHour: maybe(0.2, 5),
    networkDownPerHour: maybe(0.2, 5),
    cloudRestartPerHour: maybe(0.1, 2),
    cloudRestoredPerHour: maybe(0.05, 0.5),
    cameraLostPerHour: maybe(0.2, 2),
    message: {
      acknowledgeThenLose: maybe(0.001, 0.1),
      duplicate: maybe(0.001, 0.1),
      delay: maybe(0.001, 0.1),
      loseAcknowledgement: maybe(0.001, 0.05),
      cutConnection: maybe(0.0005, 0.01),
    },
  };
}

export const NO_FAULTS = QUIET;
