import { type FaultShares, NO_FAULTS } from "./world.ts";

/** A run that once found something, or that reaches what others rarely do. Each stays a test. */
export interface KeptSeed {
  readonly seed: number;
  readonly days: number;
  readonly why: string;
  /** Instead of the faults that the seed draws. */
  readonly shares?: FaultShares;
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  { seed: 2, days: 1, why: "two hundred meals with power cuts before, during and after a commit" },
  { seed: 3, days: 1, why: "clock steps at a till that NTP does not set" },
  { seed: 6, days: 2, why: "the cloud is put back from its copy" },
  { seed: 7, days: 1, why: "a full disk at a single till" },
  {
    seed: 5,
    days: 1,
    why: "found: a clock set to another day was believed again after a restart without network",
    shares: { ...NO_FAULTS, cutAtTurn: 0.001, networkDownPerHour: 8, clockStepPerHour: 5 },
  },
];
