/** What the engine takes and gives. Numbers only: who that is, and whether it suffices, is the serving line's to say. */

export interface EncodedImage {
  /** JPEG, PNG or WebP bytes. The engine owns the buffer after the call (it is transferred to the worker). */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Pixels of the decoded image, origin top left. */
export type Point = readonly [x: number, y: number];
/** x, y of the top-left corner, width, height, in pixels of the decoded image. */
export type Box = readonly [x: number, y: number, width: number, height: number];
/** Eye centres (the image's left first), nose tip, mouth corners (left first). */
export type FiveLandmarks = readonly [Point, Point, Point, Point, Point];

export interface FaceQuality {
  /** 0 (useless) … 1 (passport photo): the least of the parts below after scaling. */
  readonly overall: number;
  readonly eyeDistancePx: number;
  /** Degrees, estimated from the landmarks; 0 is frontal. */
  readonly yawDeg: number;
  readonly pitchDeg: number;
  readonly rollDeg: number;
  /** Variance of the Laplacian over the aligned grey crop. */
  readonly sharpness: number;
  /** Mean of the aligned grey crop, 0…255. */
  readonly brightness: number;
}

/** How a face moved since the frame before. */
export interface FaceMotion {
  /** As a share of the width of its box. */
  readonly faceShare: number;
  /**
   * How much of that its surroundings did too: 0 (only the face moved) … 1 (as one plane, which a print or a phone in a
   * hand does); null where the face moved too little to tell.
   */
  readonly together: number | null;
}

export interface Face {
  readonly box: Box;
  /** 0…1 */
  readonly detectionScore: number;
  readonly landmarks: FiveLandmarks;
  readonly quality: FaceQuality;
  /** 0 (attack) … 1 (live); NaN is never given, `null` where it was not measured. */
  readonly liveness: number | null;
  /** 0 (both eyes closed) … 1 (both open); absent where liveness was not measured. */
  readonly eyesOpen?: number;
  /** Absent where there was no frame shortly before. */
  readonly motion?: FaceMotion;
  /** Id of the model pack that made the embedding; embeddings of different ids are never compared. */
  readonly model: string;
  /** L2-normalised; the dot product of two is their similarity, −1…1. */
  readonly embedding: Float32Array;
}

export interface Candidate {
  readonly personId: string;
  /** To the mean of this person's templates made length 1, −1…1. */
  readonly similarity: number;
}

/** The two most similar people (not templates) of those who were searched, exact. */
export interface SearchResult {
  readonly best: Candidate | null;
  /** Null where fewer than two people were searched: read it as `runnerUpSimilarityFloor`, never as "no rival". */
  readonly runnerUp: Candidate | null;
}

/**
 * What to hold against the best where there is no second person: a gallery (or a list of the expected) of one must
 * not be an easier accept than one of hundreds, whose second person is about that near (to strangers of the development
 * set, in a gallery of 652: median 0.34, one in a hundred 0.44).
 *
 * With a margin of 0.10 it asks for 0.50, so that under the default threshold of 0.58 it changes nothing; it is there for
 * a `similarityMin` that is too low. README.md, "A gallery of one", has the rates.
 */
export const runnerUpSimilarityFloor = 0.4;

/** The two nearest of everybody, and of those who are expected at this meal. */
export interface ObservedSearch extends SearchResult {
  /**
   * Among `setExpected`'s people; null when none were set. Both `null` inside when none of them is in the gallery.
   * It narrows who is confused with whom, not who stands there: an expected person who is not also the best of
   * everybody is no match, for the best of everybody is then likely the one who stands there.
   */
  readonly expected: SearchResult | null;
}

/** The answer of a side pack's gallery, with that pack's own embedding and scale of similarities. */
export interface OtherSearch {
  /** Id of the side pack; its thresholds are its own. */
  readonly model: string;
  readonly search: ObservedSearch;
}

/** A face of a frame as the serving line sees it: no embedding leaves the worker. */
export interface ObservedFace extends Omit<Face, "embedding"> {
  /** In the primary pack's gallery. */
  readonly search: ObservedSearch;
  /** In the side packs' galleries, in the order of `sidePackIds`; only of those that have anybody in them. */
  readonly otherSearches: readonly OtherSearch[];
}

export interface StageMs {
  readonly decode: number;
  readonly detect: number;
  readonly landmarks: number;
  readonly liveness: number;
  readonly embed: number;
  readonly search: number;
  readonly total: number;
}

export interface FrameObservation {
  /** Unique over restarts of the engine; for `takeEmbedding`. */
  readonly observationId: string;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Largest first. */
  readonly faces: readonly ObservedFace[];
  /** Faces that were found but not embedded, because there were more than `faceCountMax`. */
  readonly faceCountDropped: number;
  readonly stageMs: StageMs;
}

export interface ImageAnalysis {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Largest first. */
  readonly faces: readonly Face[];
  /** Of each face: its nearest two in the side packs' galleries that have anybody in them, for the duplicate check. */
  readonly otherSearches: readonly (readonly OtherSearch[])[];
  readonly stageMs: StageMs;
}

/** Where faces are, and nothing about whose. */
export interface FacePlaces {
  /** Of the decoded picture, in which the boxes are. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly boxes: readonly Box[];
}

export interface GalleryTemplate {
  readonly templateId: string;
  readonly personId: string;
  readonly model: string;
  readonly embedding: Float32Array;
}

/** What a skipped template was skipped for. */
export type TemplateRefusal = "other-model" | "wrong-length" | "not-finite" | "not-normalised";

export interface GalleryLoad {
  readonly accepted: number;
  readonly refused: readonly { readonly templateId: string; readonly reason: TemplateRefusal }[];
}

/** An embedding that an observation left behind. The caller wipes it. */
export interface TakenEmbedding {
  readonly model: string;
  readonly embedding: Float32Array;
}

/** How many people and templates the gallery of one pack holds. */
export interface GallerySize {
  readonly people: number;
  readonly templates: number;
}

/**
 * The engine: one worker thread that decodes, detects, aligns, embeds and searches.
 * Every method rejects with a `FaceEngineError` (`image-unreadable`, `image-too-large`, `engine-closed`,
 * `engine-crashed`, `queue-full`, `weights-missing`, `weights-changed`).
 */
export interface FaceEngine {
  /** Of the primary pack: what `observe` and `analyze` embed with. */
  readonly model: string;
  readonly embeddingLength: number;
  /** Packs whose templates are still matched, beside the primary one. Their models are opened with their first template. */
  readonly sideModels: readonly string[];
  /** Faces of a camera frame with their two nearest people. At most `frameQueueMax` wait; then the oldest is dropped and rejects with `queue-full`. */
  observe(image: EncodedImage): Promise<FrameObservation>;
  /** Faces of a photo with embeddings: for enrolment, `face embed` and evaluation. */
  analyze(image: EncodedImage): Promise<ImageAnalysis>;
  /** Where faces are in a photo, the small ones too; waits with `analyze`'s photos. For making them unrecognisable. */
  detect(image: EncodedImage): Promise<FacePlaces>;
  /** Search in the primary gallery alone: duplicate check at enrolment, beside `ImageAnalysis.otherSearches`. */
  search(embedding: Float32Array, options?: { readonly excludePersonId?: string }): Promise<SearchResult>;
  /**
   * Replaces the galleries of all packs; a template's `model` says which one it goes to. Templates are taken some at a time, so a generator that reads them from the
   * disk never holds them all.
   * @param options `peopleCount`: room made beforehand in the primary gallery; without it as many as `templates` has, where it is an array.
   * `givenAway`: nobody reads the embeddings afterwards, so their memory is given back as soon as they are taken.
   */
  loadGallery(
    templates: Iterable<GalleryTemplate>,
    options?: { readonly peopleCount?: number; readonly givenAway?: boolean },
  ): Promise<GalleryLoad>;
  /** Replaces one person's templates in all galleries; none removes the person. */
  replacePerson(personId: string, templates: readonly GalleryTemplate[]): Promise<GalleryLoad>;
  /**
   * Says who may eat here at this meal: from then on every observed face is also searched among them. `null`: nobody in
   * particular. People who are not enrolled are allowed; who is enrolled later counts from then on.
   */
  setExpected(personIds: readonly string[] | null): Promise<void>;
  /**
   * The primary pack's embedding of a face of a recent observation, so that somebody who was recognised can be
   * enrolled from that visit without a picture. Given once; kept for the last 64 observations and 30 seconds.
   * @param faceIndex place in `FrameObservation.faces`.
   * @returns null when it is gone.
   */
  takeEmbedding(observationId: string, faceIndex: number): Promise<TakenEmbedding | null>;
  /** Of the primary gallery. */
  gallerySize(): Promise<GallerySize>;
  close(): Promise<void>;
}
