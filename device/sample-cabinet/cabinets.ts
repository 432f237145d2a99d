import type { Database } from "better-sqlite3";
import type { Contacts } from "../../firmware-bridge/ports/contact.ts";
import type { Relay } from "../../firmware-bridge/ports/relay.ts";
import type { Thermometer } from "../../firmware-bridge/ports/thermometer.ts";
import type { Journal } from "../journal/journal-port.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { Logger } from "../platform/logger.ts";
import type { Signature, SigningRight } from "../signatures/signature-port.ts";
import { AlarmJournal } from "./alarm-journal.ts";
import { acknowledgementRates, alarmRecords } from "./alarm-records.ts";
import { Cabinet } from "./cabinet.ts";
import {
  type AlarmLevel,
  type CabinetAct,
  type CabinetOutcome,
  type Cabinets,
  rightForCabinetAct,
} from "./cabinet-port.ts";
import type { CabinetSettings } from "./cabinet-settings.ts";
import { minuteOfDayIn } from "./defrost-schedule.ts";
import { temperatureCurve, thermalDose } from "./temperature-curve.ts";
import { TemperatureLog } from "./temperature-log.ts";

export interface CabinetsOptions {
  readonly settings: readonly CabinetSettings[];
  /** Time zone of the school, for defrost schedules. */
  readonly zone: string;
  /** With `alarmProjection`; the journal's own database. */
  readonly db: Database;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** The file of temperatures, apart from the money's database. */
  readonly temperatureFile: string;
  readonly temperatureBytesMax: number;
  /** Which line measures a probe. */
  readonly lineOfProbe: (
    probeId: string,
  ) => { readonly deviceId: string; readonly thermometer: Thermometer } | undefined;
  readonly contactsOfInput: (input: string) => Contacts | undefined;
  readonly relayOfChannel: (channel: string) => Relay | undefined;
  /** Asked again when an act is done: what a page asked for, and a face or PIN was taken for, may be another right. */
  readonly maySign: (operatorId: string, right: SigningRight) => boolean;
}

export interface CabinetsControl extends Cabinets {
  /** Writes what waits, stops the buzzers. */
  close(): Promise<void>;
}

/** Builds the configured cabinets on what the journal and the log of temperatures left. @throws CanteenError of the disk. */
export function createCabinets(options: CabinetsOptions): CabinetsControl {
  return new SampleCabinets(options);
}

const NO_RIGHT: CabinetOutcome = { kind: "refused", reason: "no-right" };
const UNKNOWN: CabinetOutcome = { kind: "refused", reason: "cabinet-unknown" };
const FACT_TEXT_LENGTH_MAX = 128;

class SampleCabinets implements CabinetsControl {
  readonly #options: CabinetsOptions;
  readonly #journal: AlarmJournal;
  readonly #log: TemperatureLog;
  readonly #cabinets = new Map<string, Cabinet>();
  readonly #listeners = new Set<(cabinetId: string) => void>();

  constructor(options: CabinetsOptions) {
    this.#options = options;
    this.#journal = new AlarmJournal(options);
    this.#log = new TemperatureLog({
      ...options,
      file: options.temperatureFile,
      bytesMax: options.temperatureBytesMax,
    });
    const minuteOfDay = minuteOfDayIn(options.zone);
    for (const settings of options.settings) {
      const { cabinetId, door, relay } = settings;
      const cabinet = new Cabinet(settings, {
        ...options,
        journal: this.#journal,
        log: this.#log,
        minuteOfDay,
        lines: this.#linesOf(settings),
        contacts: door === null ? null : (options.contactsOfInput(door.input) ?? null),
        relay: relay === null ? null : (options.relayOfChannel(relay) ?? null),
        onChanged: () => this.#tell(cabinetId),
      });
      this.#cabinets.set(cabinetId, cabinet);
    }
  }

  cabinetIds: Cabinets["cabinetIds"] = () => [...this.#cabinets.keys()];

  view: Cabinets["view"] = (cabinetId) => this.#cabinets.get(cabinetId)?.view();

  onChanged: Cabinets["onChanged"] = (listener) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  acknowledge: Cabinets["acknowledge"] = ({ alarmId, signature, action }) => {
    if (!this.#may(signature, "acknowledge")) return NO_RIGHT;
    for (const cabinet of this.#cabinets.values()) {
      const outcome = cabinet.acknowledge(alarmId, signature, action);
      if (outcome !== undefined) return outcome;
    }
    return { kind: "refused", reason: "alarm-unknown" };
  };

  shelve: Cabinets["shelve"] = ({ key, durationMs, reason, signature }) => {
    const cabinet = this.#ofKey(key);
    // It may have gone one level up while it was signed.
    if (!this.#may(signature, "shelve", cabinet?.levelOf(key))) return NO_RIGHT;
    return cabinet?.shelve(key, durationMs, reason, signature) ?? UNKNOWN;
  };

  unshelve: Cabinets["unshelve"] = ({ key, signature }) =>
    this.#may(signature, "unshelve") ? (this.#ofKey(key)?.unshelve(key, signature) ?? UNKNOWN) : NO_RIGHT;

  defrost: Cabinets["defrost"] = ({ cabinetId, durationMs, signature }) =>
    this.#signed(cabinetId, signature, "defrost", (cabinet) => cabinet.defrost(durationMs, signature));

  endDefrost: Cabinets["endDefrost"] = ({ cabinetId, signature }) =>
    this.#signed(cabinetId, signature, "defrost", (cabinet) => cabinet.endDefrost(signature));

  takeOutOfService: Cabinets["takeOutOfService"] = ({ cabinetId, probeId, reason, signature }) =>
    this.#signed(cabinetId, signature, "out-of-service", (cabinet) =>
      cabinet.takeOutOfService(probeId, reason, signature),
    );

  returnToService: Cabinets["returnToService"] = ({ cabinetId, probeId, signature }) =>
    this.#signed(cabinetId, signature, "out-of-service", (cabinet) =>
      cabinet.returnToService(probeId, signature),
    );

  silence: Cabinets["silence"] = (cabinetId) => this.#cabinets.get(cabinetId)?.silence() ?? UNKNOWN;

  calibrate: Cabinets["calibrate"] = ({ cabinetId, probeId, offsetMilliC, signature }) =>
    this.#signed(cabinetId, signature, "calibrate", (cabinet) =>
      cabinet.calibrate(probeId, offsetMilliC, signature),
    );

  curve: Cabinets["curve"] = ({ cabinetId, ...span }) => {
    const probeIds = this.#probeIdsOf(cabinetId);
    return probeIds === undefined ? undefined : temperatureCurve(this.#log, probeIds, span);
  };

  dose: Cabinets["dose"] = ({ cabinetId, ...span }) => {
    const probeIds = this.#probeIdsOf(cabinetId);
    return probeIds === undefined ? undefined : thermalDose(this.#log, probeIds, span);
  };

  alarmRecords: Cabinets["alarmRecords"] = (query) => alarmRecords(this.#options.db, query);

  acknowledgementRates: Cabinets["acknowledgementRates"] = (query) =>
    acknowledgementRates(this.#options.db, query);

  raise: Cabinets["raise"] = ({ cabinetId, type, subject, level, text, facts = {} }) => {
    const cabinet = this.#cabinets.get(cabinetId);
    if (cabinet === undefined) return { kind: "refused", reason: "cabinet-unknown" };
    return cabinet.raise({ type, subject: subject.slice(0, FACT_TEXT_LENGTH_MAX), text }, level, facts);
  };

  clear: Cabinets["clear"] = ({ cabinetId, type, subject }) =>
    this.#cabinets.get(cabinetId)?.clear({ type, subject });

  activeSubjects: Cabinets["activeSubjects"] = (cabinetId, type) =>
    this.#cabinets.get(cabinetId)?.activeSubjects(type) ?? [];

  async close(): Promise<void> {
    await Promise.all([...this.#cabinets.values()].map((cabinet) => cabinet.close()));
    this.#journal.close();
    this.#log.close();
  }

  #may({ operatorId }: Signature, act: CabinetAct, level: AlarmLevel | null = null): boolean {
    return this.#options.maySign(operatorId, rightForCabinetAct(act, level));
  }

  #signed(
    cabinetId: string,
    signature: Signature,
    act: CabinetAct,
    run: (cabinet: Cabinet) => CabinetOutcome,
  ): CabinetOutcome {
    if (!this.#may(signature, act)) return NO_RIGHT;
    const cabinet = this.#cabinets.get(cabinetId);
    return cabinet === undefined ? UNKNOWN : run(cabinet);
  }

  #probeIdsOf(cabinetId: string): readonly string[] | undefined {
    return this.#cabinets.get(cabinetId)?.settings.probes.map(({ probeId }) => probeId);
  }

  #ofKey(key: string): Cabinet | undefined {
    return this.#cabinets.get(key.split("/", 1)[0] ?? "");
  }

  #linesOf({ probes }: CabinetSettings): Map<string, { thermometer: Thermometer; probeIds: string[] }> {
    const lines = new Map<string, { thermometer: Thermometer; probeIds: string[] }>();
    for (const { probeId } of probes) {
      const line = this.#options.lineOfProbe(probeId);
      if (line === undefined) continue;
      const known = lines.get(line.deviceId);
      if (known === undefined)
        lines.set(line.deviceId, { thermometer: line.thermometer, probeIds: [probeId] });
      else known.probeIds.push(probeId);
    }
    return lines;
  }

  #tell(cabinetId: string): void {
    // While the cabinets are being built there is nobody to tell.
    if (this.#cabinets.has(cabinetId)) for (const listener of [...this.#listeners]) listener(cabinetId);
  }
}
