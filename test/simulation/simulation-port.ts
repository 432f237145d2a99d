import type { PlantedBug } from "./planted-bug.ts";
import type { Violation } from "./violation.ts";
import type { FaultShares } from "./world.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly days: number;
  readonly bug?: PlantedBug;
  /** Instead of those that the seed draws. */
  readonly shares?: FaultShares;
  /** Whether receiving and a sample cabinet are behind the first till; without it the seed decides. */
  readonly kitchen?: boolean;
  /** How many people eat there; without it the seed decides. */
  readonly diners?: number;
  /** Asked between two visits: a run that is only to last so long ends there, without its last checks. */
  readonly isOver?: () => boolean;
}

export interface SimulationResult {
  readonly seed: number;
  readonly days: number;
  readonly violation: Violation | null;
  /** The last events before the violation. */
  readonly lastEvents: readonly string[];
  /** How often each thing happened: meals, power cuts, … */
  readonly counts: ReadonlyMap<string, number>;
  /** Over all journals at the end: the same seed gives the same. */
  readonly fingerprint: string;
}
