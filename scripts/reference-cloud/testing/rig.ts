import { join } from "node:path";
import type { Journal } from "../../../device/journal/journal-port.ts";
import { idSource, systemEntropy } from "../../../device/platform/entropy.ts";
import { silentLogger } from "../../../device/platform/logger.ts";
import { SystemClock } from "../../../device/platform/system-clock.ts";
import type { BrokerSettings } from "../../../device/sync/mqtt-link.ts";
import { createSync, type SyncOptions } from "../../../device/sync/sync.ts";
import type { Sync, SyncStatus } from "../../../device/sync/sync-port.ts";
import { FakeRoster } from "../../../device/sync/testing/fake-roster.ts";
import { brokerSettings } from "../../../device/sync/testing/recording-link.ts";
import { Watch } from "../../../device/sync/testing/watch.ts";
import { type ReferenceCloud, type ReferenceCloudOptions, startReferenceCloud } from "../reference-cloud.ts";

export const clock = new SystemClock();
export const ids = idSource(clock, systemEntropy);

/** A terminal's sync on a real journal and a real broker, with short waits. */
export class RigTerminal {
  readonly sync: Sync;
  readonly roster = new FakeRoster();
  readonly #watch = new Watch();

  constructor(journal: Journal, broker: BrokerSettings, more: Partial<SyncOptions> = {}) {
    this.sync = createSync({
      address: { site: "s1", device: "t1" },
      software: "canteen-edge test",
      broker,
      receiptWaitMsMax: 200,
      batchesInFlightMax: 4,
      journal,
      roster: this.roster,
      clock,
      entropy: systemEntropy,
      ids,
      logger: silentLogger,
      waits: { healthPeriodMs: 500, receiptWaitMsLimit: 400, stallWaitMsMin: 20, ackWaitMsMax: 1000 },
      ...more,
    });
    this.sync.onStatus(this.#watch.changed);
    this.sync.start();
  }

  until(condition: (status: SyncStatus) => boolean): Promise<void> {
    return this.#watch.until(() => condition(this.sync.status()));
  }

  /** Connected, and the cloud has everything. */
  drained(): Promise<void> {
    return this.until(({ waitingCount, lastReceiptAtMs }) => waitingCount === 0 && lastReceiptAtMs !== null);
  }

  close(): Promise<void> {
    return this.sync.close({ waitMsMax: 200 });
  }
}

/** A cloud without people, on a port of its own. @param broker where it is, and what else differs from a test's usual. */
export function startTestCloud(
  dataFolder: string,
  broker: Pick<BrokerSettings, "url"> & Partial<BrokerSettings>,
  more: Partial<ReferenceCloudOptions> = {},
): Promise<ReferenceCloud> {
  return startReferenceCloud({
    broker: brokerSettings(0, broker),
    dataFolder,
    httpHost: "127.0.0.1",
    httpPort: 0,
    demoRoster: false,
    clock,
    entropy: systemEntropy,
    ids,
    logger: silentLogger,
    ...more,
  });
}

/** A reference cloud that says when something changed. */
export class RigCloud {
  readonly cloud: ReferenceCloud;
  readonly #watch: Watch;

  private constructor(cloud: ReferenceCloud, watch: Watch) {
    this.cloud = cloud;
    this.#watch = watch;
  }

  static async start(
    port: number,
    dataFolder: string,
    more: Partial<ReferenceCloudOptions> = {},
  ): Promise<RigCloud> {
    const watch = new Watch();
    const cloud = await startTestCloud(dataFolder, brokerSettings(port), {
      onChanged: watch.changed,
      ...more,
    });
    return new RigCloud(cloud, watch);
  }

  until(condition: (cloud: ReferenceCloud) => boolean): Promise<void> {
    return this.#watch.until(() => condition(this.cloud));
  }

  connected(): Promise<void> {
    return this.until(({ mqtt }) => mqtt.state().connection === "connected");
  }

  /** Seqs stored of one terminal, in the order of arrival. */
  storedSeqs(device = "t1"): number[] {
    const seqs: number[] = [];
    for (let after = 0; ; ) {
      const page = this.cloud.views.entries(after, 1000);
      const last = page.at(-1);
      if (last === undefined) return seqs;
      seqs.push(...page.filter((entry) => entry.device === device).map(({ seq }) => seq));
      after = last.arrival;
    }
  }

  close(): Promise<void> {
    return this.cloud.close();
  }
}

export const databaseFile = (folder: string): string => join(folder, "reference-cloud.db");

/** 1 … n. */
export function oneTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index + 1);
}

/** Appends `count` entries of some 300 bytes in one transaction. */
export function appendMany(journal: Journal, count: number): void {
  journal.transact(() => {
    for (let index = 0; index < count; index++) {
      journal.append({ id: ids.next(), kind: "temperature.summary", body: { index, text: "x".repeat(100) } });
    }
  });
}
