import type {
  FaceEngine,
  FrameObservation,
  ObservedFace,
  OtherSearch,
} from "../../models/face-engine-port.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { IdSource } from "../platform/entropy.ts";
import { isFault } from "../platform/errors.ts";
import type { Logger } from "../platform/logger.ts";
import type { MonoMs } from "../platform/units.ts";
import type { IdentityBounds } from "./identity-bounds-port.ts";
import type { Roster, TemplateStore } from "./roster-port.ts";
import type { TemplateRenewalStore } from "./template-renewal-store.ts";

/**
 * Renews the templates of people who were enrolled with an older model pack, from visits in which they were recognised
 * beyond doubt and paid: the engine hands the new pack's embedding of that visit over, no picture is kept, and nothing
 * is stored before it is certain that nobody disputes the charge.
 */
export interface TemplateRenewalLimits {
  /** Least quality of the face; as for a shot of an enrolment. */
  readonly qualityMin: number;
  /** 0 switches the check off. */
  readonly livenessMin: number;
  /** How far over what an accept needs the similarity must be, and how far the margin. */
  readonly similarityLeadMin: number;
  readonly marginLeadMin: number;
  /** What is held against the best where nobody else was searched; the engine's port says why. */
  readonly runnerUpSimilarityFloor: number;
  /** A frame that is older than this when the charge comes is of somebody before. */
  readonly frameAgeMsMax: number;
  /** How long a charge can be disputed at the screen or taken back at the till before its visit counts. */
  readonly disputeMsMax: number;
  /** Visits that wait for that at the same time; then further ones are let go. */
  readonly waitingCountMax: number;
}

export interface TemplateRenewalOptions {
  readonly engine: Pick<FaceEngine, "model" | "takeEmbedding">;
  readonly renewals: TemplateRenewalStore;
  readonly templates: Pick<TemplateStore, "onChanged">;
  readonly roster: Pick<Roster, "hasConsent">;
  readonly bounds: Pick<IdentityBounds, "barOf">;
  /** Whether a charge was disputed or voided meanwhile. */
  readonly isTakenBack: (chargeId: string) => boolean;
  readonly clock: Pick<Clock, "mono" | "after">;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly limits: TemplateRenewalLimits;
}

/** A frame that shows one person beyond doubt: where its embedding is to be had, and how good it is. */
interface Sighting {
  readonly personId: string;
  readonly observationId: string;
  readonly faceIndex: number;
  readonly quality: number;
  readonly seenMono: MonoMs;
}

interface WaitingVisit {
  readonly entryId: string;
  readonly chargeId: string;
  readonly personId: string;
  readonly modelId: string;
  readonly embedding: Float32Array;
  readonly quality: number;
  readonly timer: Timer;
}

const sightingCountMax = 64;

export class TemplateRenewal {
  readonly #options: TemplateRenewalOptions;
  readonly #unsubscribe: () => void;
  /** Oldest first. */
  readonly #sightings: Sighting[] = [];
  /** By person: a second visit of the same day has to wait for the first. */
  readonly #waiting = new Map<string, WaitingVisit>();
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: TemplateRenewalOptions) {
    this.#options = options;
    this.#unsubscribe = options.templates.onChanged(({ personId, templates }) => {
      // Withdrawn: whatever is granted later, a visit from before it is not part of that.
      if (templates.length === 0) this.#forget(personId);
      // In a turn of its own: who listens after us must hear of this change before the next.
      if (templates.some(({ modelId }) => modelId !== options.engine.model)) {
        this.#enqueue(() => void options.renewals.retire(personId));
      }
    });
  }

  /** Of everybody, as after a start with another pack; once it is known who looks like whom. */
  retireAll(): void {
    this.#enqueue(() => {
      if (!this.#closed) this.#options.renewals.retireAll();
    });
  }

  /** To be told of every frame that was looked at. Keeps numbers only. */
  sawFrame({ observationId, faces }: Pick<FrameObservation, "observationId" | "faces">): void {
    const [face, ...others] = faces;
    if (face === undefined || others.length > 0) return;
    const personId = this.#sureOf(face);
    if (personId === null) return;
    const seenMono = this.#options.clock.mono();
    this.#sightings.push({ personId, observationId, faceIndex: 0, quality: face.quality.overall, seenMono });
    if (this.#sightings.length > sightingCountMax) this.#sightings.shift();
  }

  /** To be told of every charge by face, after its commit. Card, PIN and a chosen name prove no face. */
  paidByFace({ chargeId, personId }: { readonly chargeId: string; readonly personId: string }): void {
    const { clock, limits } = this.#options;
    const sinceMono = clock.mono() - limits.frameAgeMsMax;
    const seen = this.#sightings.filter((one) => one.personId === personId && one.seenMono >= sinceMono);
    this.#sightings.length = 0;
    const [best] = seen.toSorted((a, b) => b.quality - a.quality);
    if (best !== undefined) this.#enqueue(() => this.#take(best, chargeId));
  }

  /** Resolves when everything that was begun so far is done; visits that wait for their disputes are not. */
  settled(): Promise<void> {
    return this.#work;
  }

  /** What waits is let go: the person's next visits will do. */
  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    for (const visit of this.#waiting.values()) this.#drop(visit);
  }

  /** Who a face is beyond doubt; null for everybody else. Every condition is written so that a NaN fails it. */
  #sureOf(face: ObservedFace): string | null {
    const { limits, bounds } = this.#options;
    if (!(face.quality.overall >= limits.qualityMin)) return null;
    if (limits.livenessMin !== 0 && !(face.liveness !== null && face.liveness >= limits.livenessMin))
      return null;
    const answers: readonly OtherSearch[] = [
      { model: face.model, search: face.search },
      ...face.otherSearches,
    ];
    const named = answers.flatMap(({ model, search }) => {
      const { best, runnerUp } = search;
      if (best === null) return [];
      const bar = bounds.barOf(best.personId, model);
      const similarityLead = best.similarity - bar.similarityMin;
      // No answer of this pack: somebody who has no template of it looks like a stranger to it.
      if (similarityLead < 0) return [];
      const marginLead =
        best.similarity - (runnerUp?.similarity ?? limits.runnerUpSimilarityFloor) - bar.marginMin;
      const isSure =
        similarityLead >= limits.similarityLeadMin &&
        marginLead >= limits.marginLeadMin &&
        bar.lookAlikes.length === 0;
      return [isSure ? best.personId : null];
    });
    const [first = null] = named;
    return named.every((personId) => personId === first) ? first : null;
  }

  async #take({ personId, observationId, faceIndex, quality }: Sighting, chargeId: string): Promise<void> {
    const { engine, renewals, roster, ids, clock, limits } = this.#options;
    if (this.#closed || this.#waiting.has(personId) || this.#waiting.size >= limits.waitingCountMax) return;
    if (!roster.hasConsent(personId, "face") || !renewals.wants(personId)) return;
    const taken = await engine.takeEmbedding(observationId, faceIndex);
    if (taken === null) return;
    const { model: modelId, embedding } = taken;
    const timer = clock.after(limits.disputeMsMax, () => this.#enqueue(() => this.#store(personId)));
    const visit = { entryId: ids.next(), chargeId, personId, modelId, embedding, quality, timer };
    this.#waiting.set(personId, visit);
    if (this.#closed || !roster.hasConsent(personId, "face")) this.#drop(visit);
  }

  #store(personId: string): void {
    const visit = this.#waiting.get(personId);
    if (visit === undefined) return;
    const { renewals, isTakenBack, logger } = this.#options;
    const { entryId, chargeId, modelId, embedding, quality } = visit;
    try {
      if (isTakenBack(chargeId)) return;
      const template = { modelId, embedding, quality };
      const renewal = renewals.addFromVisit({ entryId, chargeId, personId, template });
      logger.info(
        { personId, outcome: renewal.kind === "renewed" ? "renewed" : renewal.reason },
        "template renewal",
      );
    } finally {
      this.#drop(visit);
    }
  }

  #forget(personId: string): void {
    const left = this.#sightings.filter((one) => one.personId !== personId);
    this.#sightings.splice(0, this.#sightings.length, ...left);
    const visit = this.#waiting.get(personId);
    if (visit !== undefined) this.#drop(visit);
  }

  #drop(visit: WaitingVisit): void {
    visit.timer.cancel();
    visit.embedding.fill(0);
    this.#waiting.delete(visit.personId);
  }

  #enqueue(work: () => void | Promise<void>): void {
    this.#work = this.#work.then(async () => {
      try {
        await work();
      } catch (error) {
        // A visit that left nothing is no loss: the next one will. A bug is one for the supervisor.
        if (!isFault(error)) throw error;
        this.#options.logger.warn({ code: error.code }, "a template could not be renewed");
      }
    });
  }
}
