import type { Clock } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { epochMs } from "../platform/units.ts";
import { alarmEntry } from "./alarm-entries.ts";
import type { AlarmJournal, UnwrittenEntry } from "./alarm-journal.ts";
import {
  type AlarmInput,
  type AlarmNote,
  type AlarmPoint,
  alarmState,
  isUnattended,
  NORMAL,
  type Shelf,
  stepAlarm,
} from "./alarm-machine.ts";
import type { KeptShelf, OpenAlarm } from "./alarm-records.ts";
import { CABINET_ALARM_TEXTS } from "./alarm-texts.ts";
import {
  ALARM_LEVELS,
  type AlarmFacts,
  type AlarmLevel,
  type AlarmView,
  type Bilingual,
  type CabinetOutcome,
} from "./cabinet-port.ts";

/** An alarm's name and words. */
export interface AlarmName {
  readonly type: string;
  readonly subject: string | null;
  readonly text: Bilingual;
}

export interface AlarmBookOptions {
  readonly cabinetId: string;
  readonly escalateAfterMs: Readonly<Record<AlarmLevel, number>>;
  readonly silenceMs: number;
  /** Expected by design while the cabinet defrosts. */
  readonly isSuppressed: (name: Pick<AlarmName, "type" | "subject">) => boolean;
  readonly outOfService: (
    name: Pick<AlarmName, "type" | "subject">,
  ) => { readonly operatorId: string; readonly reason: string } | null;
  readonly journal: AlarmJournal;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly onChanged: () => void;
}

const TEXTS: ReadonlyMap<string, Bilingual> = new Map(Object.entries(CABINET_ALARM_TEXTS));

interface KeptAlarm {
  name: AlarmName;
  point: AlarmPoint;
  /** Since when nobody came, on the clock that does not jump. */
  unattendedSinceMonoMs: number | null;
  shelfEndsMonoMs: number | null;
}

/** All alarms of one cabinet that are not normal: runs their machines, writes their entries, knows what sounds. */
export class AlarmBook {
  readonly #options: AlarmBookOptions;
  readonly #alarms = new Map<string, KeptAlarm>();
  #silentUntilMonoMs: number | null = null;

  constructor(options: AlarmBookOptions) {
    this.#options = options;
  }

  /** Takes over what the process before left, without an entry: it is on record already. */
  restore(open: readonly OpenAlarm[], shelves: readonly KeptShelf[]): void {
    const { clock } = this.#options;
    for (const { key, type, subject, text, occurrence } of open) {
      const { level, facts, raisedAtMs, clearedAtMs } = occurrence;
      const kept = this.#fresh({ type, subject, text });
      const condition = clearedAtMs === null ? { level, facts } : null;
      kept.point = { ...kept.point, condition, occurrence };
      if (isUnattended(kept.point)) kept.unattendedSinceMonoMs = clock.mono() - this.#elapsedMs(raisedAtMs);
      this.#alarms.set(key, kept);
    }
    for (const { key, untilMs, durationMs, operatorId, by, reason } of shelves) {
      const [, type = key, subject = null] = key.split("/");
      const text = TEXTS.get(type) ?? { zh: type, en: type };
      const kept = this.#alarms.get(key) ?? this.#fresh({ type, subject, text });
      const leftMs = Math.min(durationMs, Math.max(0, untilMs - clock.now()));
      const shelf: Shelf = { untilMs, person: { operatorId, by }, reason };
      kept.point = { ...kept.point, shelf };
      kept.shelfEndsMonoMs = clock.mono() + leftMs;
      // Nobody is late for what nobody was to hear: the time to come begins when the shelf ends.
      kept.unattendedSinceMonoMs = null;
      this.#alarms.set(key, kept);
    }
  }

  keyOf({ type, subject }: Pick<AlarmName, "type" | "subject">): string {
    const { cabinetId } = this.#options;
    return subject === null ? `${cabinetId}/${type}` : `${cabinetId}/${type}/${subject}`;
  }

  /** Whether its condition held when it was last told. */
  isActive(name: Pick<AlarmName, "type" | "subject">): boolean {
    return (this.#alarms.get(this.keyOf(name))?.point.condition ?? null) !== null;
  }

  alarmIdOf(name: Pick<AlarmName, "type" | "subject">): string | null {
    return this.#alarms.get(this.keyOf(name))?.point.occurrence?.alarmId ?? null;
  }

  /** Names whose condition holds. */
  active(): readonly AlarmName[] {
    return [...this.#alarms.values()].filter(({ point }) => point.condition !== null).map(({ name }) => name);
  }

  raise(name: AlarmName, level: AlarmLevel, facts: AlarmFacts): void {
    const { clock, ids } = this.#options;
    // One that was shelved while it was normal is known by its key alone after a restart; the words come with the alarm.
    const kept = this.#alarms.get(this.keyOf(name));
    if (kept !== undefined) kept.name = name;
    this.#run(name, { kind: "condition-on", level, facts, atMs: clock.now(), freshId: ids.next() });
  }

  clear(name: AlarmName): void {
    this.#run(name, { kind: "condition-off", atMs: this.#options.clock.now() });
  }

  /** What is suppressed or out of service has changed: every alarm is told. */
  inhibitionsChanged(): void {
    const { clock, ids, isSuppressed, outOfService } = this.#options;
    for (const { name, point } of [...this.#alarms.values()]) {
      const fresh = { atMs: clock.now(), freshId: ids.next() };
      const suppressed = isSuppressed(name);
      if (suppressed !== point.isSuppressed)
        this.#run(name, suppressed ? { kind: "suppress" } : { kind: "unsuppress", ...fresh });
      const isOut = outOfService(name) !== null;
      if (isOut !== point.isOutOfService)
        this.#run(name, isOut ? { kind: "leave-service" } : { kind: "enter-service", ...fresh });
    }
  }

  /** Escalations and shelves whose time has come. */
  tick(): void {
    const monoMs = this.#options.clock.mono();
    for (const { name, point, unattendedSinceMonoMs, shelfEndsMonoMs } of [...this.#alarms.values()]) {
      if (shelfEndsMonoMs !== null && monoMs >= shelfEndsMonoMs)
        this.#run(name, { kind: "unshelve", person: null });
      if (unattendedSinceMonoMs === null || point.occurrence === null) continue;
      const { level, isEscalated } = point.occurrence;
      if (!isEscalated && monoMs - unattendedSinceMonoMs >= this.#options.escalateAfterMs[level])
        this.#run(name, { kind: "escalate" });
    }
    if (this.#silentUntilMonoMs !== null && monoMs >= this.#silentUntilMonoMs) {
      this.#silentUntilMonoMs = null;
      this.#options.onChanged();
    }
  }

  /** @param key  of an alarm, also of one that is normal now. */
  act(
    key: string,
    name: AlarmName,
    input: Extract<AlarmInput, { kind: "shelve" | "unshelve" }>,
    durationMs = 0,
  ): CabinetOutcome {
    const kept = this.#alarms.get(key) ?? this.#fresh(name);
    const outcome = this.#commit(key, kept, input, durationMs);
    if (outcome.kind === "done" && input.kind === "shelve")
      kept.shelfEndsMonoMs = this.#options.clock.mono() + durationMs;
    return outcome;
  }

  acknowledge(
    alarmId: string,
    acknowledgement: Extract<AlarmInput, { kind: "acknowledge" }>["acknowledgement"],
  ): CabinetOutcome | undefined {
    for (const [key, kept] of this.#alarms) {
      if (kept.point.occurrence?.alarmId === alarmId)
        return this.#commit(key, kept, { kind: "acknowledge", acknowledgement });
    }
    return undefined;
  }

  silence(): void {
    this.#silentUntilMonoMs = this.#options.clock.mono() + this.#options.silenceMs;
    this.#options.onChanged();
  }

  silencedForMs(): number | null {
    return this.#silentUntilMonoMs === null
      ? null
      : Math.max(0, this.#silentUntilMonoMs - this.#options.clock.mono());
  }

  isSounding(): boolean {
    if (this.#silentUntilMonoMs !== null) return false;
    return [...this.#alarms.values()].some(
      ({ point }) =>
        alarmState(point) === "unacknowledged" ||
        (isUnattended(point) && point.occurrence?.isEscalated === true),
    );
  }

  nameOf(key: string): AlarmName | undefined {
    return this.#alarms.get(key)?.name;
  }

  levelOf(key: string): AlarmLevel | null {
    const point = this.#alarms.get(key)?.point;
    return point?.occurrence?.level ?? point?.condition?.level ?? null;
  }

  /** Worst first: level, then those that wait for a person, then the newest. */
  views(): readonly AlarmView[] {
    const rank = (view: AlarmView): number =>
      ALARM_LEVELS.indexOf(view.level) * 10 + (view.state === "unacknowledged" ? 1 : 0);
    return [...this.#alarms]
      .map(([key, kept]) => this.#viewOf(key, kept))
      .toSorted((a, b) => rank(b) - rank(a) || (b.raisedAtMs ?? 0) - (a.raisedAtMs ?? 0));
  }

  #viewOf(key: string, { name, point, shelfEndsMonoMs }: KeptAlarm): AlarmView {
    const { cabinetId, clock, outOfService } = this.#options;
    const { occurrence, shelf, condition } = point;
    const { acknowledgement = null } = occurrence ?? {};
    return {
      key,
      alarmId: occurrence?.alarmId ?? null,
      cabinetId,
      ...name,
      level: occurrence?.level ?? condition?.level ?? "general",
      state: alarmState(point),
      isEscalated: occurrence?.isEscalated ?? false,
      isActive: condition !== null,
      raisedAtMs: occurrence === null ? null : epochMs(occurrence.raisedAtMs),
      clearedAtMs: occurrence?.clearedAtMs == null ? null : epochMs(occurrence.clearedAtMs),
      facts: occurrence?.facts ?? condition?.facts ?? {},
      acknowledged:
        acknowledgement === null
          ? null
          : {
              operatorId: acknowledgement.person.operatorId,
              atMs: epochMs(acknowledgement.atMs),
              action: acknowledgement.action,
            },
      shelved:
        shelf === null || shelfEndsMonoMs === null
          ? null
          : {
              // The wall clock may have been set meanwhile: what is left counts.
              untilMs: epochMs(clock.now() + Math.max(0, shelfEndsMonoMs - clock.mono())),
              operatorId: shelf.person.operatorId,
              reason: shelf.reason,
            },
      outOfService: point.isOutOfService ? outOfService(name) : null,
    };
  }

  #fresh(name: AlarmName): KeptAlarm {
    const { isSuppressed, outOfService } = this.#options;
    const point = {
      ...NORMAL,
      isSuppressed: isSuppressed(name),
      isOutOfService: outOfService(name) !== null,
    };
    return { name, point, unattendedSinceMonoMs: null, shelfEndsMonoMs: null };
  }

  /** What the world does: the state moves first, so that an alarm sounds also when the disk is full. */
  #run(name: AlarmName, input: AlarmInput): void {
    const key = this.keyOf(name);
    const kept = this.#alarms.get(key) ?? this.#fresh(name);
    const step = stepAlarm(kept.point, input);
    if (step.kind === "refused") return;
    this.#enter(key, kept, step.point, step.notes);
    for (const note of step.notes) this.#options.journal.record(this.#entryOf(key, kept.name, note));
    this.#options.onChanged();
  }

  /** What a person does: on record first, or not at all. */
  #commit(key: string, kept: KeptAlarm, input: AlarmInput, durationMs = 0): CabinetOutcome {
    const step = stepAlarm(kept.point, input);
    if (step.kind === "refused") return step;
    const entries = step.notes.map((note) => this.#entryOf(key, kept.name, note, durationMs));
    if (!this.#options.journal.commit(entries)) return { kind: "refused", reason: "not-saved" };
    this.#enter(key, kept, step.point, step.notes);
    this.#options.onChanged();
    return { kind: "done" };
  }

  #enter(key: string, kept: KeptAlarm, point: AlarmPoint, notes: readonly AlarmNote[]): void {
    const { clock } = this.#options;
    kept.point = point;
    kept.unattendedSinceMonoMs = isUnattended(point) ? (kept.unattendedSinceMonoMs ?? clock.mono()) : null;
    if (point.shelf === null) kept.shelfEndsMonoMs = null;
    const isNews = notes.some(({ kind }) => kind === "raised" || kind === "escalated");
    if (isNews && isUnattended(point)) this.#silentUntilMonoMs = null;
    if (point.condition === null && point.occurrence === null && point.shelf === null)
      this.#alarms.delete(key);
    else this.#alarms.set(key, kept);
  }

  #entryOf(key: string, name: AlarmName, note: AlarmNote, durationMs = 0): UnwrittenEntry {
    const { cabinetId } = this.#options;
    switch (note.kind) {
      case "raised": {
        const { alarmId, isAgain, isShelved, level, facts, atMs } = note;
        return alarmEntry("alarm.raised", {
          alarmId,
          cabinetId,
          key,
          ...name,
          level,
          isAgain,
          isShelved,
          facts,
          raisedAtMs: atMs,
        });
      }
      case "cleared":
        return alarmEntry("alarm.cleared", { alarmId: note.alarmId, cabinetId, clearedAtMs: note.atMs });
      case "acknowledged": {
        const { person, action, atMs } = note.acknowledgement;
        return alarmEntry("alarm.acknowledged", {
          alarmId: note.alarmId,
          cabinetId,
          ...person,
          action,
          acknowledgedAtMs: atMs,
        });
      }
      case "escalated":
        return alarmEntry("alarm.escalated", { alarmId: note.alarmId, cabinetId, level: note.level });
      case "shelved": {
        const { untilMs, person, reason } = note.shelf;
        return alarmEntry("alarm.shelved", { cabinetId, key, ...person, reason, durationMs, untilMs });
      }
      case "unshelved":
        return alarmEntry("alarm.unshelved", {
          cabinetId,
          key,
          ...(note.person ?? { operatorId: null, by: null }),
        });
    }
  }

  /** Of before a restart, by the wall clock; a clock that was set back says nothing. */
  #elapsedMs(sinceMs: number): number {
    return Math.max(0, this.#options.clock.now() - sinceMs);
  }
}
