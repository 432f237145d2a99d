import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import type { Config } from "../../device/config/schema.ts";
import type { Terminal } from "../../device/main.ts";
import { LIVENESS_CHALLENGES, type LivenessLevel } from "../../device/serving-line/liveness-check.ts";
import type { CheckoutView } from "../../device/serving-line/serving-line-port.ts";
import type { FloatPicture } from "../../scripts/liveness/float-picture.ts";
import { type PresentationKind, presentationFrames } from "../../scripts/liveness/presentations.ts";
import { enrol, openSchool, photosOf, type School, until } from "./school.ts";

/** One of the sample people, who looks at the camera in each photo. */
const NUMBER = "1004";
/** A photo as a phone would show it or a printer print it: the face in the middle, some shoulders and wall around. */
const PHOTO_SIDE_PX = 250;
const FACE_SHARE = 0.42;
const PHOTO_HOLD_MS = 20_000;

describe("a copy of an enrolled face before the terminal's camera", () => {
  it("a phone that shows the face is not charged at strict, and another way is offered", async () => {
    const { terminal, views } = await showAtTill("screen-replay", "strict");
    await until("another way for a copy", () =>
      views.find((view) => view.kind === "other-way" && view.reason === "liveness"),
    );
    expect(terminal.servingLine.recentCharges(1)).toEqual([]);
  });

  it("it is asked to blink or to turn at assist, cannot, and is not charged", async () => {
    const { terminal, views } = await showAtTill("screen-replay", "assist");
    await until("a question", () => views.find(isQuestion));
    await until("another way", () => views.find((view) => view.kind === "other-way"));
    expect(terminal.servingLine.recentCharges(1)).toEqual([]);
  });

  it("the person in front of it gets as far as the question or the charge", async () => {
    const { terminal, personId, views } = await showAtTill("live", "assist");
    const paid = () => terminal.servingLine.recentCharges(1)[0];
    await until("asked or paid", () => views.find(isQuestion) ?? paid());
    if (paid() !== undefined) expect(paid()).toMatchObject({ personId, method: "face" });
    expect(views.some((view) => view.kind === "other-way" && view.reason === "unknown-face")).toBe(false);
  });
});

const isQuestion = (view: CheckoutView): boolean =>
  view.kind === "looking" && LIVENESS_CHALLENGES.some((challenge) => challenge === view.hint);

/** Enrols while the check is off, as at a counter where somebody watches; then starts anew with the level and camera. */
async function showAtTill(
  kind: PresentationKind,
  liveness: LivenessLevel,
): Promise<{ terminal: Terminal; views: readonly CheckoutView[]; personId: string }> {
  const school = await openSchool();
  const counter = await school.startTerminal();
  const photo = await photoOf(counter);
  const personId = await enrol(counter, NUMBER);
  await counter.close();
  const camera = await folderOf(school, kind, photo);
  // Twice as long as a diner is looked at, so that a busy machine sees frames enough to judge by.
  const adjust = (config: Config): Config => ({
    ...config,
    camera,
    face: { ...config.face, liveness, lookMsMax: 2 * config.face.lookMsMax },
  });
  const terminal = await school.startTerminal({ adjust });
  const views: CheckoutView[] = [];
  terminal.servingLine.onStatus(({ view }) => views.push(view));
  return { terminal, views, personId };
}

/** One of their sample photos, as somebody would copy it, cut around the face. */
async function photoOf(terminal: Terminal): Promise<FloatPicture> {
  const [bytes] = photosOf(NUMBER);
  if (bytes === undefined) throw new Error(`no photo of ${NUMBER}`);
  const { faces, widthPx, heightPx } = await terminal.engine.engine.analyze({ bytes: bytes.slice() });
  const [face] = faces;
  if (face === undefined) throw new Error("the photo shows a face");
  const [x, y, width, height] = face.box;
  const side = Math.floor(Math.min(width / FACE_SHARE, widthPx, heightPx));
  const left = Math.floor(Math.min(Math.max(x + width / 2 - side / 2, 0), widthPx - side));
  const top = Math.floor(Math.min(Math.max(y + height / 2 - side / 2, 0), heightPx - side));
  const raw = await sharp(bytes)
    .extract({ left, top, width: side, height: side })
    .resize(PHOTO_SIDE_PX, PHOTO_SIDE_PX)
    .removeAlpha()
    .raw()
    .toBuffer();
  return {
    data: Float32Array.from(raw, (value) => value / 255),
    widthPx: PHOTO_SIDE_PX,
    heightPx: PHOTO_SIDE_PX,
  };
}

/** A camera before which a frame of this presentation stands for longer than the terminal looks and waits. */
async function folderOf(
  school: School,
  kind: PresentationKind,
  photo: FloatPicture,
): Promise<Config["camera"]> {
  const folder = mkdtempSync(join(school.folder, "presentation-"));
  const [frame] = await presentationFrames(kind, photo, "till");
  if (frame === undefined) throw new Error("a presentation has frames");
  writeFileSync(join(folder, "1.jpg"), frame);
  return { kind: "folder", folder, photoHoldMs: PHOTO_HOLD_MS, framePeriodMs: 200 };
}
