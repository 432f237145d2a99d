import type { FaceEngine, ImageAnalysis, OtherSearch } from "../../models/face-engine-port.ts";
import type { Journal } from "../journal/journal-port.ts";
import { present } from "../platform/assert.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { systemCode } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { Enrolment, EnrolmentProgress, EnrolmentResult, Shot } from "./enrolment-port.ts";
import type { PersonKind, Roster, StoredTemplate, TemplateDraft, TemplateStore } from "./roster-port.ts";
import { checkShot, type ShotLimits } from "./shot-check.ts";

export interface EnrolmentLimits extends ShotLimits {
  readonly shotCountMin: number;
  readonly shotCountMax: number;
  /** From here on someone else counts as a look-alike, by model pack; asked at each shot, for it follows the gallery. */
  readonly duplicateSimilarityMin: (model: string) => number;
  /** Beyond this the session idle longest ends. */
  readonly sessionCountMax: number;
  readonly sessionIdleMsMax: number;
}

export type EnrolmentEngine = Pick<FaceEngine, "model" | "analyze" | "search" | "replacePerson">;

export interface EnrolmentOptions {
  readonly engine: EnrolmentEngine;
  readonly roster: Pick<Roster, "person" | "hasConsent">;
  readonly templates: Pick<TemplateStore, "enrol">;
  readonly journal: Pick<Journal, "entryById">;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly limits: EnrolmentLimits;
  /** Whose consent a guardian gives. Under 14 the law wants it; the roster knows no ages, so by kind. */
  readonly guardianNeededFor: readonly PersonKind[];
}

export function openEnrolment(options: EnrolmentOptions): Enrolment & { close(): void } {
  return new EnrolmentAtTerminal(options);
}

interface Session {
  readonly sessionId: string;
  readonly personId: string;
  readonly operatorId: string;
  /** Made at the start, so that completing twice is one enrolment. */
  readonly entryId: string;
  readonly shots: TemplateDraft[];
  lastShot: Shot | null;
  duplicateOf: { readonly personId: string; readonly similarity: number } | null;
  idle: Timer;
}

class EnrolmentAtTerminal implements Enrolment {
  readonly #options: EnrolmentOptions;
  /** By id, the one idle longest first. */
  readonly #sessions = new Map<string, Session>();

  constructor(options: EnrolmentOptions) {
    this.#options = options;
  }

  begin({ personId, operatorId }: Parameters<Enrolment["begin"]>[0]): EnrolmentProgress | undefined {
    const { roster, ids, limits } = this.#options;
    if (roster.person(personId) === undefined) return undefined;
    const [longestIdle] = this.#sessions.values();
    if (this.#sessions.size >= limits.sessionCountMax && longestIdle !== undefined) this.#end(longestIdle);
    const sessionId = ids.next();
    const session: Session = {
      sessionId,
      personId,
      operatorId,
      entryId: ids.next(),
      shots: [],
      lastShot: null,
      duplicateOf: null,
      idle: this.#idleTimer(sessionId),
    };
    this.#sessions.set(sessionId, session);
    return this.#progress(session);
  }

  async addShot(sessionId: string, image: Uint8Array<ArrayBuffer>): Promise<EnrolmentProgress | undefined> {
    const session = this.#live(sessionId);
    if (session === undefined) return undefined;
    if (session.shots.length >= this.#options.limits.shotCountMax) return this.#progress(session);
    const analysis = await this.#analyze(image);
    // It may have been cancelled or have filled up while the engine looked.
    if (this.#live(sessionId) !== session) return undefined;
    if (session.shots.length >= this.#options.limits.shotCountMax) return this.#progress(session);
    if (analysis === undefined) {
      session.lastShot = unreadableShot;
      return this.#progress(session);
    }
    const accepted = this.#take(session, analysis);
    if (accepted !== undefined) {
      const others = analysis.otherSearches[0] ?? [];
      await this.#lookForDuplicate(session, accepted, others);
    }
    return this.#progress(session);
  }

  async complete(request: Parameters<Enrolment["complete"]>[0]): Promise<EnrolmentResult> {
    const session = this.#live(request.sessionId);
    if (session === undefined) return { kind: "refused", reason: "session-unknown" };
    const reason = this.#refusal(session, request);
    if (reason !== null) return { kind: "refused", reason };
    const { templates, journal } = this.#options;
    const { entryId, personId, operatorId, shots } = session;
    const stored = templates.enrol({
      entryId,
      personId,
      operatorId,
      templates: shots,
      ...(request.consent === null ? {} : { consent: request.consent }),
    });
    this.#end(session);
    await this.#bringToGallery(personId, stored);
    const { seq } = present(journal.entryById(entryId), "the enrolment's entry");
    return { kind: "enrolled", personId, templateCount: stored.length, seq };
  }

  cancel(sessionId: string): void {
    const session = this.#sessions.get(sessionId);
    if (session !== undefined) this.#end(session);
  }

  close(): void {
    for (const session of this.#sessions.values()) this.#end(session);
  }

  /** The first that applies, in the documented order. */
  #refusal(
    session: Session,
    { consent, duplicateConfirmed }: Parameters<Enrolment["complete"]>[0],
  ): Extract<EnrolmentResult, { kind: "refused" }>["reason"] | null {
    const { roster, limits, guardianNeededFor } = this.#options;
    const person = roster.person(session.personId);
    if (person === undefined) return "person-unknown";
    if (session.shots.length < limits.shotCountMin) return "too-few-shots";
    if (session.duplicateOf !== null && !duplicateConfirmed) return "duplicate-not-confirmed";
    if (consent === null) return roster.hasConsent(session.personId, "face") ? null : "consent-missing";
    if (!consent.scopes.includes("face") && !roster.hasConsent(session.personId, "face"))
      return "consent-missing";
    if (consent.grantedBy !== "guardian" && guardianNeededFor.includes(person.kind)) {
      return "consent-needs-guardian";
    }
    return null;
  }

  /** @returns nothing for a picture that cannot be read; every other failure of the engine is thrown. */
  async #analyze(image: Uint8Array<ArrayBuffer>): Promise<ImageAnalysis | undefined> {
    try {
      return await this.#options.engine.analyze({ bytes: image });
    } catch (error) {
      const code = systemCode(error);
      if (code === "image-unreadable" || code === "image-too-large") return undefined;
      throw error;
    }
  }

  /** @returns the embedding of an accepted shot. */
  #take(session: Session, analysis: ImageAnalysis): Float32Array | undefined {
    const { problem, face } = checkShot(analysis, session.shots[0]?.embedding, this.#options.limits);
    session.lastShot = {
      accepted: problem === null,
      problem,
      box: face?.box ?? null,
      widthPx: analysis.widthPx,
      heightPx: analysis.heightPx,
      quality: face?.quality ?? null,
    };
    if (problem !== null || face === null) return undefined;
    const embedding = Float32Array.from(face.embedding);
    session.shots.push({ modelId: face.model, embedding, quality: face.quality.overall });
    return embedding;
  }

  /** Also among those who have templates of an older pack only: two ids of one face must not hide in two galleries. */
  async #lookForDuplicate(
    session: Session,
    embedding: Float32Array,
    others: readonly OtherSearch[],
  ): Promise<void> {
    const { engine, limits } = this.#options;
    const { personId } = session;
    const search = await engine.search(Float32Array.from(embedding), { excludePersonId: personId });
    for (const { model, search: found } of [{ model: engine.model, search }, ...others]) {
      // Who is enrolled anew is the nearest to themselves in the older gallery.
      const nearest = found.best?.personId === personId ? found.runnerUp : found.best;
      if (nearest === null || !(nearest.similarity >= limits.duplicateSimilarityMin(model))) continue;
      // Similarities of two packs are not comparable; the newer one's answer is the surer.
      if (model !== engine.model && session.duplicateOf !== null) continue;
      if (nearest.similarity > (session.duplicateOf?.similarity ?? -1)) session.duplicateOf = nearest;
    }
  }

  /** The enrolment is on the disk already: an engine that fails now gets it with its next full load. */
  async #bringToGallery(personId: string, stored: readonly StoredTemplate[]): Promise<void> {
    try {
      await this.#options.engine.replacePerson(
        personId,
        stored.map(({ templateId, modelId, embedding }) => ({
          templateId,
          personId,
          model: modelId,
          embedding,
        })),
      );
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      this.#options.logger.warn({ personId, code }, "an enrolment did not reach the gallery yet");
    }
  }

  /** The session, for which the idle time starts anew. */
  #live(sessionId: string): Session | undefined {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return undefined;
    session.idle.cancel();
    session.idle = this.#idleTimer(sessionId);
    this.#sessions.delete(sessionId);
    this.#sessions.set(sessionId, session); // Back in as the one used last.
    return session;
  }

  #idleTimer(sessionId: string): Timer {
    return this.#options.clock.after(this.#options.limits.sessionIdleMsMax, () => this.cancel(sessionId));
  }

  /** The embeddings go with the session. */
  #end(session: Session): void {
    session.idle.cancel();
    this.#sessions.delete(session.sessionId);
    for (const { embedding } of session.shots) embedding.fill(0);
    session.shots.length = 0;
  }

  #progress(session: Session): EnrolmentProgress {
    const { shotCountMin, shotCountMax } = this.#options.limits;
    const { sessionId, personId, shots, lastShot, duplicateOf } = session;
    return {
      sessionId,
      personId,
      acceptedCount: shots.length,
      shotCountMin,
      shotCountMax,
      lastShot,
      duplicateOf,
    };
  }
}

const unreadableShot: Shot = {
  accepted: false,
  problem: "image-unreadable",
  box: null,
  widthPx: 0,
  heightPx: 0,
  quality: null,
};
