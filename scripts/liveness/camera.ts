/** The terminal's camera: what every presentation, live or not, goes through. */

import sharp from "sharp";
import { blurred, type FloatPicture } from "./float-picture.ts";
import type { SeededRandom } from "./seeded-random.ts";

export const sceneWidthPx = 640;
export const sceneHeightPx = 480;

/** One visit keeps its camera settings; noise differs from frame to frame. */
export interface CameraSettings {
  readonly lensBlurPx: number;
  readonly exposure: number;
  /** Gains of red and blue: a white balance that is a little off. */
  readonly redGain: number;
  readonly blueGain: number;
  /** Deviation in 0…1 at mid grey. */
  readonly noise: number;
  readonly vignette: number;
  readonly jpegQuality: number;
}

export function randomCamera(random: SeededRandom): CameraSettings {
  return {
    lensBlurPx: random.between(0.45, 0.85),
    exposure: random.between(0.85, 1.15),
    redGain: random.between(0.95, 1.05),
    blueGain: random.between(0.95, 1.05),
    noise: random.between(0.006, 0.018),
    vignette: random.between(0, 0.15),
    jpegQuality: Math.round(random.between(78, 92)),
  };
}

/** A JPEG frame of the scene. */
export async function photograph(
  scene: FloatPicture,
  camera: CameraSettings,
  random: SeededRandom,
): Promise<Uint8Array<ArrayBuffer>> {
  const { data, widthPx, heightPx } = blurred(scene, camera.lensBlurPx);
  const bytes = new Uint8Array(data.length);
  const gains = [camera.redGain, 1, camera.blueGain];
  const grain = random.grain();
  for (let at = 0; at < widthPx * heightPx; at += 1) {
    const offX = (at % widthPx) / widthPx - 0.5;
    const offY = Math.floor(at / widthPx) / heightPx - 0.5;
    const light = camera.exposure * (1 - camera.vignette * 2 * (offX * offX + offY * offY));
    // Sensor noise is mostly common to the channels after a camera's own denoising.
    const common = grain();
    for (let channel = 0; channel < 3; channel += 1) {
      const value = (data[at * 3 + channel] ?? 0) * light * (gains[channel] ?? 1);
      const noise = camera.noise * (0.6 + 0.4 * value) * (0.7 * common + 0.7 * grain());
      bytes[at * 3 + channel] = Math.min(Math.max((value + noise) * 255, 0), 255);
    }
  }
  const raw = { width: widthPx, height: heightPx, channels: 3 } as const;
  return Uint8Array.from(await sharp(bytes, { raw }).jpeg({ quality: camera.jpegQuality }).toBuffer());
}
