import { present } from "../platform/assert.ts";
import type { Timer } from "../platform/clock.ts";
import type { SampleBook } from "./sample-book.ts";
import type { SampleClock } from "./sample-clock.ts";
import { bodyOf, type SampleStored } from "./sample-entries.ts";
import { LOOK_MS_MAX, type SamplesOptions } from "./sample-options.ts";
import { hashesOf, photograph, recordedPhoto } from "./sample-photo.ts";
import { SlotTaken } from "./sample-projection.ts";
import type { SampleScale } from "./sample-scale.ts";
import { recorded } from "./sample-signing.ts";
import {
  type PhotoFound,
  stepTaking,
  type TakingEffect,
  type TakingInput,
  type TakingState,
  type Weighed,
} from "./sample-taking.ts";
import { LOOK_BACK_MS, refOf, type SampleViews } from "./sample-view.ts";
import type {
  LabelView,
  NotSigned,
  SampleContainer,
  TakeAnswer,
  TakeCommand,
  TakeRefusal,
  TakingView,
  WeighedView,
} from "./samples-port.ts";

/** A sample that nobody goes on with; longer than the longest way to the cabinet. */
const FORGET_MS = 10 * 60_000;
/** The stored one stays on the screen for its label. */
const SHOWN_MS = 60_000;

type TakePhotoEffect = Extract<TakingEffect, { readonly kind: "take-photo" }>;
type Choosing = Extract<TakingState, { readonly step: "choosing-slot" }>;

export interface SampleCounterParts {
  readonly book: SampleBook;
  readonly views: SampleViews;
  readonly sampleClock: SampleClock;
  readonly scale: SampleScale | null;
  readonly label: (sampleId: string) => LabelView | null;
  readonly onChanged: () => void;
  /** A sample was stored. */
  readonly onStored: () => void;
}

/** The loop around the machine of taking a sample: judges, runs the effects, and turns outcomes into inputs. */
export class SampleCounter {
  readonly #options: SamplesOptions;
  readonly #parts: SampleCounterParts;
  #state: TakingState = { step: "idle" };
  #looking: AbortController | null = null;
  #forgetting: Timer | null = null;
  #isClosed = false;

  constructor(options: SamplesOptions, parts: SampleCounterParts) {
    this.#options = options;
    this.#parts = parts;
  }

  view(): TakingView {
    const state = this.#state;
    const { views, scale, book, label } = this.#parts;
    switch (state.step) {
      case "idle":
        return state;
      case "weighing":
        return {
          step: "weighing",
          what: state.what,
          containerId: state.container.containerId,
          weight: scale?.live(state.container) ?? {
            state: "no-scale",
            grossG: null,
            netG: null,
            shortG: null,
          },
        };
      case "photographing":
        return { step: state.step, what: state.what, weighed: weighedView(state.weighed) };
      case "photo-failed":
        return {
          step: state.step,
          what: state.what,
          weighed: weighedView(state.weighed),
          reason: state.reason,
        };
      case "signing":
        return {
          step: state.step,
          what: state.what,
          weighed: weighedView(state.weighed),
          thumbnailSha256: thumbnailOf(state),
          isLooking: state.isLooking,
        };
      case "choosing-slot":
        return {
          step: state.step,
          what: state.what,
          weighed: weighedView(state.weighed),
          thumbnailSha256: thumbnailOf(state),
          by: views.person(state.signature.operatorId),
          freeSlots: views.freeSlots(),
        };
      case "stored": {
        const record = book.find(state.sampleId);
        const printed = label(state.sampleId);
        return record === undefined || printed === null
          ? { step: "idle" }
          : { step: "stored", sample: views.sample(record), label: printed };
      }
    }
  }

  async take(command: TakeCommand): Promise<TakeAnswer> {
    switch (command.kind) {
      case "start":
        return this.#start(command);
      case "choose-container":
        return this.#chooseContainer(command.containerId);
      case "take-weight":
        return this.#takeWeight();
      case "retry-photo":
      case "go-on-without-photo":
      case "cancel":
        return this.#input({ kind: command.kind }) ? OK : refusal("wrong-step");
      case "sign-by-pin":
        return this.#signByPin(command.operatorId, command.pin);
      case "sign-by-face":
        return this.#signByFace();
      case "stop-looking":
        this.#looking?.abort();
        return this.#looking === null ? refusal("wrong-step") : OK;
      case "choose-slot":
        return this.#store(command.cabinetId, command.slotId);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#looking?.abort();
    this.#forgetting?.cancel();
  }

  #start(command: Extract<TakeCommand, { readonly kind: "start" }>): TakeAnswer {
    if (this.#state.step !== "idle" && this.#state.step !== "stored") return refusal("wrong-step");
    const { timeTrust, diskSafe, settings, meals, clock, ids } = this.#options;
    const { book, views } = this.#parts;
    if (timeTrust.current() === "unknown") return refusal("clock-untrusted");
    if (!diskSafe()) return refusal("disk-unsafe");
    if (views.freeSlots().length === 0) return refusal("no-free-slot");
    const nowMs = clock.now();
    const meal = meals
      .mealsOn(command.date)
      .find(({ periodId, endMs }) => periodId === command.periodId && endMs > nowMs - LOOK_BACK_MS);
    const dish = meal?.dishes.find(({ dishId }) => dishId === command.dishId);
    if (meal === undefined || dish === undefined) return refusal("dish-unknown");
    if (meal.startMs - settings.aheadMs > nowMs) return refusal("meal-not-begun");
    if (book.ofDish(meal.date, meal.periodId, dish.dishId) !== undefined) return refusal("already-sampled");
    const container = this.#container(command.containerId);
    if (container === undefined) return refusal("container-unknown");
    if (this.#parts.scale === null) return refusal("no-scale");
    const isLate = nowMs > meal.endMs + settings.graceMs;
    this.#input({
      kind: "start",
      what: { sampleId: ids.next(), meal: refOf(meal), dish, isLate },
      container,
    });
    return OK;
  }

  #chooseContainer(containerId: string): TakeAnswer {
    if (this.#state.step !== "weighing") return refusal("wrong-step");
    const container = this.#container(containerId);
    if (container === undefined) return refusal("container-unknown");
    this.#input({ kind: "choose-container", container });
    return OK;
  }

  #takeWeight(): TakeAnswer {
    if (this.#state.step !== "weighing") return refusal("wrong-step");
    const taken = this.#parts.scale?.take(this.#state.container);
    if (taken === undefined) return refusal("no-scale");
    if (taken.kind === "refused") {
      const { shortG, netG } = taken.live;
      return { kind: "refused", reason: taken.reason, shortG, netG };
    }
    this.#input({ kind: "weigh", weighed: taken });
    return OK;
  }

  async #signByPin(operatorId: string, pin: string): Promise<TakeAnswer> {
    if (this.#state.step !== "signing") return refusal("wrong-step");
    const { sampleId } = this.#state.what;
    const outcome = await this.#options.signatures.byPin({
      right: "keep",
      notOperatorIds: [],
      operatorId,
      pin,
    });
    return this.#signed(sampleId, outcome);
  }

  async #signByFace(): Promise<TakeAnswer> {
    if (this.#state.step !== "signing" || this.#state.isLooking) return refusal("wrong-step");
    const { sampleId } = this.#state.what;
    const looking = new AbortController();
    this.#looking = looking;
    this.#input({ kind: "look" });
    try {
      const outcome = await this.#options.signatures.byFace({
        right: "keep",
        notOperatorIds: [],
        waitMsMax: LOOK_MS_MAX,
        signal: looking.signal,
      });
      return this.#signed(sampleId, outcome);
    } finally {
      if (this.#looking === looking) this.#looking = null;
      this.#input({ kind: "looked", sampleId });
    }
  }

  #signed(
    sampleId: string,
    outcome: NotSigned | { readonly kind: "signed"; readonly signature: Choosing["signature"] },
  ): TakeAnswer {
    if (outcome.kind !== "signed") return { kind: "not-signed", outcome };
    return this.#input({ kind: "signed", sampleId, signature: outcome.signature })
      ? OK
      : refusal("wrong-step");
  }

  #store(cabinetId: string, slotId: string): TakeAnswer {
    const state = this.#state;
    if (state.step !== "choosing-slot") return refusal("wrong-step");
    if (!this.#options.diskSafe()) return refusal("disk-unsafe");
    const cabinet = this.#options.settings.cabinets.find((each) => each.cabinetId === cabinetId);
    if (cabinet?.slotIds.includes(slotId) !== true) return refusal("slot-unknown");
    const { meal, dish, sampleId } = state.what;
    if (this.#parts.book.ofDish(meal.date, meal.periodId, dish.dishId) !== undefined)
      return refusal("already-sampled");
    const { journal, photos } = this.#options;
    try {
      journal.transact(() => {
        const body = this.#storedBody(state, cabinetId, slotId);
        photos.claim(hashesOf(state.photo));
        journal.append({ id: sampleId, kind: "sample.stored", body: bodyOf(body) });
      });
    } catch (error) {
      if (error instanceof SlotTaken) return refusal("slot-taken");
      throw error;
    }
    this.#parts.scale?.used();
    this.#input({ kind: "stored", sampleId });
    this.#parts.onStored();
    return OK;
  }

  #storedBody(state: Choosing, cabinetId: string, slotId: string): SampleStored {
    const { sampleClock } = this.#parts;
    const { keepHours } = this.#options.settings;
    const now = sampleClock.now();
    sampleClock.save(now);
    const { what, weighed, photo, signature } = state;
    return {
      sampleId: what.sampleId,
      cabinetId,
      slotId,
      meal: { ...what.meal, periodName: { zh: what.meal.periodName.zh, en: what.meal.periodName.en } },
      dish: { dishId: what.dish.dishId, dishName: { zh: what.dish.dishName.zh, en: what.dish.dishName.en } },
      isLate: what.isLate,
      weight: weighed.weight,
      ...recordedPhoto(photo),
      storedBy: recorded(signature),
      keepHours,
      keepUntilMs: now.wallMs + keepHours * 3_600_000,
      ranMs: now.ranMs,
    };
  }

  #container(containerId: string): SampleContainer | undefined {
    return this.#options.settings.containers.find((each) => each.containerId === containerId);
  }

  /** @returns whether the machine took it. */
  #input(input: TakingInput): boolean {
    if (this.#isClosed) return false;
    const step = stepTaking(this.#state, input);
    this.#state = step.state;
    for (const effect of step.effects) {
      if (effect.kind === "stop-looking") this.#looking?.abort();
      else void this.#photograph(effect);
    }
    if (step.isTaken) {
      this.#awaitForgetting();
      this.#parts.onChanged();
    }
    return step.isTaken;
  }

  async #photograph({ what, weighed, isAgain }: TakePhotoEffect): Promise<void> {
    const { meal, dish } = what;
    const { studio, logger, clock } = this.#options;
    const atMono = isAgain ? clock.mono() : weighed.atMono;
    const lines = [
      `留样 ${dish.dishName.zh} ${weighed.weight.netG} g`,
      `${meal.date} ${meal.periodName.zh}`,
      what.sampleId,
    ];
    const found = await photograph(studio, atMono, lines).catch((error: unknown) => {
      logger.error({ error: String(present(error, "an error")) }, "the photo of a sample could not be kept");
      return { kind: "missing", reason: "no-frame" } as const;
    });
    const sinceWeightMs = Math.max(0, atMono - weighed.atMono);
    this.#input({ kind: "photo", sampleId: what.sampleId, found: laterBy(found, sinceWeightMs) });
  }

  #awaitForgetting(): void {
    this.#forgetting?.cancel();
    this.#forgetting = null;
    const { step } = this.#state;
    if (step === "idle") return;
    const waitMs = step === "stored" ? SHOWN_MS : FORGET_MS;
    this.#forgetting = this.#options.clock.after(waitMs, () => void this.#input({ kind: "forget" }));
  }
}

/** How far a photo is off is said of the weight, however often it was tried. */
function laterBy(found: PhotoFound, ms: number): PhotoFound {
  if (found.kind === "missing") return found;
  return { ...found, photo: { ...found.photo, offMs: found.photo.offMs + ms } };
}

const OK: TakeAnswer = { kind: "ok" };

function refusal(reason: TakeRefusal): TakeAnswer {
  return { kind: "refused", reason, shortG: null, netG: null };
}

function weighedView({ weight }: Weighed): WeighedView {
  const { containerId, grossG, tareG, netG } = weight;
  return { containerId, grossG, tareG, netG };
}

function thumbnailOf({ photo }: Pick<Choosing, "photo">): string | null {
  return photo.kind === "taken" ? photo.photo.thumbnailSha256 : null;
}
