import type { RosterMessage } from "../../roster/roster-delta.ts";
import type { RosterApplied, RosterDownlink } from "../downlink-port.ts";

/** The port's rules without a database: whole snapshots, deltas that must join. */
export class FakeRoster implements RosterDownlink {
  #version = 0;
  readonly balances = new Map<string, number>();
  readonly outcomes: RosterApplied["kind"][] = [];

  version(): number {
    return this.#version;
  }

  apply(message: RosterMessage): RosterApplied {
    const applied = this.#apply(message);
    this.outcomes.push(applied.kind);
    return applied;
  }

  #apply(message: RosterMessage): RosterApplied {
    if (message.to <= this.#version) return { kind: "stale" };
    if (message.kind === "delta" && message.from > this.#version) return { kind: "gap", have: this.#version };
    this.#version = message.to;
    for (const { personId, account } of message.people) this.balances.set(personId, account.balanceFen);
    return { kind: "applied", version: message.to };
  }
}
