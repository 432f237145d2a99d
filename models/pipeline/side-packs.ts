/** Packs that people were enrolled with before: their models are opened once somebody of theirs is in the gallery. */

import type { Box } from "../face-engine-port.ts";
import type { ModelPack } from "../manifest.ts";
import { alignFace } from "./align.ts";
import { embedFace } from "./embed.ts";
import { type FaceLandmarks, findLandmarks } from "./landmarks.ts";
import type { RgbImage } from "./rgb-image.ts";
import type { FaceModels } from "./sessions.ts";

export interface SideEmbedding {
  readonly model: string;
  readonly embedding: Float32Array;
}

export class SidePacks {
  readonly packs: readonly ModelPack[];
  private readonly openPack: (pack: ModelPack) => Promise<FaceModels>;
  private readonly primary: FaceModels;
  private readonly models = new Map<string, FaceModels>();

  constructor(
    primary: FaceModels,
    packs: readonly ModelPack[],
    openPack: (pack: ModelPack) => Promise<FaceModels>,
  ) {
    this.primary = primary;
    this.packs = packs;
    this.openPack = openPack;
  }

  /** Opens a pack unless it is open. @throws FaceEngineError `weights-missing` or `weights-changed`. */
  async open(id: string): Promise<void> {
    const pack = this.packs.find((candidate) => candidate.id === id);
    if (pack === undefined || this.models.has(id)) return;
    const opened = await this.openPack(pack);
    // Faces are found once, by the primary pack's detector.
    await opened.detector.release();
    await opened.liveness.release();
    const { detector, liveness } = this.primary;
    this.models.set(id, { ...opened, detector, liveness });
  }

  /** Those of these packs that are open. */
  opened(packs: readonly Pick<ModelPack, "id">[]): readonly FaceModels[] {
    return packs.flatMap(({ id }) => this.models.get(id) ?? []);
  }
}

/** Embeds a face with each side pack, on landmarks as that pack finds them. */
export async function embedForSides(
  primary: FaceModels,
  sides: readonly FaceModels[],
  image: RgbImage,
  face: { readonly box: Box; readonly landmarks: FaceLandmarks },
): Promise<readonly SideEmbedding[]> {
  const embeddings: SideEmbedding[] = [];
  for (const side of sides) {
    const landmarks = findsAlike(primary.pack, side.pack)
      ? face.landmarks
      : await findLandmarks(side, image, face.box);
    const crop = { aligned: alignFace(image, landmarks.five), image, landmarks };
    embeddings.push({ model: side.pack.id, embedding: await embedFace(side, crop) });
  }
  return embeddings;
}

/** Whether two packs differ in nothing but what they do after the landmarks. */
function findsAlike(a: ModelPack, b: ModelPack): boolean {
  const before = ({ id: _, embeddingLength: __, embedders: ___, flip: ____, ...rest }: ModelPack) =>
    JSON.stringify(Object.entries(rest).toSorted(([x], [y]) => (x < y ? -1 : 1)));
  return before(a) === before(b);
}
