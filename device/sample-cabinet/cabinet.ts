import type { Database } from "better-sqlite3";
import type { Contacts } from "../../firmware-bridge/ports/contact.ts";
import type { Relay } from "../../firmware-bridge/ports/relay.ts";
import type { Thermometer } from "../../firmware-bridge/ports/thermometer.ts";
import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import type { Logger } from "../platform/logger.ts";
import { epochMs } from "../platform/units.ts";
import type { Signature } from "../signatures/signature-port.ts";
import { AlarmBook, type AlarmName } from "./alarm-book.ts";
import { alarmEntry, REASON_LENGTH_MAX } from "./alarm-entries.ts";
import type { AlarmJournal } from "./alarm-journal.ts";
import type { ActingPerson } from "./alarm-machine.ts";
import {
  calibrationOf,
  keptDefrost,
  keptShelves,
  type OutOfService,
  openAlarms,
  outOfServiceOf,
} from "./alarm-records.ts";
import { AlarmSound } from "./alarm-sound.ts";
import { CABINET_ALARM_TEXTS } from "./alarm-texts.ts";
import { CabinetDefrost } from "./cabinet-defrost.ts";
import { CabinetMonitor } from "./cabinet-monitor.ts";
import {
  ALARM_LEVELS,
  type AlarmAction,
  type AlarmLevel,
  type AlarmView,
  type Bilingual,
  CABINET_ALARM_TYPES,
  type CabinetOutcome,
  type CabinetRefusal,
  type CabinetView,
  type OutOfServiceView,
} from "./cabinet-port.ts";
import type { CabinetSettings } from "./cabinet-settings.ts";
import { calibrationEntry } from "./temperature-entries.ts";
import type { TemperatureLog } from "./temperature-log.ts";

/** What one cabinet needs beside its settings. */
export interface CabinetParts {
  readonly db: Database;
  readonly journal: AlarmJournal;
  readonly log: TemperatureLog;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly minuteOfDay: (atMs: number) => number;
  readonly lines: ReadonlyMap<
    string,
    { readonly thermometer: Thermometer; readonly probeIds: readonly string[] }
  >;
  readonly contacts: Contacts | null;
  readonly relay: Relay | null;
  readonly onChanged: () => void;
}

/** More is a broken probe, not an offset. */
const OFFSET_MILLI_C_MAX = 5000;
const SHELVE_MS_MIN = 60_000;
/** Warm by design while it defrosts. The door is in it only where the warming itself is all that tells of it. */
const SUPPRESSED_TYPES = new Set(["high", "rising-fast"]);

/** One cabinet: its monitor, its alarms, its buzzer, and what people may do. */
export class Cabinet {
  readonly #settings: CabinetSettings;
  readonly #parts: CabinetParts;
  readonly #book: AlarmBook;
  readonly #monitor: CabinetMonitor;
  readonly #defrost: CabinetDefrost;
  readonly #sound: AlarmSound | null;
  readonly #outOfService: OutOfService[];

  constructor(settings: CabinetSettings, parts: CabinetParts) {
    const { db, clock, relay } = parts;
    const { cabinetId } = settings;
    this.#settings = settings;
    this.#parts = parts;
    this.#outOfService = [...outOfServiceOf(db, cabinetId)];
    this.#defrost = new CabinetDefrost({
      ...parts,
      cabinetId,
      schedule: settings.defrost,
      kept: keptDefrost(db, cabinetId),
      onChanged: () => {
        this.#book.inhibitionsChanged();
        parts.onChanged();
      },
    });
    this.#book = new AlarmBook({
      ...parts,
      ...settings,
      isSuppressed: (name) => this.#isSuppressed(name),
      outOfService: (name) => this.#outOfServiceOf(name),
      onChanged: () => this.#changed(),
    });
    this.#sound =
      relay === null || settings.relay === null
        ? null
        : new AlarmSound({ ...parts, relay, channel: settings.relay, clock });
    this.#book.restore(openAlarms(db, cabinetId), keptShelves(db, cabinetId));
    this.#monitor = new CabinetMonitor({
      ...parts,
      settings,
      book: this.#book,
      calibrationOf: (probeId) => calibrationOf(db, probeId),
    });
    this.#changed();
  }

  get settings(): CabinetSettings {
    return this.#settings;
  }

  view(): CabinetView {
    const { cabinetId, name, slotCount } = this.#settings;
    const alarms = this.#book.views().filter(isListed);
    return {
      cabinetId,
      name,
      slotCount,
      probes: [...this.#monitor.probes.values()].map((probe) => ({
        ...probe.view(),
        outOfService: this.#outOfServiceView(probe.settings.probeId),
      })),
      door: this.#monitor.door(),
      alarms,
      level: worstOf(alarms),
      isSounding: this.#book.isSounding(),
      silencedForMs: this.#book.silencedForMs(),
      relay: this.#sound?.view() ?? null,
      outOfService: this.#outOfServiceView(null),
      defrost: this.#defrost.view(),
      storageFault: this.#parts.log.fault ?? this.#parts.journal.fault,
    };
  }

  /** @returns undefined where the occurrence is not of this cabinet. */
  acknowledge(alarmId: string, signature: Signature, action: AlarmAction): CabinetOutcome | undefined {
    const text = action.text?.trim() ?? "";
    if (text.length > REASON_LENGTH_MAX || (action.code === "other" && text === ""))
      return refused("action-missing");
    return this.#book.acknowledge(alarmId, {
      person: personOf(signature),
      action: { code: action.code, text: text === "" ? null : text },
      atMs: this.#parts.clock.now(),
    });
  }

  levelOf(key: string): AlarmLevel | null {
    return this.#book.levelOf(key);
  }

  shelve(key: string, durationMs: number, reason: string, signature: Signature): CabinetOutcome {
    const name = this.#nameOf(key);
    if (name === undefined) return refused("alarm-unknown");
    if (!isReason(reason)) return refused("reason-missing");
    if (!Number.isSafeInteger(durationMs) || durationMs < SHELVE_MS_MIN)
      return refused("duration-out-of-range");
    if (durationMs > this.#settings.shelveMsMax) return refused("duration-out-of-range");
    const untilMs = this.#parts.clock.now() + durationMs;
    const shelf = { untilMs, person: personOf(signature), reason: reason.trim() };
    return this.#book.act(key, name, { kind: "shelve", shelf }, durationMs);
  }

  unshelve(key: string, signature: Signature): CabinetOutcome {
    const name = this.#nameOf(key);
    if (name === undefined) return refused("alarm-unknown");
    return this.#book.act(key, name, { kind: "unshelve", person: personOf(signature) });
  }

  defrost(durationMs: number, signature: Signature): CabinetOutcome {
    return this.#defrost.begin(durationMs, personOf(signature));
  }

  endDefrost(signature: Signature): CabinetOutcome {
    return this.#defrost.end(personOf(signature));
  }

  takeOutOfService(probeId: string | null, reason: string, signature: Signature): CabinetOutcome {
    if (!this.#hasScope(probeId)) return refused("probe-unknown");
    if (!isReason(reason)) return refused("reason-missing");
    if (this.#outOfServiceView(probeId) !== null) return refused("already-out-of-service");
    const { cabinetId } = this.#settings;
    const person = personOf(signature);
    const entry = alarmEntry("alarm.out-of-service", {
      cabinetId,
      probeId,
      ...person,
      reason: reason.trim(),
    });
    if (!this.#parts.journal.commit([entry])) return refused("not-saved");
    this.#outOfService.push({ probeId, operatorId: person.operatorId, reason: reason.trim() });
    this.#book.inhibitionsChanged();
    this.#changed();
    return { kind: "done" };
  }

  returnToService(probeId: string | null, signature: Signature): CabinetOutcome {
    const at = this.#outOfService.findIndex((scope) => scope.probeId === probeId);
    if (at < 0) return refused("not-out-of-service");
    const { cabinetId } = this.#settings;
    const entry = alarmEntry("alarm.in-service", { cabinetId, probeId, ...personOf(signature) });
    if (!this.#parts.journal.commit([entry])) return refused("not-saved");
    this.#outOfService.splice(at, 1);
    this.#book.inhibitionsChanged();
    this.#changed();
    return { kind: "done" };
  }

  silence(): CabinetOutcome {
    this.#book.silence();
    return { kind: "done" };
  }

  calibrate(probeId: string, offsetMilliC: number, signature: Signature): CabinetOutcome {
    const probe = this.#monitor.probes.get(probeId);
    if (probe === undefined) return refused("probe-unknown");
    if (!Number.isSafeInteger(offsetMilliC) || Math.abs(offsetMilliC) > OFFSET_MILLI_C_MAX)
      return refused("offset-out-of-range");
    const { cabinetId } = this.#settings;
    const person = personOf(signature);
    const formerOffsetMilliC = probe.calibration?.offsetMilliC ?? 0;
    const entry = calibrationEntry({ cabinetId, probeId, offsetMilliC, formerOffsetMilliC, ...person });
    if (!this.#parts.journal.commit([entry])) return refused("not-saved");
    const atMs = epochMs(this.#parts.clock.now());
    probe.calibrate({ offsetMilliC, atMs, operatorId: person.operatorId });
    this.#changed();
    return { kind: "done" };
  }

  raise(
    name: { readonly type: string; readonly subject: string; readonly text: Bilingual },
    level: AlarmLevel,
    facts: AlarmView["facts"],
  ):
    | { readonly kind: "raised"; readonly alarmId: string }
    | { readonly kind: "exists"; readonly alarmId: string | null } {
    if (this.#book.isActive(name)) return { kind: "exists", alarmId: this.#book.alarmIdOf(name) };
    this.#book.raise(name, level, facts);
    const alarmId = this.#book.alarmIdOf(name);
    return alarmId === null ? { kind: "exists", alarmId } : { kind: "raised", alarmId };
  }

  clear(name: { readonly type: string; readonly subject: string }): void {
    const active = this.#book
      .active()
      .find(({ type, subject }) => type === name.type && subject === name.subject);
    if (active !== undefined) this.#book.clear(active);
  }

  activeSubjects(wanted: string): readonly string[] {
    return this.#book
      .active()
      .flatMap(({ type, subject }) => (type === wanted && subject !== null ? [subject] : []));
  }

  async close(): Promise<void> {
    this.#monitor.close();
    this.#defrost.close();
    await this.#sound?.close();
  }

  #changed(): void {
    this.#sound?.wish(this.#book.isSounding());
    this.#parts.onChanged();
  }

  #isSuppressed({ type }: Pick<AlarmName, "type" | "subject">): boolean {
    if (!this.#defrost.isRunning) return false;
    return SUPPRESSED_TYPES.has(type) || (type === "door-open" && this.#settings.door === null);
  }

  #outOfServiceOf({ type, subject }: Pick<AlarmName, "type" | "subject">): OutOfServiceView | null {
    // What others raise about the samples goes on also while a probe is repaired.
    if (!CABINET_ALARM_TYPES.some((ours) => ours === type)) return null;
    return this.#outOfServiceView(null) ?? (subject === null ? null : this.#outOfServiceView(subject));
  }

  #outOfServiceView(probeId: string | null): OutOfServiceView | null {
    const scope = this.#outOfService.find((out) => out.probeId === probeId);
    return scope === undefined ? null : { operatorId: scope.operatorId, reason: scope.reason };
  }

  #hasScope(probeId: string | null): boolean {
    return probeId === null || this.#monitor.probes.has(probeId);
  }

  /** An alarm that is normal now can be shelved beforehand; its name must be one that can come. */
  #nameOf(key: string): AlarmName | undefined {
    const known = this.#book.nameOf(key);
    if (known !== undefined) return known;
    const [cabinetId, type = "", subject = null] = key.split("/");
    const ours = CABINET_ALARM_TYPES.find((one) => one === type);
    const isWhole = cabinetId === this.#settings.cabinetId && this.#book.keyOf({ type, subject }) === key;
    const fits = isWhole && (subject === null || this.#hasScope(subject));
    return ours === undefined || !fits ? undefined : { type, subject, text: CABINET_ALARM_TEXTS[ours] };
  }
}

/** A person's quiet is always shown; the designer's only where there is something under it. */
function isListed({ state, isActive, alarmId }: AlarmView): boolean {
  if (state === "normal") return false;
  return state === "shelved" || isActive || alarmId !== null;
}

function worstOf(alarms: readonly AlarmView[]): AlarmLevel | null {
  const quiet = new Set(["shelved", "suppressed", "out-of-service"]);
  const told = alarms
    .filter(({ state }) => !quiet.has(state))
    .map(({ level }) => ALARM_LEVELS.indexOf(level));
  return told.length === 0 ? null : (ALARM_LEVELS[Math.max(...told)] ?? null);
}

function personOf({ operatorId, by }: Signature): ActingPerson {
  return { operatorId, by };
}

function isReason(reason: string): boolean {
  const length = reason.trim().length;
  return length > 0 && length <= REASON_LENGTH_MAX;
}

const refused = (reason: CabinetRefusal): CabinetOutcome => ({ kind: "refused", reason });
