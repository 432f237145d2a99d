import type { JsonObject } from "../journal/journal-port.ts";
import { present } from "../platform/assert.ts";
import type { Signature } from "../signatures/signature-port.ts";
import type { SampleBook, SampleRecord } from "./sample-book.ts";
import { hoursAreOver, type SampleClock } from "./sample-clock.ts";
import { bodyOf, CUSTODY_LENGTH_MAX, NOTE_LENGTH_MAX } from "./sample-entries.ts";
import type { SamplesOptions } from "./sample-options.ts";
import { hashesOf, photograph, recordedPhoto } from "./sample-photo.ts";
import { recorded, signBoth } from "./sample-signing.ts";
import type { SampleViews } from "./sample-view.ts";
import {
  type DisposeEarlyRequest,
  type DisposeRequest,
  type KeptHours,
  type LeaveAnswer,
  type LeaveRefusal,
  SAMPLES_OF_ONE_ACT_MAX,
  type SeizeRequest,
  type SignWith,
  type VoidRequest,
} from "./samples-port.ts";

type Act =
  | { readonly kind: "dispose" }
  | { readonly kind: "early"; readonly request: DisposeEarlyRequest }
  | { readonly kind: "seize"; readonly request: SeizeRequest }
  | { readonly kind: "void"; readonly request: VoidRequest };

type Refused = Extract<LeaveAnswer, { readonly kind: "refused" }>;

/** The one thing that a disposal without a second person needs, and why it is not given. Null when it may go. */
export function disposalRefusal(hours: KeptHours): "too-early" | "hours-unproven" | null {
  if (hoursAreOver(hours)) return null;
  return hours.wallMs < hours.neededMs ? "too-early" : "hours-unproven";
}

/** The ways in which samples leave: each signed first, judged again after that, and written in one transaction. */
export class SampleLeaving {
  readonly #options: SamplesOptions;
  readonly #book: SampleBook;
  readonly #views: SampleViews;
  readonly #sampleClock: SampleClock;
  readonly #signal: AbortSignal;

  constructor(
    options: SamplesOptions,
    parts: {
      readonly book: SampleBook;
      readonly views: SampleViews;
      readonly sampleClock: SampleClock;
      readonly signal: AbortSignal;
    },
  ) {
    this.#options = options;
    this.#book = parts.book;
    this.#views = parts.views;
    this.#sampleClock = parts.sampleClock;
    this.#signal = parts.signal;
  }

  dispose(request: DisposeRequest): Promise<LeaveAnswer> {
    return this.#act({ kind: "dispose" }, request.sampleIds, request.first, null);
  }

  disposeEarly(request: DisposeEarlyRequest): Promise<LeaveAnswer> {
    return this.#act({ kind: "early", request }, request.sampleIds, request.first, request.second);
  }

  seize(request: SeizeRequest): Promise<LeaveAnswer> {
    return this.#act({ kind: "seize", request }, request.sampleIds, request.first, request.second);
  }

  void(request: VoidRequest): Promise<LeaveAnswer> {
    return this.#act({ kind: "void", request }, [request.sampleId], request.first, request.second);
  }

  async #act(
    act: Act,
    sampleIds: readonly string[],
    first: SignWith,
    second: SignWith | null,
  ): Promise<LeaveAnswer> {
    const refused = this.#refusal(act, sampleIds);
    if (refused !== null) return refused;
    const signed = await signBoth(this.#options.signatures, first, second, this.#signal);
    if (signed.kind !== "signed") return signed;
    const found = act.kind === "seize" ? await this.#photographBags(act.request) : null;
    // A second page may have done it meanwhile.
    const refusedNow = this.#refusal(act, sampleIds);
    if (refusedNow !== null) return refusedNow;
    const { journal, ids, photos } = this.#options;
    journal.transact(() => {
      this.#sampleClock.save();
      for (const sampleId of new Set(sampleIds)) {
        const draft = this.#draft(act, sampleId, signed.first, signed.second, found);
        if (found !== null) photos.claim(hashesOf(found));
        journal.append({ id: ids.next(), ...draft });
      }
    });
    return { kind: "done", sampleIds: [...new Set(sampleIds)] };
  }

  #refusal(act: Act, sampleIds: readonly string[]): Refused | null {
    const refused = (
      reason: LeaveRefusal,
      sampleId: string | null = null,
      hours: KeptHours | null = null,
    ): Refused => ({
      kind: "refused",
      reason,
      sampleId,
      hours,
    });
    if (!this.#options.diskSafe()) return refused("disk-unsafe");
    if (sampleIds.length === 0 || sampleIds.length > SAMPLES_OF_ONE_ACT_MAX) return refused("nothing-chosen");
    const records = sampleIds.map((sampleId) => ({ sampleId, record: this.#book.find(sampleId) }));
    const unknown = records.find(({ record }) => record === undefined);
    if (unknown !== undefined) return refused("sample-unknown", unknown.sampleId);
    const gone = records.find(({ record }) => record?.state !== "kept");
    if (gone !== undefined) return refused("already-gone", gone.sampleId);
    const incomplete = wordsMissing(act);
    if (incomplete !== null) return refused(incomplete);
    return act.kind === "dispose"
      ? this.#tooEarly(
          records.flatMap(({ record }) => record ?? []),
          refused,
        )
      : null;
  }

  #tooEarly(
    records: readonly SampleRecord[],
    refused: (reason: LeaveRefusal, sampleId: string, hours: KeptHours) => Refused,
  ): Refused | null {
    const waiting = records
      .map((record) => ({ record, hours: this.#views.hours(record) }))
      .map((found) => ({ ...found, reason: disposalRefusal(found.hours) }))
      .toSorted((a, b) => leftMs(b.hours) - leftMs(a.hours));
    const [longest] = waiting;
    if (longest === undefined || longest.reason === null) return null;
    return refused(longest.reason, longest.record.sampleId, longest.hours);
  }

  async #photographBags(request: SeizeRequest): Promise<Awaited<ReturnType<typeof photograph>>> {
    const { studio, clock } = this.#options;
    return photograph(studio, clock.mono(), [
      `样品移交 ${request.authority} / handed over`,
      `文书 ${request.documentNumber} 封条 ${request.sealNumber}`,
      `${request.sampleIds.length} 份 / samples`,
    ]);
  }

  #draft(
    act: Act,
    sampleId: string,
    first: Signature,
    second: Signature | null,
    found: Awaited<ReturnType<typeof photograph>> | null,
  ): { readonly kind: string; readonly body: JsonObject } {
    const record = this.#book.find(sampleId);
    const hours = { ...this.#views.hours(present(record, "a sample that was there a moment ago")) };
    const { ranMs } = this.#sampleClock.now();
    switch (act.kind) {
      case "dispose":
        return {
          kind: "sample.disposed",
          body: bodyOf({
            sampleId,
            how: "after-hours",
            reason: null,
            note: "",
            disposedBy: recorded(first),
            secondBy: null,
            hours,
            ranMs,
          }),
        };
      case "early":
        return {
          kind: "sample.disposed",
          body: bodyOf({
            sampleId,
            how: "early",
            reason: act.request.reason,
            note: noteOf(act.request.note),
            disposedBy: recorded(first),
            secondBy: second && recorded(second),
            hours,
            ranMs,
          }),
        };
      case "void":
        return {
          kind: "sample.voided",
          body: bodyOf({
            sampleId,
            reason: act.request.reason,
            note: noteOf(act.request.note),
            struckBy: recorded(first),
            secondBy: recorded(second ?? first),
          }),
        };
      case "seize": {
        const { authority, officer, documentNumber, sealNumber, note } = act.request;
        return {
          kind: "sample.seized",
          body: bodyOf({
            sampleId,
            authority: authority.trim(),
            officer: officer.trim(),
            documentNumber: documentNumber.trim(),
            sealNumber: sealNumber.trim(),
            note: noteOf(note),
            handedBy: recorded(first),
            witness: recorded(second ?? first),
            ...recordedPhoto(found ?? { kind: "missing", reason: "no-frame" }),
            hours,
            ranMs,
          }),
        };
      }
    }
  }
}

function leftMs({ neededMs, wallMs, provenMs }: KeptHours): number {
  return neededMs - Math.min(wallMs, provenMs);
}

const noteOf = (note: string): string => note.trim().slice(0, NOTE_LENGTH_MAX);

function wordsMissing(act: Act): "reason-missing" | "custody-incomplete" | null {
  switch (act.kind) {
    case "dispose":
      return null;
    case "early":
    case "void":
      return act.request.reason === "other" && act.request.note.trim() === "" ? "reason-missing" : null;
    case "seize": {
      const { authority, officer, documentNumber, sealNumber } = act.request;
      const isComplete = [authority, officer, documentNumber, sealNumber].every(
        (text) => text.trim() !== "" && text.trim().length <= CUSTODY_LENGTH_MAX,
      );
      return isComplete ? null : "custody-incomplete";
    }
  }
}
