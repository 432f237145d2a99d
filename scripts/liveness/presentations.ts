/**
 * Makes visits: a few frames of somebody live, or of a copy of them, before the terminal's camera. From any photos and
 * a seed; the same seed gives the same bytes.
 *
 * What "live" is here is an assumption too: one photo as the world, in which the head alone moves, by a warp that is
 * strongest at the nose and fades out before the picture's rim. There is no blink, no parallax of hair and shoulders,
 * no change of expression: those cannot be made from one photo.
 */

import { photograph, randomCamera, sceneHeightPx, sceneWidthPx } from "./camera.ts";
import { blank, type Colour, type FloatPicture, sampleRepeated } from "./float-picture.ts";
import { type PlanePose, planeMap } from "./plane.ts";
import { type SeededRandom, seededRandom } from "./seeded-random.ts";
import { type Displacement, printSurface, type ShownPhoto, type Surface, screenSurface } from "./surfaces.ts";

export const attackKinds = [
  /** A phone in the hand: moiré, bezel, glare. */
  "screen-held",
  /** A phone or tablet on a stand that plays a video: nothing but the face moves. */
  "screen-replay",
  /** A sheet with visible dots of ink that fills the picture. */
  "print-halftone",
  /** A photo print, smaller than the picture, edges and margin in view, held in the hand. */
  "print-edges",
  /** The same, moved about to look alive. */
  "print-moved",
] as const;
export type AttackKind = (typeof attackKinds)[number];
export type PresentationKind = AttackKind | "live";

export const framesPerVisit = 3;
export const framePeriodMs = 200;

/** @returns JPEG frames, `framePeriodMs` apart. */
export async function presentationFrames(
  kind: PresentationKind,
  photo: FloatPicture,
  seed: string,
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const random = seededRandom(`${seed}/${kind}`);
  const camera = randomCamera(random);
  const sceneAt = kind === "live" ? liveScene(photo, random) : attackScene(kind, photo, random);
  const frames: Uint8Array<ArrayBuffer>[] = [];
  for (let frame = 0; frame < framesPerVisit; frame += 1) {
    const scene = sceneAt((frame * framePeriodMs) / 1000);
    frames.push(await photograph(scene, camera, random.fork(`noise ${frame}`)));
  }
  return frames;
}

/** The photo as the world, enlarged so that its face is as wide as that of a diner at the terminal. */
function liveScene(photo: FloatPicture, random: SeededRandom): (timeS: number) => FloatPicture {
  const scale = random.between(1.5, 2.3);
  const [offX, offY] = [random.between(-30, 30), random.between(-20, 20)];
  const move = headMotion(photo, random);
  return (timeS) => {
    const displace = move(timeS);
    const scene = blank(sceneWidthPx, sceneHeightPx);
    const point = new Float64Array(2);
    const colour = new Float32Array(3);
    for (let y = 0; y < sceneHeightPx; y += 1) {
      for (let x = 0; x < sceneWidthPx; x += 1) {
        point[0] = photo.widthPx / 2 + (x - sceneWidthPx / 2 - offX) / scale;
        point[1] = photo.heightPx / 2 + (y - sceneHeightPx / 2 - offY) / scale;
        displace(point);
        sampleRepeated(photo, point[0] ?? 0, point[1] ?? 0, colour);
        scene.data.set(colour, (y * sceneWidthPx + x) * 3);
      }
    }
    return scene;
  };
}

/**
 * A head that sways and turns a little: the photo's points near its middle are displaced; a turn moves the nose more
 * than the ears. Amplitudes are those of people who try to stand still, in pixels of a photo of 250.
 */
function headMotion(photo: FloatPicture, random: SeededRandom): (timeS: number) => Displacement {
  const swayX = wave(random, 0.6, 2.4);
  const swayY = wave(random, 0.4, 1.4);
  const turn = wave(random, 0.4, 2);
  const [middleX, middleY] = [photo.widthPx / 2, photo.heightPx / 2];
  const [radiusX, radiusY] = [photo.widthPx * 0.34, photo.heightPx * 0.42];
  return (timeS) => {
    const [dx, dy, depth] = [swayX(timeS), swayY(timeS), turn(timeS)];
    return (point) => {
      const u = ((point[0] ?? 0) - middleX) / radiusX;
      const v = ((point[1] ?? 0) - middleY) / radiusY;
      const distance = u * u + v * v;
      if (distance >= 1) return;
      const near = (1 - distance) ** 2;
      // The whole head goes along; what stands out of the face goes further.
      const whole = Math.min(1, 2.2 * (1 - distance));
      point[0] = (point[0] ?? 0) - dx * whole - depth * near;
      point[1] = (point[1] ?? 0) - dy * whole;
    };
  };
}

/** A slow swing of random size, speed and phase. */
function wave(random: SeededRandom, min: number, max: number): (timeS: number) => number {
  const size = random.between(min, max);
  const [speed, phase] = [random.between(2.5, 6), random.between(0, 2 * Math.PI)];
  return (timeS) => size * Math.sin(speed * timeS + phase);
}

function attackScene(
  kind: AttackKind,
  photo: FloatPicture,
  random: SeededRandom,
): (timeS: number) => FloatPicture {
  const room = drawRoom(random);
  const pose = attackPose(kind, random);
  const held = handMotion(kind, random);
  const replayed = kind === "screen-replay" ? headMotion(photo, random) : () => () => {};
  const [halfWidth, halfHeight] = shownSize(kind, random);
  const surfaceSeed = random.fork("surface");
  return (timeS) => {
    const shown: ShownPhoto = { photo, halfWidth, halfHeight, displacement: replayed(timeS) };
    // A fork gives the same numbers each time: the same sheet of paper in every frame.
    const surface = surfaceOf(kind, shown, surfaceSeed.fork("same"));
    return holdBefore(room, surface, held(pose, timeS));
  };
}

function surfaceOf(kind: AttackKind, shown: ShownPhoto, random: SeededRandom): Surface {
  switch (kind) {
    case "screen-held":
    case "screen-replay":
      return screenSurface(shown, random);
    case "print-halftone":
      return printSurface(shown, { marginPx: 0, halftone: random.between(0.35, 0.8) }, random);
    case "print-edges":
    case "print-moved":
      return printSurface(
        shown,
        { marginPx: random.between(0, 14), halftone: random.between(0, 0.2) },
        random,
      );
  }
}

function shownSize(kind: AttackKind, random: SeededRandom): readonly [number, number] {
  if (kind === "print-halftone") return [180, 130];
  const half = random.between(85, 112);
  return kind === "screen-held" ? [half * 0.68, half * 1.1] : [half * random.between(0.75, 1), half];
}

function attackPose(kind: AttackKind, random: SeededRandom): PlanePose {
  const fills = kind === "print-halftone";
  const tilt = fills || kind === "screen-replay" ? 3 : 12;
  return {
    centreX: sceneWidthPx / 2 + random.between(-25, 25),
    centreY: sceneHeightPx / 2 + random.between(-15, 15),
    scale: fills ? random.between(1.9, 2.4) : random.between(1.5, 2.1),
    yawDeg: random.between(-tilt, tilt),
    pitchDeg: random.between(-tilt, tilt),
    rollDeg: random.between(-tilt / 2, tilt / 2),
  };
}

/** Tremor of a hand, or a print that is waved; a stand does not move. */
function handMotion(kind: AttackKind, random: SeededRandom): (pose: PlanePose, timeS: number) => PlanePose {
  if (kind === "screen-replay") return (pose) => pose;
  const size = kind === "print-moved" ? 4 : 1;
  const [x, y] = [wave(random, 0.8 * size, 3.5 * size), wave(random, 0.8 * size, 3 * size)];
  const [yaw, roll] = [wave(random, 0.3 * size, 1.2 * size), wave(random, 0.2 * size, 0.8 * size)];
  return (pose, timeS) => ({
    ...pose,
    centreX: pose.centreX + x(timeS),
    centreY: pose.centreY + y(timeS),
    yawDeg: pose.yawDeg + yaw(timeS),
    rollDeg: pose.rollDeg + roll(timeS),
  });
}

/** The room with the plane before it; each pixel is the mean of four points, so that dots and edges are soft. */
function holdBefore(room: FloatPicture, surface: Surface, pose: PlanePose): FloatPicture {
  const map = planeMap(pose);
  const looks = 2;
  const scene = { ...room, data: Float32Array.from(room.data) };
  const point = new Float64Array(2);
  const colour = new Float32Array(3);
  const { left, top, right, bottom } = extentOf(room, surface, map);
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) {
      const at = (y * room.widthPx + x) * 3;
      let red = 0;
      let green = 0;
      let blue = 0;
      let hits = 0;
      for (let look = 0; look < looks * looks; look += 1) {
        map(
          x + ((look % looks) + 0.5) / looks - 0.5,
          y + (Math.floor(look / looks) + 0.5) / looks - 0.5,
          point,
        );
        if (!surface(point[0] ?? 0, point[1] ?? 0, x, y, colour)) continue;
        red += colour[0] ?? 0;
        green += colour[1] ?? 0;
        blue += colour[2] ?? 0;
        hits += 1;
      }
      if (hits === 0) continue;
      const share = 1 / (looks * looks);
      const behind = 1 - hits * share;
      scene.data[at] = red * share + behind * (room.data[at] ?? 0);
      scene.data[at + 1] = green * share + behind * (room.data[at + 1] ?? 0);
      scene.data[at + 2] = blue * share + behind * (room.data[at + 2] ?? 0);
    }
  }
  return scene;
}

/** Where the plane can be in the scene: found by a coarse look, because most of the room is not covered. */
function extentOf(
  { widthPx, heightPx }: FloatPicture,
  surface: Surface,
  map: (x: number, y: number, out: Float64Array) => void,
): { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number } {
  const step = 8;
  const point = new Float64Array(2);
  const colour = new Float32Array(3);
  let [left, top, right, bottom] = [widthPx, heightPx, 0, 0];
  for (let y = 0; y < heightPx; y += step) {
    for (let x = 0; x < widthPx; x += step) {
      map(x, y, point);
      if (!surface(point[0] ?? 0, point[1] ?? 0, x, y, colour)) continue;
      [left, top] = [Math.min(left, x), Math.min(top, y)];
      [right, bottom] = [Math.max(right, x), Math.max(bottom, y)];
    }
  }
  const margin = 2 * step;
  return {
    left: Math.max(left - margin, 0),
    top: Math.max(top - margin, 0),
    right: Math.min(right + margin, widthPx),
    bottom: Math.min(bottom + margin, heightPx),
  };
}

/** A wall, a floor, some furniture: what stands behind whoever holds up a picture. */
function drawRoom(random: SeededRandom): FloatPicture {
  const room = blank(sceneWidthPx, sceneHeightPx);
  const colour = (): Colour => {
    const grey = random.between(0.2, 0.85);
    return [
      grey * random.between(0.9, 1.1),
      grey * random.between(0.9, 1.05),
      grey * random.between(0.8, 1.1),
    ];
  };
  paint(room, 0, 0, sceneWidthPx, sceneHeightPx, colour(), random.between(-0.3, 0.3));
  const floorY = random.between(0.6, 0.9) * sceneHeightPx;
  paint(room, 0, floorY, sceneWidthPx, sceneHeightPx, colour(), 0.1);
  for (let i = 0; i < 14; i += 1) {
    const [x, y] = [random.between(-40, sceneWidthPx), random.between(0, sceneHeightPx)];
    const [width, height] = [random.between(15, 140), random.between(15, 200)];
    paint(room, x, y, x + width, y + height, colour(), random.between(-0.3, 0.3));
  }
  // Textures of walls and cloth: coarse noise, so that there is something to see moving.
  const cells = Array.from({ length: 80 * 60 }, () => random.between(-0.05, 0.05));
  for (let at = 0; at < sceneWidthPx * sceneHeightPx; at += 1) {
    const cell = Math.floor(at / sceneWidthPx / 8) * 80 + Math.floor((at % sceneWidthPx) / 8);
    for (let channel = 0; channel < 3; channel += 1)
      room.data[at * 3 + channel] = (room.data[at * 3 + channel] ?? 0) + (cells[cell] ?? 0);
  }
  return room;
}

function paint(
  picture: FloatPicture,
  left: number,
  top: number,
  right: number,
  bottom: number,
  colour: Colour,
  slope: number,
): void {
  const [x0, x1] = [Math.max(0, Math.floor(left)), Math.min(picture.widthPx, Math.floor(right))];
  const [y0, y1] = [Math.max(0, Math.floor(top)), Math.min(picture.heightPx, Math.floor(bottom))];
  for (let y = y0; y < y1; y += 1) {
    for (let x = x0; x < x1; x += 1) {
      const light = 1 + slope * (x / picture.widthPx - 0.5);
      for (let channel = 0; channel < 3; channel += 1)
        picture.data[(y * picture.widthPx + x) * 3 + channel] = (colour[channel] ?? 0) * light;
    }
  }
}
