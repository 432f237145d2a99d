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

/** The two most similar people (not templates) of the gallery, exact. */
export interface SearchResult {
  readonly best: Candidate | null;
  readonly runnerUp: Candidate | null;
}

/** A face of a frame as the serving line sees it: no embedding leaves the worker. */
export interface ObservedFace extends Omit<Face, "embedding"> {
  readonly search: SearchResult;
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
  readonly stageMs: StageMs;
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

/**
 * The engine: one worker thread that decodes, detects, aligns, embeds and searches.
 * Every method rejects with a `FaceEngineError` (`image-unreadable`, `image-too-large`, `engine-closed`,
 * `engine-crashed`, `queue-full`, `weights-missing`, `weights-changed`).
 */
export interface FaceEngine {
  readonly model: string;
  readonly embeddingLength: number;
  /** Faces of a camera frame with their two nearest people. At most `frameQueueMax` wait; then the oldest is dropped and rejects with `queue-full`. */
  observe(image: EncodedImage): Promise<FrameObservation>;
  /** Faces of a photo with embeddings: for enrolment, `face embed` and evaluation. */
  analyze(image: EncodedImage): Promise<ImageAnalysis>;
  /** Search alone: duplicate check at enrolment. */
  search(embedding: Float32Array, options?: { readonly excludePersonId?: string }): Promise<SearchResult>;
  /**
   * Replaces the whole gallery. Templates are taken some at a time, so a generator that reads them from the
   * disk never holds them all.
   * @param options `peopleCount`: room made beforehand; without it as many as `templates` has, where it is an array.
   */
  loadGallery(
    templates: Iterable<GalleryTemplate>,
    options?: { readonly peopleCount?: number },
  ): Promise<GalleryLoad>;
  /** Replaces one person's templates; none removes the person. */
  replacePerson(personId: string, templates: readonly GalleryTemplate[]): Promise<GalleryLoad>;
  gallerySize(): Promise<{ readonly people: number; readonly templates: number }>;
  close(): Promise<void>;
}
